"""Zarr stores on the grid of a region: how they are laid out, and how their maps are read."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from pyproj import CRS
from zarr.codecs import BloscCodec
from zarr.errors import ZarrUserWarning

from hybridmap.grid.outline import place_attributes
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile

CHUNK = 128
"""Edge of a chunk of all layers in cells; a shard of the size of a tile holds many."""
WIDE = 512
"""Largest edge of a chunk of a single layer: each chunk costs time of its own."""
SMALL_CELLS = 1 << 20
"""A grid of no more cells has a file a chunk: few files, which programs read that know no shards."""
VOCABULARY = {"standard_name_vocabulary": "CF Standard Name Table v93"}
"""In which the standard names of all stores stand."""
COMPRESSION = BloscCodec(cname="lz4", clevel=3, shuffle="shuffle")
"""Neighbours share their leading bytes: about as small as zstd on warped layers, and quicker to read."""


def create_grid_store(path: Path, grid: RegionGrid, attributes: Mapping[str, Any]) -> zarr.Group:
    """Create a Zarr v3 store with ``x``, ``y`` and the CF grid mapping ``spatial_ref``.

    Parameters
    ----------
    path : Path
        Where; what is there is replaced.
    grid : RegionGrid
        Its cells.
    attributes : mapping of str to Any
        Of the store, beside the conventions that it follows.

    Returns
    -------
    zarr.Group
        The store, for its layers.
    """
    root = zarr.create_group(str(path), zarr_format=3, overwrite=True)
    root.attrs.update({"Conventions": "CF-1.11, ACDD-1.3", **VOCABULARY, **place_attributes(grid), **attributes})
    write_grid_axes(root, grid)
    return root


def write_grid_axes(group: zarr.Group, grid: RegionGrid) -> None:
    """Write ``x``, ``y`` and ``spatial_ref`` into a group, so that it is read without those above it."""
    is_geographic = grid.crs.is_geographic
    names = ("longitude", "latitude") if is_geographic else ("projection_x_coordinate", "projection_y_coordinate")
    units = ("degrees_east", "degrees_north") if is_geographic else (grid.unit(),) * 2
    for axis, values, name, unit in zip("xy", (grid.x, grid.y), names, units, strict=True):
        array = group.create_array(axis, shape=values.shape, dtype="float64", dimension_names=(axis,))
        array[:] = values
        words = {"standard_name": name, "long_name": f"{axis} of the middle of the cell", "units": unit}
        array.attrs.update({**words, "axis": axis.upper()})
    reference = group.create_array("spatial_ref", shape=(), dtype="int32")
    reference.attrs.update({"long_name": "coordinate reference system", **grid.spatial_ref()})


def consolidate(path: Path) -> None:
    """Put what all groups and arrays of a store are into its first file: one request opens it."""
    with warnings.catch_warnings():
        # Zarr says that other programs may not read it; these read the single files as before.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(str(path))


def stored_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as NetCDF has them: numbers, text and lists of them; what has parts is JSON, what is None is left out.

    Examples
    --------
    >>> stored_attributes({"a": None, "b": True, "c": [{"d": 1}], "e": [1, 2]})
    {'b': 1, 'c': '[{"d": 1}]', 'e': [1, 2]}
    """
    return {name: _stored(value) for name, value in attributes.items() if value is not None}


def _stored(value: Any) -> Any:
    parts = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(part, Mapping | list | tuple) or part is None for part in parts):
        return json.dumps(value, ensure_ascii=False)
    return int(value) if isinstance(value, bool) else value


def grid_of(root: zarr.Group) -> RegionGrid:
    """Grid of a store made by :func:`create_grid_store`."""
    attributes: Any = root["spatial_ref"].attrs
    west, resolution, _, north, _, _ = (float(v) for v in attributes["GeoTransform"].split())
    x, y = root["x"], root["y"]
    crs = CRS.from_wkt(attributes["spatial_ref"])
    return RegionGrid(crs, west, north, resolution, x.shape[0], y.shape[0])  # type: ignore[union-attr]


