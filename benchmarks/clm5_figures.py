"""Figures of docs/clm5_united_states.md, and the rank correlations in it, from the maps of the region.

snakemake --cores 2 --configfile resources/regions/conus_clm5.yaml
python benchmarks/clm5_figures.py --out docs/images
python benchmarks/clm5_figures.py --experiment kan_prior --prefix clm5_kan      of another model
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import zarr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from hybridmap.covariates.cube import open_cube
from hybridmap.grid.tiles import Tile
from hybridmap.process.clm5.matrix import PARAMETERS

mpl.use("Agg")
import matplotlib.pyplot as plt

Field = NDArray[np.float32]
COMPONENTS = ("input", "allocation", "transfer", "decomposition", "environment", "transport")
CLAIMS = {
    "temperature with diffusivity": ("bio1", ("diffus", "cryo")),
    "productivity with litter fractions": ("npp_modis", ("fl1s1", "fl2s1", "fl3s2")),
    "productivity with turnover": ("npp_modis", ("tau4s1", "tau4s2", "tau4s3")),
    "water scaling low where it is dry": ("map_era5", ("w_scaling",)),
}
"""What ScIReN (arXiv 2506.14054) reads off its maps: covariate and parameters that go together."""


def panels(fields: dict[str, Field], columns: int, path: Path, extremes: tuple[float, float] = (2, 98)) -> None:
    """Maps side by side, each with its own colours."""
    rows = -(-len(fields) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.1 * columns, 2.1 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (title, field) in zip(axes.flat, fields.items(), strict=False):
        low, high = np.nanpercentile(field, extremes)
        image = axis.imshow(field, vmin=low, vmax=high, cmap="viridis", interpolation="nearest")
        axis.set_title(title, fontsize=8)
        figure.colorbar(image, ax=axis, shrink=0.7, pad=0.01).ax.tick_params(labelsize=6)
    figure.tight_layout(pad=0.4)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in few colours, which keeps it small."""
    figure.savefig(path, dpi=90)
    plt.close(figure)
    with Image.open(path) as image:
        image.convert("RGB").quantize(96).save(path, optimize=True)


def claims(maps: dict[str, Field], covariates: dict[str, Field], path: Path) -> None:
    """Parameters by tenths of a covariate, as medians between the quartiles; and their rank correlations in print."""
    figure, axes = plt.subplots(1, len(CLAIMS), figsize=(3.4 * len(CLAIMS), 2.8))
    for axis, (title, (name, parameters)) in zip(axes, CLAIMS.items(), strict=True):
        for parameter in parameters:
            x, y = covariates[name].ravel(), maps[parameter].ravel()
            is_known = np.isfinite(x) & np.isfinite(y)
            x, y = x[is_known], y[is_known]
            low, high = next((p.lower, p.upper) for p in PARAMETERS if p.name == parameter)
            share = (y - low) / (high - low)
            tenth = np.minimum((np.argsort(np.argsort(x)) * 10) // len(x), 9)
            middle = [np.median(x[tenth == k]) for k in range(10)]
            low_q, median, high_q = ([np.percentile(share[tenth == k], q) for k in range(10)] for q in (25, 50, 75))
            axis.plot(middle, median, label=parameter)
            axis.fill_between(middle, low_q, high_q, alpha=0.2)
            print(f"{title}: {parameter} with {name}, rank r {spearmanr(x, y).statistic:+.2f}")
        axis.set_title(title, fontsize=8)
        axis.set_xlabel(name, fontsize=8)
        axis.legend(fontsize=7)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("share of the range", fontsize=8)
    figure.tight_layout()
    save(figure, path)


def off_bounds(maps: dict[str, Field]) -> None:
    """Print the share of cells where a parameter is further than 1 % of its range from its bounds."""
    for parameter in PARAMETERS:
        values = maps[parameter.name]
        share = (values[np.isfinite(values)] - parameter.lower) / (parameter.upper - parameter.lower)
        is_off = (share > 0.01) & (share < 0.99)
        print(f"{parameter.name}: off its bounds in {100 * is_off.mean():.1f} %, median at {np.median(share):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path("results/conus_clm5"))
    parser.add_argument("--experiment", default="clm5")
    parser.add_argument("--prefix", default="clm5", help="of the names of the figures")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    store = zarr.open_group(args.results / "experiments" / args.experiment / "maps.zarr", mode="r")
    maps = {name: np.asarray(store[name]) for name in store.array_keys() if np.ndim(store[name]) >= 2}
    cube = open_cube(args.results / "covariates.zarr")
    whole = Tile(0, cube.grid.height, 0, cube.grid.width)
    layers, _ = cube.read_layers(whole)
    is_complete = np.asarray(cube.complete(whole))
    covariates = {
        name: np.where(is_complete, layers[cube.covariate_names.index(name)], np.nan)
        for name in {covariate for covariate, _ in CLAIMS.values()}
    }
    panels({f"{p.name} [{p.unit}]": maps[p.name] for p in PARAMETERS}, 4, args.out / f"{args.prefix}_parameters.png")
    depths = ("0-5 cm", "5-15 cm", "15-30 cm", "30-60 cm", "60-100 cm", "100-200 cm")
    soc = {f"SOC {depth} [kg m-3]": maps["soc"][k] for k, depth in enumerate(depths)}
    stocks = {"stock 0-30 cm [kg m-2]": maps["soc_stock_30cm"], "stock 0-100 cm [kg m-2]": maps["soc_stock_1m"]}
    panels(soc | stocks | {"residence time [yr]": maps["residence_time"]}, 3, args.out / f"{args.prefix}_soc.png")
    if "soc_lower" in maps:
        ends = {
            f"{end} end, {depth} [kg m-3]": maps[f"soc_{end}"][k]
            for end in ("lower", "upper")
            for k, depth in enumerate(depths)
        }
        panels(ends, 6, args.out / f"{args.prefix}_intervals.png")
    panels({name: maps[name] for name in COMPONENTS}, 3, args.out / f"{args.prefix}_components.png")
    claims(maps, covariates, args.out / f"{args.prefix}_claims.png")
    off_bounds(maps)


if __name__ == "__main__":
    main()
