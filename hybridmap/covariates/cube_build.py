"""Building the covariate cube: all layers on one grid in one sharded Zarr store."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from numpy.typing import NDArray
from rasterio.windows import Window

from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import FORCING, FORMAT, FORMAT_WITH_YEARS, MASK
from hybridmap.covariates.excluded_cells import EXCLUDED, ExcludedCells
from hybridmap.covariates.layers import PreparedLayer, prepare_layers
from hybridmap.covariates.prepared_years import PreparedYears
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.resumable_store import ResumableStore
from hybridmap.grid.store import consolidate, create_grid_store, create_layer, shard_edge, write_grid_axes
from hybridmap.grid.tiles import Tile, tiles_of

LOG = logging.getLogger("hybridmap")
COMPLETE_CHUNK = 1024
"""Edge of the chunks of the array of complete cells."""
CONTENT = {"coverage_content_type": "auxiliaryInformation"}
"""What every layer is, by ISO 19115."""


@dataclass(frozen=True)
class _Content:
    """What the store holds, and where.

    Attributes
    ----------
    title, region : str
        Of the store.
    grid : RegionGrid
        Its cells.
    tile : int
        Edge of a tile in cells.
    covariates, forcing : mapping of str to PreparedLayer
        Layers by name, in order.
    dated : mapping of str to PreparedYears
        Layers that have years, by key.
    exclusion : ExcludedCells
        What is left out by its class.
    prepared : mapping of str to PreparedLayer
        All layers by key, of which some tell where it is.
    """

    title: str
    region: str
    grid: RegionGrid
    tile: int
    covariates: Mapping[str, PreparedLayer]
    forcing: Mapping[str, PreparedLayer]
    dated: Mapping[str, PreparedYears]
    exclusion: ExcludedCells
    prepared: Mapping[str, PreparedLayer]

    def identity(self) -> str:
        """What the whole store depends on."""
        layers = [[layer.record["fingerprint"], layer.facts()] for layer in self._single_layers()]
        layers += [[layer.fingerprints(), layer.attributes()] for layer in self.dated.values()]
        parts = [self.title, layers, self.tile]
        if self.exclusion.blocks:
            keys = sorted({excluded.key for classes, _ in self.exclusion.blocks for excluded in classes})
            parts += [repr(self.exclusion), [self.prepared[key].record["fingerprint"] for key in keys]]
        return json.dumps(parts)

    def excluded(self, tile: Tile) -> NDArray[np.uint8]:
        """Class by which each cell of a tile is left out, (row, column); 0 for none."""
        return self.exclusion.numbers(lambda key: _read_all([self.prepared[key]], tile)[0])

    def about(self) -> dict[str, str]:
        """Attributes of the store, by ACDD's names; the licence where that of each layer is known."""
        records = [layer.record for layer in self._single_layers()]
        records += [raster.record for layer in self.dated.values() for raster in layer.rasters.values()]
        licences = sorted({str(record.get("licence", "")) for record in records})
        names = [*self.covariates, *self.forcing, *(key.removeprefix(FORCING) for key in self.dated)]
        attributes = {
            "title": f"Covariates of {self.title}",
            "summary": f"Covariates and forcing of {self.title} on one grid: {', '.join(dict.fromkeys(names))}",
            "keywords": "covariates, forcing, digital soil mapping",
            "source": "rasters whose files, licences and digests are attributes of each layer",
            "history": "hybridmap: cube",
            "processing_level": "rasters warped onto one grid",
            "comment": "the array complete is 1 where every layer has a value",
            "license": "; ".join(licences) if all(licences) else "",
        }
        return {name: text for name, text in attributes.items() if text}

    def _single_layers(self) -> list[PreparedLayer]:
        return [*self.covariates.values(), *self.forcing.values()]


