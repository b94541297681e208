"""Check the climate that the forcing of CLM5 is made of, and tell what the workflow makes of it later."""

from __future__ import annotations

from pathlib import Path

from hybridmap.check.inputs import experiment_files
from hybridmap.config import Config, Raster
from hybridmap.config.climate_layers import ClimateLayers
from hybridmap.covariates.land_model.assumptions import read_assumptions
from hybridmap.covariates.land_model.climate_cells import coarse_grid, read_climate
from hybridmap.files.paths import under
from hybridmap.files.results import RegionFiles
from hybridmap.grid.region_grid import RegionGrid

AWAITED = "made of 'clm5_forcing' when the workflow runs, and checked again once it is there"


def check_climate(config: Config, layers: ClimateLayers) -> str:
    """Read the climate as the workflow will.

    Returns
    -------
    str
        How many cells it has.

    Raises
    ------
    HybridmapError
        For a layer that is not there or of another unit, a missing month, or an unknown assumption.
    """
    read_assumptions(layers.assumptions)
    cells = coarse_grid(RegionGrid.of(config.grid), layers.resolution)
    read_climate(layers, cells, config.data_root)
    return f"climate of {cells.width} x {cells.height} cells"


def awaits_raster(config: Config, layer: Raster) -> bool:
    """Whether a layer is the raster of cells, which is not made yet."""
    return layer.path is not None and _is_awaited(config, under(config.data_root, layer.path))


def awaits_table(config: Config, experiment: str) -> bool:
    """Whether the process model of an experiment reads the table, which is not made yet."""
    return any(_is_awaited(config, Path(path)) for path in experiment_files(config, experiment))


def _is_awaited(config: Config, path: Path) -> bool:
    files = RegionFiles(Path(config.results) / config.region)
    products = {file.resolve() for file in (files.clm5_table, files.clm5_cells)}
    return config.clm5_forcing is not None and path.resolve() in products and not path.exists()
