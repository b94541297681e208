"""What a warmer and a drier climate make of the soil of the conterminous United States, as changed inputs of CLM5.

snakemake --cores 2 --configfile resources/regions/conus_clm5.yaml
python benchmarks/clm5_scenarios.py --out docs/images

Soil temperature, frost, snow and water are made anew of the changed months; parameters are those of the maps, and the
steady state is that of the new climate, which takes centuries.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from clm5_figures import panels
from clm5_traceability import mapped_parameters, observed
from torch import Tensor

from hybridmap.config.reading import load_config
from hybridmap.covariates.land_model.assumptions import read_assumptions
from hybridmap.covariates.land_model.climate_cells import coarse_grid, read_climate
from hybridmap.covariates.land_model.forcing import forcing_of
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.process.clm5.interval import Clm5Interval

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = {
    "+2 K": {"warming": 2.0},
    "-20 % rain": {"precipitation_factor": 0.8},
    "+2 K, -20 % rain": {"warming": 2.0, "precipitation_factor": 0.8},
}


def main() -> None:
    """Print the changes and draw the maps of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results/conus_clm5"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    config = load_config(ROOT / "config.yaml", ROOT / "resources/regions/conus_clm5.yaml")
    layers = config.clm5_forcing
    assert layers is not None
    climate = read_climate(layers, coarse_grid(RegionGrid.of(config.grid), layers.resolution), config.data_root)
    climate = climate.of_cells(climate.complete())
    model = Clm5Interval(str(args.results / "inputs/clm5.npz"), litter_scale=True)
    parameters, cell, places = mapped_parameters(args.results, model, 10**9)

    def stock_of(assumed: dict[str, float]) -> Tensor:
        forcing = forcing_of(climate, read_assumptions({**layers.assumptions, **assumed}))
        model.table = {name: torch.from_numpy(forcing[name].astype("float32")) for name in model.table}
        return observed(model, parameters, cell)[-1]

    table = dict(model.table)
    present = stock_of({})
    for name, values in table.items():
        torch.testing.assert_close(model.table[name], values)
    fields = {}
    for title, assumed in SCENARIOS.items():
        shifted = stock_of(assumed)
        change = 100 * (shifted / present - 1).numpy()
        low, middle, high = np.percentile(change, [5, 50, 95])
        mean = 100 * float(shifted.mean() / present.mean() - 1)
        sys.stdout.write(f"| {title} | {mean:+.1f} | {low:+.1f} | {middle:+.1f} | {high:+.1f} |\n")
        field = np.full(places.shape, np.nan, "float32")
        field[places] = change
        fields[f"stock to 1 m, {title} [%]"] = field
    panels(fields, 3, args.out / "clm5_scenarios.png")
    sys.stdout.write(f"{len(present)} cells, {time.process_time() - start:.0f} s of one core\n")


if __name__ == "__main__":
    main()
