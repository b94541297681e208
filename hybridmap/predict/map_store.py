"""The store that maps are written to: how it is laid out and encoded, and what it depends on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from hybridmap.covariates.cube import Cube
from hybridmap.covariates.excluded_cells import EXCLUDED
from hybridmap.grid.depth_axis import (
    DEPTH,
    TIME,
    Interval,
    create_depth_axis,
    depth_attributes,
    write_interval,
    write_years,
)
from hybridmap.grid.resumable_store import ResumableStore
from hybridmap.grid.store import consolidate, create_grid_store, create_layer, shard_edge
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.model.storage import MEMBERS, SPECIFICATION, WEIGHTS
from hybridmap.predict.map_layers import CLASS_FILL, MapLayer
from hybridmap.predict.portrayal import Portrayal
from hybridmap.predict.recipe import Recipe
from hybridmap.train.device import CPU

YEARS = "layer_years"
"""Attribute of a store and its maps: the year of each layer that has years."""


class MapStore(ResumableStore):
    """A store of maps while it is made: a layer a map, encoded as the map says."""

    def begin(
        self,
        identity: str,
        layers: Mapping[str, MapLayer],
        cube: Cube,
        edge: int,
        years: tuple[int, ...] = (),
        depths: Sequence[Interval] = (),
        interval: Interval | None = None,
    ) -> None:
        """Create the store, or keep one that was begun for the same maps, grid and tiles.

        Parameters
        ----------
        identity : str
            What the whole store depends on, see :func:`identity_of`.
        layers : mapping of str to MapLayer
            Path of each map in the store, and its encoding.
        cube : Cube
            For its grid.
        edge : int
            Edge of a tile in cells.
        years : tuple of int
            First and last year of the observations; none where no year is known.
        depths : sequence of Interval
            Intervals that are mapped; none for one interval, whose maps have no axis of depth.
        interval : Interval, optional
            That one interval.
        """
        layer_years = {YEARS: words} if (words := cube.year_words()) else {}

        def create(path: Path) -> None:
            about = depth_attributes(depths or ([interval] if interval else []))
            root = create_grid_store(path, cube.grid, {**about, "model_fingerprint": identity, **layer_years})
            if depths:
                create_depth_axis(root, depths)
            elif interval is not None:
                write_interval(root, interval)
            if years:
                write_years(root, years[0], years[-1])
            scalars = [axis for axis in (DEPTH, TIME) if axis in root and not (axis == DEPTH and depths)]
            coordinates = {"coordinates": " ".join(["spatial_ref", *scalars])}
            for name, layer in layers.items():
                folder, _, plain = name.rpartition("/")
                group = root.require_group(folder) if folder else root
                lead = {DEPTH: len(depths)} if depths and layer.has_depth else {}
                sizes = {**lead, **cube.grid.sizes}
                create_layer(
                    group, plain, sizes, edge, layer.attributes() | layer_years | coordinates, layer.dtype, layer.fill
                )
            if cube.excluded_labels:
                _copy_excluded(root, cube, edge, coordinates)
            consolidate(path)

        self.resume_or_create(identity, create)

    def is_done(self, tile: Tile, key: str) -> bool:
        """Whether `tile` is finished, from the same part of the cube."""
        return (self.receipt(tile) or b"").partition(b" ")[0] == key.encode()

    def tiles_of_device(self, tiles: Iterable[Tile]) -> dict[str, int]:
        """How many of some finished tiles each device made."""
        receipts = ((self.receipt(tile) or b"").decode() for tile in tiles)
        return dict(Counter(receipt.partition(" ")[2] or CPU for receipt in receipts))

    def write(
        self,
        tile: Tile,
        maps: Mapping[str, NDArray[np.float32]],
        layers: Mapping[str, MapLayer],
        key: str,
        device: str = CPU,
    ) -> None:
        """Write the maps of one tile and then its receipt; a tile without data leaves a receipt alone.

        Parameters
        ----------
        tile : Tile
            Its cells.
        maps : mapping of str to array
            Values of each map in its unit, shape (row, column) or (depth, row, column), NaN where there are none.
        layers : mapping of str to MapLayer
            How each is encoded.
        key : str
            State of the part of the cube that they are made from, see :func:`tile_keys`.
        device : str
            Name of the device that made them.

        Raises
        ------
        HybridmapError
            If the disk is full, or a value does not fit its encoding; what is finished stays.
        """
        encoded = ((name, layers[name].encode(values, name)) for name, values in maps.items())
        self.write_tile(tile, encoded, (key if device == CPU else f"{key} {device}").encode())


def _copy_excluded(root: zarr.Group, cube: Cube, edge: int, coordinates: Mapping[str, str]) -> None:
    """Write which cells are left out by their class: where a map has no value for that reason."""
    codes = dict(enumerate(cube.excluded_labels, start=1))
    words = "class by which the cell is left out of all maps"
    layer = MapLayer("1", words, "class", codes, portrayal=Portrayal("trust", "Excluded land", "Set3", rank=3))
    array = create_layer(
        root, EXCLUDED, cube.grid.sizes, edge, {**layer.attributes(), **coordinates}, layer.dtype, layer.fill
    )
    for tile in tiles_of(cube.grid, shard_edge(edge)):
        numbers = cube.excluded(tile)
        array[tile.slices] = np.where(numbers > 0, numbers, CLASS_FILL)


def identity_of(recipe: Recipe, cube: Cube, edge: int) -> str:
    """What a whole store depends on: everything but the values of the cube.

    Parameters
    ----------
    recipe : Recipe
        What is mapped, and by which model.
    cube : Cube
        For its grid and the names of its layers.
    edge : int
        Edge of a tile in cells.

    Returns
    -------
    str
        Digest of the settings, the files of the model, and the grid.
    """
    block = recipe.predict.model_dump(exclude={"tile", "workers", "parts", "year", "accept_implausible"}, mode="json")
    depths = [asdict(interval) for interval in (recipe.interval, *recipe.depths)]
    settings = [block, asdict(recipe.uncertainty), depths, recipe.keep_draws, edge]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    files = [recipe.model / WEIGHTS, recipe.model / SPECIFICATION, recipe.model / MEMBERS]
    for file in (*files, recipe.calibration, recipe.applicability, recipe.expected_error):
        if file is not None and file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(json.dumps([cube.grid.spatial_ref(), cube.grid.height, cube.grid.width], sort_keys=True).encode())
    digest.update(json.dumps([cube.covariate_names, cube.forcing_names]).encode())
    digest.update(cube.year_words().encode())
    if cube.excluded_labels:
        digest.update(json.dumps(cube.excluded_labels).encode() + cube.excluded(cube.grid.extent).tobytes())
    return digest.hexdigest()


def tile_keys(cube: Cube, tiles: list[Tile]) -> dict[str, str]:
    """Name of each tile → the state of the shards of the cube that it is made from."""
    keys = {}
    for tile in tiles:
        digest = hashlib.sha256()
        for path in cube.shard_files(tile):
            status = path.stat() if path.is_file() else None
            state = "absent" if status is None else f"{status.st_size} {status.st_mtime_ns}"
            digest.update(f"{path.relative_to(cube.path)} {state}\n".encode())
        keys[tile.name] = digest.hexdigest()
    return keys
