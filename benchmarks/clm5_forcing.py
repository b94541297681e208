"""How each assumption of the CLM5 forcing from climate moves SOC to 1 m, one at a time, in the conterminous US.

    python benchmarks/clm5_forcing.py [--every 4] [--resolution 50000]

Parameters of the model stay at their defaults. `mean` is the change of the mean stock of all cells, `5 to 95 %` the
range of the change from cell to cell; `rank r` is the rank correlation over the cells with the stocks to 1 m that
Sanderman et al. (2017) mapped. Needs the folder of open data, HYBRIDMAP_SHARED.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from hybridmap.config import Raster
from hybridmap.config.climate_layers import ClimateLayers
from hybridmap.config.reading import load_config
from hybridmap.covariates.land_model.assumptions import Assumptions, assumptions_table, read_assumptions
from hybridmap.covariates.land_model.climate import Climate
from hybridmap.covariates.land_model.climate_cells import coarse_grid, read_climate
from hybridmap.covariates.land_model.forcing import forcing_of
from hybridmap.covariates.warp import warp_layer
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.process.clm5.matrix import Clm5
from hybridmap.process.clm5.vertical import LAYER_INTERFACES
from hybridmap.process.measured_interval import layer_mean

ROOT = Path(__file__).resolve().parents[1]
ERA5 = "finer_covariates/era5_monthly_climatology_conus_0p25deg.tif"
LAYERS = {
    "temperature": {"path": ERA5, "band": "tas_{month}"},
    "precipitation": {"path": ERA5, "band": "pr_{month}"},
    "npp": {"path": "npp_modis/modis_npp_2023_global_0p5deg.tif"},
    "landcover": {"path": "finer_covariates/modis_igbp_2019_conus_0p05deg.tif"},
}
PUBLISHED = {"path": "soc_maps_sanderman/soc_2010_conus_10km.tif", "band": "ocs_0_100cm_2010_tC_ha", "scale": 0.1}
"""Stocks of 2010 [kg m-2], learned from profiles with climate, terrain and land cover."""
ALTERNATIVES: dict[str, tuple[float | str, ...]] = {
    "warming": (-2.0, 2.0, 4.0), "precipitation_factor": (0.8, 1.2), "npp_factor": (0.8, 1.2),
    "thermal_diffusivity": (0.3e-6, 0.8e-6), "snow_factor": (0.2, 1.0), "thaw_depth": ("wave",),
    "stefan_factor": (0.02, 0.06), "root_depth": (0.5, 2.0), "snow_melt": (1.0, 6.0), "dry_potential": (-1.5, -10.0),
    "wet_potential": (-0.001, -0.033), "frozen_water": ("as_thawed",), "least_water_scalar": (0.01, 0.1),
    "sand": (20.0, 70.0), "clay": (8.0, 40.0), "wood_share_forest": (0.1, 0.4), "wood_share_savanna": (0.0, 0.25),
    "wood_share_open": (0.05,), "wood_share_unknown": (0.0, 0.25), "litter_share_cropland": (0.6,),
    "metabolic_share": (0.1, 0.4), "lignin_share": (0.1, 0.4), "litter_season": ("temperature",),
    "oxygen_scalar": (0.8,), "nitrogen_scalar": (0.7, 1.0), "least_soil_depth": (0.2, 1.0),
}  # fmt: skip
"""Values beside the default of each assumption."""


def stock_to_1m(climate: Climate, assumptions: Assumptions) -> NDArray[np.float64]:
    """SOC to 1 m of each cell [kg m-2] with default parameters."""
    forcing = {name: torch.tensor(np.array(v)) for name, v in forcing_of(climate, assumptions).items()}
    soc = Clm5()({}, forcing)["soc"]
    ends = torch.tensor(LAYER_INTERFACES, dtype=soc.dtype)
    return np.asarray(layer_mean(soc, 1, ends, soc.new_zeros(()), soc.new_ones(()))) / 1000.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=4, help="take every n-th cell")
    parser.add_argument("--resolution", type=float, default=50_000.0, help="edge of a cell [m]")
    args = parser.parse_args()
    region = load_config(ROOT / "config.yaml", ROOT / "resources/regions/conus_open.yaml")
    layers = ClimateLayers.model_validate(LAYERS)
    cells = coarse_grid(RegionGrid.of(region.grid), args.resolution)
    climate = read_climate(layers, cells, region.data_root)
    published = warp_layer(Raster.model_validate({"name": "published", **PUBLISHED}), cells, region.data_root).ravel()
    chosen_cells = climate.complete() & (np.arange(len(climate.npp)) % args.every == 0)
    chosen_cells &= np.nan_to_num(published) > 0
    climate, published = climate.of_cells(chosen_cells), published[chosen_cells]
    plain = stock_to_1m(climate, Assumptions())
    sys.stdout.write(
        f"{len(plain)} cells, {plain.mean():.1f} kg m-2 to 1 m on average, {published.mean():.1f} in the published map;"
        f" rank r {spearmanr(plain, published)[0]:.3f}, of NPP alone {spearmanr(climate.npp, published)[0]:.3f},"
        f" of mean temperature {spearmanr(climate.air_temperature.mean(axis=1), published)[0]:.3f}\n\n"
        "| assumption | default | tried | mean [%] | 5 to 95 % of cells [%] | rank r |\n|---|---|---|---|---|---|\n"
    )
    for entry in assumptions_table():
        for value in ALTERNATIVES[entry.key]:
            stock = stock_to_1m(climate, read_assumptions({entry.key: value}))
            mean, (low, high) = stock.mean() / plain.mean() - 1, np.percentile(stock / plain - 1, [5, 95])
            value_text, default = (v if isinstance(v, str) else f"{v:g}" for v in (value, entry.default))
            change = f"{100 * mean:+.1f} | {100 * low:+.1f} to {100 * high:+.1f} | {spearmanr(stock, published)[0]:.3f}"
            sys.stdout.write(f"| `{entry.key}` | {default} | {value_text} | {change} |\n")


if __name__ == "__main__":
    main()
