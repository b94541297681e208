"""Do intervals of district totals, and of their changes under a scenario, hold a truth that is known everywhere?

On the demo landscape, after its maps were made with `totals` and a scenario (any set of polygons will do):

    snakemake --cores 2 --configfile config.yaml DEMO.yaml -- maps
    python benchmarks/area_intervals.py config.yaml DEMO.yaml

Random partitions of the map into districts; for each experiment the share of districts whose true total lies in the
interval from held-out blocks, and in the quantiles of the draws of the model as they were used before.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from shapely import box

from hybridmap.config import Config, Total
from hybridmap.config.reading import load_config
from hybridmap.export.area_intervals import read_stock_errors
from hybridmap.export.changes import changes
from hybridmap.export.totals import OUTSIDE, totals
from hybridmap.files.results import RegionFiles
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.predict.mapped_depths import modelled_interval
from hybridmap.process import get_process
from hybridmap.testing.files import MARGIN
from hybridmap.testing.landscape import Landscape, make_landscape

PARTITIONS, DISTRICTS = 20, 12
LEVEL = 0.9
LEAST_LAND = 20
"""Cells of a district that has any."""
Window = tuple[int, int, int, int]
Array = NDArray[np.float64]


def partition(grid: RegionGrid, districts: int, random: np.random.Generator) -> list[Window]:
    """Cut the map into rectangles (first row, last row, first column, last column): the largest at a random place."""
    parts: list[Window] = [(0, grid.height, 0, grid.width)]
    while len(parts) < districts:
        parts.sort(key=lambda p: (p[1] - p[0]) * (p[3] - p[2]))
        r0, r1, c0, c1 = parts.pop()
        if r1 - r0 > c1 - c0:
            cut = r0 + int((r1 - r0) * random.uniform(0.2, 0.8))
            parts += [(r0, cut, c0, c1), (cut, r1, c0, c1)]
        else:
            cut = c0 + int((c1 - c0) * random.uniform(0.2, 0.8))
            parts += [(r0, r1, c0, cut), (r0, r1, cut, c1)]
    return parts


def polygons_of(grid: RegionGrid, parts: list[Window]) -> gpd.GeoDataFrame:
    """The rectangles as polygons."""
    size = grid.resolution
    shapes = [
        box(grid.west + c0 * size, grid.north - r1 * size, grid.west + c1 * size, grid.north - r0 * size)
        for r0, r1, c0, c1 in parts
    ]
    return gpd.GeoDataFrame({"name": [f"d{k}" for k in range(len(parts))]}, geometry=shapes, crs=grid.crs)


def true_stocks(landscape: Landscape, thickness_m: float, warming: float) -> Array:
    """True stock of each cell [kg m-2], the forcing warmer, the parameters held."""
    model = get_process("five_pool", formulation="relaxed")
    forcing = {"npp": landscape.forcing["npp"], "mat": landscape.forcing["mat"] + warming}
    flat = {name: torch.tensor(v.ravel()) for name, v in {**landscape.parameters, **forcing}.items()}
    driven = {**{name: flat[name] for name in forcing}, "depth": torch.tensor(thickness_m, dtype=torch.float64)}
    out = model({name: flat[name] for name in landscape.parameters}, driven)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.asarray(out["soc"].numpy().reshape(landscape.land.shape) * thickness_m)[inner]


def true_sums(cells: Array, mapped: NDArray[np.bool_], parts: list[Window], cell_km2: float) -> Array:
    """Sum over each rectangle [Tg], of cells that are mapped."""
    stocks = np.where(mapped, cells, 0.0)
    return np.array([stocks[r0:r1, c0:c1].sum() for r0, r1, c0, c1 in parts]) * cell_km2 / 1e3


def compare(config: Config, experiment: str, warming: float) -> list[dict[str, object]]:
    """Coverage and width of every kind of interval of one experiment."""
    grid, interval = RegionGrid.of(config.grid), modelled_interval(config.build)
    files = RegionFiles(Path(config.results) / config.region).experiment(experiment)
    assert config.demo is not None
    size = grid.height + 2 * MARGIN, grid.width + 2 * MARGIN
    landscape = make_landscape(*size, config.demo.sites, config.demo.seed, interval.thickness_m)
    today, warmer = (true_stocks(landscape, interval.thickness_m, add) for add in (0.0, warming))
    import zarr

    mapped = np.isfinite(np.asarray(zarr.open_group(files.maps, mode="r")["soc_stock"]))
    cell_km2 = grid.resolution**2 / 1e6
    errors = read_stock_errors(files.scores.conformal, config.all_quantities, interval.thickness_m)
    random, tables = np.random.default_rng(1), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(PARTITIONS):
            parts = partition(grid, DISTRICTS, random)
            polygons_of(grid, parts).to_file(folder / "p.gpkg")
            sets = [Total(name="d", polygons="p.gpkg", attribute="name")]
            truth = true_sums(today, mapped, parts, cell_km2)
            shift = true_sums(warmer, mapped, parts, cell_km2) - truth
            cells = np.array([mapped[r0:r1, c0:c1].sum() for r0, r1, c0, c1 in parts])
            for kind, of_blocks in (("held-out blocks", errors), ("draws of the model", None)):
                totals(sets, name, LEVEL, files.maps, folder / "t.csv", ("soc",), of_blocks)
                tables.append(_rows(folder / "t.csv", kind, "stock_Tg", truth, cells))
                if warming:
                    changes(sets, name, LEVEL, files.maps, folder / "t.csv", folder / "c.csv")
                    tables.append(_rows(folder / "c.csv", f"change, {kind}", "change_Tg", shift, cells))
    table = pd.concat([t for t in tables if len(t)])
    table = table[(table["cells"] >= LEAST_LAND) & table["lower_Tg"].notna()]
    rows = []
    for kind, group in table.groupby("kind", sort=False):
        inside = (group["lower_Tg"] <= group["truth"]) & (group["truth"] <= group["upper_Tg"])
        scale = group["truth"].abs()
        rows.append(
            {
                "experiment": experiment, "interval": kind, "n": len(group), "coverage": inside.mean(),
                "width_percent": 100 * ((group["upper_Tg"] - group["lower_Tg"]) / scale).median(),
                "error_percent": 100 * ((group["value"] - group["truth"]).abs() / scale).median(),
            }
        )  # fmt: skip
    return rows


def _rows(path: Path, kind: str, column: str, truth: Array, cells: NDArray[np.int64]) -> pd.DataFrame:
    table = pd.read_csv(path)
    if table.empty:
        return table
    table = table.set_index("polygon").drop(index=OUTSIDE)[[column, "lower_Tg", "upper_Tg"]]
    table = table.rename(columns={column: "value"}).reindex([f"d{k}" for k in range(len(truth))])
    return table.assign(kind=kind, truth=truth, cells=cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, nargs="+")
    parser.add_argument("--experiments", nargs="*", default=[])
    parser.add_argument("--warming", type=float, default=0.0, help="K of the one scenario that was mapped")
    args = parser.parse_args()
    config = load_config(*args.config)
    names = args.experiments or [e.name for e in config.experiments if e.map]
    rows = [row for name in names for row in compare(config, name, args.warming)]
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