def build_cube(layers: RegionLayers, out: Path, tile: int, folder: Path | None = None, workers: int = 0) -> None:
    """Bring every covariate and forcing layer onto the grid and write the store `out`, whole or not at all.

    Parameters
    ----------
    layers : RegionLayers
        The layers and their grid.
    out : Path
        Store to write. While unfinished it is ``{out}.partial``, and a run with the same layers continues it.
    tile : int
        Edge of a tile in cells; also the shard of the store.
    folder : Path, optional
        Folder of the single layers; by default ``layers`` beside the store. They are made again only if they changed.
    workers : int
        Layers, then tiles at a time; 0 takes all cores given to the process.

    Raises
    ------
    HybridmapError
        As :func:`hybridmap.covariates.layers.prepare_layers`; for a covariate that is constant in the region; if no
        cell has all layers; or if another run writes the store.
    """
    if not layers.covariates:
        raise HybridmapError("the region has no covariates; add rasters under 'covariates'.")
    prepared = prepare_layers(layers, folder or out.with_name("layers"), workers)
    covariates = {layer.name: prepared[layer.name] for layer in layers.covariates if not layer.years}
    forcing = {layer.name: prepared[f"forcing.{layer.name}"] for layer in layers.forcing if not layer.years}
    dated = {
        key: PreparedYears(layer, {year: prepared[f"{key}@{year}"] for year in layer.year_list})
        for key, layer in layers.dated().items()
    }
    records = {name: layer.record for name, layer in covariates.items()}
    _refuse_constant(records | {key: dated[key].attributes() for key in dated if not key.startswith("forcing.")})
    grid = RegionGrid.of(layers.grid)
    exclusion = ExcludedCells.of(layers)
    content = _Content(layers.title, layers.region, grid, tile, covariates, forcing, dated, exclusion, prepared)
    store = ResumableStore(out)
    with store.lock():
        store.resume_or_create(content.identity(), lambda path: _create(path, content))
        _write_tiles(store, content, workers)
        if not _complete(store, content):
            excluded = _excluded_counts(store, content)
            store.discard()
            raise _no_cell(excluded)
        store.finish()
        store.drop_receipts()


def _no_cell(excluded: Mapping[str, int]) -> HybridmapError:
    """What to say where nothing is left to map."""
    if not sum(excluded.values()):
        return HybridmapError("no cell of the region has all covariates and forcing; their data areas do not meet.")
    words = ", ".join(f"{label}: {count:,}" for label, count in excluded.items() if count)
    return HybridmapError(
        f"no cell of the region is left: 'exclude' takes {sum(excluded.values()):,} ({words}), and the others lack a"
        " covariate or forcing; leave a class out of it, or raise its share."
    )


def _excluded_counts(store: ResumableStore, content: _Content) -> dict[str, int]:
    """Cells that each class takes, by its label."""
    labels = content.exclusion.labels
    counts = np.zeros(len(labels) + 1, dtype=int)
    root: Any = zarr.open_group(str(store.partial), mode="r")
    for tile in _tiles(content) if labels else []:
        counts += np.bincount(np.asarray(root[EXCLUDED][tile.slices]).ravel(), minlength=len(counts))
    return dict(zip(labels, counts[1:].tolist(), strict=True))


def _refuse_constant(records: Mapping[str, Mapping[str, Any]]) -> None:
    for name, record in records.items():
        value, path = record["minimum"], record["path"]
        if value == record["maximum"]:
            raise HybridmapError(
                f"covariate '{name}' ({path or 'derived'}): constant at {value:g} in the region, so nothing can be"
                " learned from it; remove it from 'covariates'."
            )


def _create(path: Path, content: _Content) -> None:
    """Lay out the empty store."""
    root = create_grid_store(path, content.grid, content.about())
    count, sizes = len(content.covariates), content.grid.sizes
    if count:
        band = root.create_array("band", shape=(count,), dtype=str, dimension_names=("band",))
        band[:] = np.array(list(content.covariates), dtype=object)
        band.attrs["long_name"] = "name of the covariate"
        bands = [layer.facts() for layer in content.covariates.values()]
        words = {"long_name": "covariates of the network, each in its unit", "bands": bands, **CONTENT}
        create_layer(root, "covariates", {"band": count, **sizes}, content.tile, words)
    group = root.create_group("forcing")
    write_grid_axes(group, content.grid)
    for name, layer in content.forcing.items():
        create_layer(group, name, sizes, content.tile, layer.facts() | CONTENT)
    shape = tuple(sizes.values())
    chunks = tuple(min(COMPLETE_CHUNK, size) for size in shape)
    complete = root.create_array("complete", shape=shape, dtype="uint8", chunks=chunks, dimension_names=tuple(sizes))
    of_years = " that have no years" if content.dated else ""
    long_name = f"all covariates and forcing{of_years} are known"
    complete.attrs.update({"long_name": long_name, "units": "1", "coordinates": "spatial_ref", **CONTENT})
    if content.exclusion.blocks:
        _create_excluded(root, content)
    if content.dated:
        _create_years(root.create_group("years"), content)


def _create_excluded(root: zarr.Group, content: _Content) -> None:
    """Lay out the array of what is left out by its class."""
    labels = ["not excluded", *content.exclusion.labels]
    meanings = " ".join(label.replace(" ", "_") for label in labels)
    words = {"long_name": "class that the cell is left out by", "labels": labels, "units": "1"}
    flags = {"flag_values": list(range(len(labels))), "flag_meanings": meanings}
    create_layer(root, EXCLUDED, content.grid.sizes, content.tile, words | flags | CONTENT, dtype="uint8", fill=0)