def shard_edge(tile: int) -> int:
    """Edge of a shard, and so of what one task writes: the smallest multiple of a chunk that is not below `tile`.

    Examples
    --------
    >>> shard_edge(64), shard_edge(256), shard_edge(300)
    (64, 256, 384)
    """
    chunk = min(CHUNK, tile)
    return -(-tile // chunk) * chunk


def create_layer(
    group: zarr.Group,
    name: str,
    sizes: Mapping[str, int],
    tile: int,
    attributes: Mapping[str, Any],
    dtype: str = "float32",
    fill: float = np.nan,
) -> Any:
    """Create one array of the grid: a shard a tile (of a dimension ``year`` one a year), chunks inside.

    Chunks of many layers are small; those of a single one are as large as fits. Where a shard would be one chunk, and
    in a small grid, there are no shards but a chunk a tile.

    Parameters
    ----------
    group : zarr.Group
        A store made by :func:`create_grid_store`, or a group in it.
    name : str
        Of the array.
    sizes : mapping of str to int
        Dimension → size, in order; the last two are those of :attr:`RegionGrid.sizes`.
    tile : int
        Edge of a tile in cells.
    attributes : mapping of str to Any
        Of the array, beside the grid mapping.
    dtype : str
        Type of its values.
    fill : float
        Value of cells that nothing is written to.

    Returns
    -------
    zarr.Array
        The array, empty.
    """
    shape, shard = tuple(sizes.values()), shard_edge(tile)
    # Years are read one at a time, other dimensions whole.
    lead = tuple(1 if name == "year" else size for name, size in list(sizes.items())[:-2])
    chunk = min(CHUNK, tile) if max(lead, default=1) > 1 else _wide_chunk(shard, min(CHUNK, tile))
    is_small = shape[-1] * shape[-2] <= SMALL_CELLS
    array = group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(*lead, shard, shard) if is_small else (*lead, chunk, chunk),
        shards=None if is_small or chunk == shard else (*lead, shard, shard),
        compressors=COMPRESSION,
        fill_value=fill,
        dimension_names=tuple(sizes),
    )
    # As a coordinate, so that xarray finds the CRS without being told to decode grid mappings.
    about = {"grid_mapping": "spatial_ref", "coordinates": "spatial_ref", **attributes}
    array.attrs.update(stored_attributes(about))
    return array


def file_shape(array: Any) -> tuple[int, ...]:
    """Cells of one file of an array made by :func:`create_layer`, along each dimension: a shard, or a chunk."""
    return tuple(array.shards or array.chunks)


def shard_names(array: Any, name: str, tile: Tile) -> list[str]:
    """Files of a store that hold the cells of a tile.

    Parameters
    ----------
    array : zarr.Array
        Made by :func:`create_layer`.
    name : str
        Its path in the store.
    tile : Tile
        The cells.

    Returns
    -------
    list of str
        From the folder of the store; a shard without values has no file.
    """
    sizes = file_shape(array)
    edge = sizes[-1]
    leads = [range(size // shard) for size, shard in zip(array.shape[:-2], sizes, strict=False)]
    rows, columns = (range(s.start // edge, -(-s.stop // edge)) for s in tile.slices)
    return ["/".join([name, "c", *map(str, index)]) for index in product(*leads, rows, columns)]


def _wide_chunk(shard: int, chunk: int) -> int:
    """Edge of the chunks of a single layer: its shard, or the largest part of it that is not above :data:`WIDE`."""
    return shard if shard <= WIDE else next((c for c in (WIDE, WIDE // 2) if shard % c == 0), chunk)


def read_map(array: Any, window: tuple[slice, slice] = np.s_[:, :]) -> NDArray[np.float64]:
    """Values of an array made by :func:`create_layer` in its unit, shape (row, column), NaN where there are none."""
    values, attributes = np.asarray(array[window]), array.attrs
    if "_FillValue" not in attributes:
        return values.astype("float64")
    valid = values != attributes["_FillValue"]
    return np.where(valid, values * float(attributes.get("scale_factor", 1.0)), np.nan)


def thinned_map(array: Any, most: int = 4_000_000) -> NDArray[np.float32]:
    """As :func:`read_map`, every k-th row and column so that there are no more than `most` cells."""
    height, width = array.shape
    return every_kth(array, int(np.ceil(np.sqrt(height * width / most))) if height * width > most else 1)


def every_kth(array: Any, step: int) -> NDArray[np.float32]:
    """As :func:`read_map`, every `step`-th row and column, a row of shards at a time."""
    height, edge = array.shape[0], file_shape(array)[0]
    strips = [read_map(array, np.s_[row : row + edge, :])[-row % step :: step, ::step].astype("float32")
              for row in range(0, height, edge)]  # fmt: skip
    return np.concatenate(strips)
