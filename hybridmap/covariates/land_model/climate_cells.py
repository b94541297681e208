"""Layers of the climate, warped onto coarse cells of a region, to the forcing table of CLM5."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from hybridmap.config.climate_layers import ClimateLayers
from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.covariates.land_model.cell_table import write_cell_table
from hybridmap.covariates.land_model.climate import Array, Climate
from hybridmap.covariates.land_model.forcing import forcing_of
from hybridmap.covariates.warp import warp_layer
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

LOG = logging.getLogger("hybridmap")
DEFAULT_M = 50_000.0
"""Edge of a cell: about that of monthly climates and land models."""
FINEST_CELLS = 500_000
"""Cells of a table: beyond, its 5 kB a cell fill the memory of a workstation."""
BLOCK = 10_000
"""Cells whose forcing is computed at a time."""


def write_climate_cells(
    layers: ClimateLayers, assumptions: Assumptions, grid: RegionGrid, data_root: str, out: Path
) -> None:
    """Write the forcing of coarse cells of a region, and the raster of their numbers.

    Parameters
    ----------
    layers : ClimateLayers
        Rasters on any grid.
    assumptions : Assumptions
        All that they do not say.
    grid : RegionGrid
        The region.
    data_root : str
        Folder that relative paths start from.
    out : Path
        As :func:`hybridmap.covariates.land_model.cell_table.write_cell_table`.

    Raises
    ------
    HybridmapError
        If a layer cannot be read, has another unit, or has no cell in common with the others.
    """
    cells = coarse_grid(grid, layers.resolution)
    climate = read_climate(layers, cells, data_root)
    complete = climate.complete()
    if not complete.any():
        raise HybridmapError(f"{out}: no cell under the region has temperature, precipitation and npp at once.")
    climate = climate.of_cells(complete)
    _count_gaps(climate, layers, int((~complete).sum()))
    if shallow := int((climate.bedrock < assumptions.least_soil_depth).sum()):
        LOG.warning("%d cells have bedrock above %g m and take that depth", shallow, assumptions.least_soil_depth)
    number = np.full(complete.shape, -1, dtype="int32")
    number[complete] = np.arange(int(complete.sum()))
    lon, lat = (values[complete] for values in _degrees(cells))
    georeference = {"crs": cells.crs.to_wkt(), "transform": cells.transform()}
    forcing = _forcing(climate, assumptions)
    if frozen := int((forcing["altmax"] == 0.0).all(axis=1).sum()):
        LOG.warning("%d cells never thaw: all their litter stays in the first layer", frozen)
    write_cell_table(out, forcing, (lon, lat), number.reshape(cells.height, cells.width), georeference)


def coarse_grid(grid: RegionGrid, resolution: float | None) -> RegionGrid:
    """Cells of `resolution`, in units of the CRS, from the north-west corner of a region.

    Raises
    ------
    HybridmapError
        If they are finer than those of the region, or too many.
    """
    edge = max(DEFAULT_M / grid.metres_per_unit(), grid.resolution) if resolution is None else resolution
    if edge < grid.resolution:
        raise HybridmapError(
            f"resolution {edge:g} is finer than the cells of the region ({grid.resolution:g} {grid.unit()})."
        )
    width, height = (int(np.ceil(size * grid.resolution / edge - 1e-6)) for size in (grid.width, grid.height))
    if width * height > FINEST_CELLS:
        raise HybridmapError(f"resolution {edge:g} makes {width * height} cells; at most {FINEST_CELLS} fit a table.")
    return RegionGrid(grid.crs, grid.west, grid.north, edge, width, height)


def read_climate(layers: ClimateLayers, cells: RegionGrid, data_root: str) -> Climate:
    """Warp all layers onto cells.

    Parameters
    ----------
    layers : ClimateLayers
        Rasters on any grid.
    cells : RegionGrid
        Cells of the forcing table.
    data_root : str
        Folder that relative paths start from.

    Returns
    -------
    Climate
        Of all cells, row by row; NaN where a layer has no data.

    Raises
    ------
    HybridmapError
        As :func:`hybridmap.covariates.warp.warp_layer`, or if a layer has another unit.
    """

    def months(name: str) -> Array:
        rasters = [warp_layer(month, cells, data_root).ravel() for month in layers.months(name)]
        return np.stack(rasters, axis=1).astype(float)

    single = {
        name: warp_layer(layer, cells, data_root).ravel().astype(float)
        for name, layer in layers.single_layers().items()
    }
    unknown = np.full(cells.height * cells.width, np.nan)
    ground = {name: single.get(name, unknown) for name in ("landcover", "sand", "clay", "bedrock")}
    climate = Climate(months("temperature"), months("precipitation"), single["npp"], _degrees(cells)[1], **ground)
    climate.check()
    return climate


def _forcing(climate: Climate, assumptions: Assumptions) -> dict[str, NDArray[np.float32]]:
    """Forcing of all cells in single precision, made block by block."""
    blocks = [
        {name: values.astype("float32") for name, values in forcing_of(climate.of_cells(block), assumptions).items()}
        for block in (slice(first, first + BLOCK) for first in range(0, len(climate.npp), BLOCK))
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _degrees(cells: RegionGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of all cells, row by row."""
    x, y = np.meshgrid(cells.x, cells.y)
    lon, lat = Transformer.from_crs(cells.crs, "EPSG:4326", always_xy=True).transform(x.ravel(), y.ravel())
    return np.asarray(lon), np.asarray(lat)


def _count_gaps(climate: Climate, layers: ClimateLayers, incomplete: int) -> None:
    """Say what was left out or assumed where a layer has gaps."""
    if incomplete:
        LOG.warning("%d cells have no temperature, precipitation or npp (sea, ice) and no forcing", incomplete)
    for name in layers.single_layers():
        missing = int(np.isnan(getattr(climate, name)).sum())
        if missing:
            LOG.warning("%s: unknown in %d of %d cells, which take what is assumed", name, missing, len(climate.npp))
