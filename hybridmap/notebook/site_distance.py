"""How far the rows of a table are from the sites: maps widen intervals by it, so predictions for a table do too."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile
from hybridmap.model.training_range import TableWarning
from hybridmap.predict.cell_extent import ExtentOfSites

COLUMN = "site_distance"
"""Distance to the fifth nearest place of the sites [km], in a table and among the maps."""
ON_GRID = 1e-3
"""How far the middle of a cell may be off, over the size of the cell."""
Array = NDArray[np.float64]


def with_site_distance(table: Any, extent: ExtentOfSites, grid: RegionGrid) -> Any:
    """Add the column :data:`COLUMN` to a table that says where its rows are.

    Parameters
    ----------
    table : mapping, DataFrame, Series or Dataset
        With ``lon`` and ``lat`` in degrees; or a Dataset with ``x`` and ``y`` of cells of the grid.
    extent : ExtentOfSites
        Of the model.
    grid : RegionGrid
        Of the maps.

    Returns
    -------
    of the kind of the table
        With the column; as it is where nobody asks for places, it has the column, or it has no place.

    Warns
    -----
    TableWarning
        If it has no place, so that intervals are narrower than those of the maps far from all sites.
    """
    if not extent.needs_places or COLUMN in table:
        return table
    if hasattr(table, "data_vars") and (cells := _cells_of(table, grid)) is not None:
        rows, columns = cells
        tile = Tile(int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
        distances = extent.distances_km(grid, tile)
        assert distances is not None
        return table.assign({COLUMN: (("y", "x"), distances.numpy()[np.ix_(rows - tile.row0, columns - tile.col0)])})
    if "lon" not in table or "lat" not in table:
        warnings.warn(
            "the table has no lon and lat (or x and y of the grid), so intervals are not widened far from all sites as"
            " those of the maps are.",
            TableWarning,
            stacklevel=4,
        )
        return table
    lon, lat = (np.asarray(table[name], "float64") for name in ("lon", "lat"))
    return _with_column(table, extent.point_distances_km(lon.ravel(), lat.ravel()).reshape(lon.shape))


def _with_column(table: Any, values: Array) -> Any:
    if hasattr(table, "data_vars"):
        return table.assign({COLUMN: (table["lon"].dims, values)})
    if hasattr(table, "columns"):
        return table.assign(**{COLUMN: values})
    if isinstance(table, Mapping):
        return {**table, COLUMN: values}
    return type(table)({**table.to_dict(), COLUMN: float(values)}, name=table.name)


def _cells_of(table: Any, grid: RegionGrid) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Rows and columns of the grid that a Dataset is of; None where it is not of the grid."""
    if not {"x", "y"} <= set(table.dims) & set(table.coords):
        return None
    indices = []
    for axis, centres in (("y", grid.y), ("x", grid.x)):
        values = np.asarray(table[axis], "float64")
        step = centres[1] - centres[0] if len(centres) > 1 else grid.resolution
        index = np.rint((values - centres[0]) / step).astype("int64")
        inside = (index >= 0) & (index < len(centres))
        if not inside.all() or np.abs(values - centres[index]).max(initial=0.0) > ON_GRID * abs(step):
            return None
        indices.append(index)
    return indices[0], indices[1]