def _create_years(years: zarr.Group, content: _Content) -> None:
    """Lay out a group of each layer that has years: its values, where they are known, and the coordinate ``year``."""
    years.attrs["layers"] = list(content.dated)
    for key, layer in content.dated.items():
        group = years.create_group(key)
        write_grid_axes(group, content.grid)
        axis = group.create_array("year", shape=(len(layer.rasters),), dtype="int32", dimension_names=("year",))
        axis[:] = list(layer.rasters)
        axis.attrs.update({"long_name": "year", "units": "1"})
        sizes = {"year": len(layer.rasters), **content.grid.sizes}
        create_layer(group, key, sizes, content.tile, layer.attributes() | CONTENT)
        words = {"long_name": f"{layer.layer.name} is known"}
        create_layer(group, MASK, sizes, content.tile, words, dtype="uint8", fill=0)


def _tiles(content: _Content) -> list[Tile]:
    return list(tiles_of(content.grid, shard_edge(content.tile)))


def _write_tiles(store: ResumableStore, content: _Content, workers: int) -> None:
    """Write the tiles that have no receipt, several at a time."""
    missing = [tile for tile in _tiles(content) if store.receipt(tile) is None]
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(lambda tile: _write_tile(store, content, tile), missing):
            store.sign_of_life()


def _write_tile(store: ResumableStore, content: _Content, tile: Tile) -> None:
    """Copy the layers of one tile; the receipt holds its complete cells, without and in the latest of years."""
    arrays: dict[str, NDArray[Any]] = {}
    complete = np.ones(tile.shape, dtype=bool)
    if content.covariates:
        arrays["covariates"] = _read_all(content.covariates.values(), tile)
        complete &= np.isfinite(arrays["covariates"]).all(axis=0)
    for name, layer in content.forcing.items():
        arrays[f"forcing/{name}"] = values = _read_all([layer], tile)[0]
        complete &= np.isfinite(values)
    in_latest = complete.copy()
    for key, dated in content.dated.items():
        arrays[f"years/{key}/{key}"] = steps = _read_all(dated.rasters.values(), tile)
        arrays[f"years/{key}/{MASK}"] = is_known = np.isfinite(steps).astype("uint8")
        in_latest &= is_known[-1].astype(bool)
    if content.exclusion.blocks:
        arrays[EXCLUDED] = excluded = content.excluded(tile)
        _leave_out(arrays, excluded > 0)
        complete, in_latest = complete & (excluded == 0), in_latest & (excluded == 0)
    counted = [complete, in_latest] if content.dated else [complete]
    store.write_tile(tile, arrays.items(), np.packbits(counted).tobytes())


def _leave_out(arrays: Mapping[str, NDArray[Any]], is_excluded: NDArray[np.bool_]) -> None:
    """Make the values of excluded cells unknown, of all layers (…, row, column)."""
    for name, values in arrays.items():
        if name != EXCLUDED:
            values[..., is_excluded] = 0 if values.dtype == "uint8" else np.nan


def _read_all(layers: Collection[PreparedLayer], tile: Tile) -> NDArray[np.float32]:
    """Cells of a tile of some layers, shape (layer, row, column)."""
    values = np.empty((len(layers), *tile.shape), dtype="float32")
    for field, layer in zip(values, layers, strict=True):
        with rasterio.open(layer.path) as file:
            file.read(1, window=Window.from_slices(*tile.slices), out=field)
    return values


def _complete(store: ResumableStore, content: _Content) -> int:
    """Note which cells are complete, and the state of the store; returns how many are in the latest of years."""
    complete = np.zeros((content.grid.height, content.grid.width), dtype=bool)
    count, fields = 0, 2 if content.dated else 1
    for tile in _tiles(content):
        bits = np.frombuffer(store.receipt(tile) or b"", dtype="uint8")
        of_tile = np.unpackbits(bits, count=fields * tile.cells).reshape(fields, *tile.shape)
        complete[tile.slices] = of_tile[0]
        count += int(of_tile[-1].sum())
    root: Any = zarr.open_group(str(store.partial), mode="r+")
    root["complete"][:] = complete
    version = FORMAT_WITH_YEARS if content.dated else FORMAT
    root.attrs.update({"region": content.region, "valid_cells": count, "format": version})
    consolidate(store.partial)
    covariates = len(content.covariates) + sum(not key.startswith("forcing.") for key in content.dated)
    LOG.info("%d covariates on %d x %d cells, %d of them complete", covariates, *complete.shape, count)
    for label, cells in _excluded_counts(store, content).items():
        LOG.log(logging.INFO if cells else logging.WARNING, "excluded: %d cells by %s", cells, label)
    return count
