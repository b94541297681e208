"""The stages of a region by the verbs of the command line, as a user without Snakemake runs them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import yaml
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import from_origin

from hybridmap.cli import main

WEST, NORTH, STEP, EDGE = 4_000_000, 2_700_000, 2000, 24
GRID = {
    "crs": "EPSG:3035",
    "resolution": STEP,
    "bounds": [WEST, NORTH - EDGE * STEP, WEST + EDGE * STEP, NORTH],
}
DEPTHS = {"top_cm": {"value": 0, "unit": "cm"}, "bottom_cm": {"value": 20, "unit": "cm"}}
"""Of tables without depths."""
Field = NDArray[np.float64]


def smooth_field(seed: int, low: float, high: float) -> Field:
    """A field (EDGE, EDGE) of a few waves from `low` to `high`."""
    random, (row, column) = np.random.default_rng(seed), np.mgrid[0:EDGE, 0:EDGE] / EDGE
    waves = [np.sin(2 * np.pi * (a * row + b * column) + c) for a, b, c in random.uniform(-1.5, 1.5, (4, 3))]
    field = np.sum(waves, axis=0)
    return np.asarray(low + (high - low) * (field - field.min()) / np.ptp(field))


def write_rasters(folder: Path, fields: dict[str, Field]) -> None:
    profile = {"driver": "GTiff", "height": EDGE, "width": EDGE, "count": 1, "dtype": "float64", "crs": GRID["crs"]}
    for name, field in fields.items():
        with rasterio.open(folder / f"{name}.tif", "w", transform=from_origin(WEST, NORTH, STEP, STEP), **profile) as f:
            f.write(field, 1)


def site_table(count: int, seed: int) -> tuple[pd.DataFrame, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Sites in the middle of cells of their own, and their rows and columns."""
    cells = np.random.default_rng(seed).permutation(EDGE * EDGE)[:count]
    row, column = np.divmod(cells, EDGE)
    x, y = WEST + (column + 0.5) * STEP, NORTH - (row + 0.5) * STEP
    lon, lat = Transformer.from_crs(GRID["crs"], "EPSG:4326", always_xy=True).transform(x, y)
    return pd.DataFrame({"site": [f"s{k}" for k in range(count)], "lon": lon, "lat": lat}), (row, column)


def verb(*arguments: object) -> None:
    assert main([str(a) for a in arguments]) == 0


def run_region(folder: Path, region: dict[str, Any]) -> Path:
    """Run a region of one table, one scheme "block" of three folds and one experiment up to its store of maps."""
    file = folder / "region.yaml"
    file.write_text(yaml.safe_dump({"data_root": str(folder), "grid": GRID, **region}))
    name, source = region["experiments"][0]["name"], region["observations"][0]["name"]
    verb("ingest", file, "--source", source, "--out", folder / "t.parquet", "--quality", folder / "t.csv")
    tables = folder / "o.parquet", "--quality", folder / "o.csv", "--dropped", folder / "d.parquet"
    verb("build", file, "--observations", folder / "t.parquet", "--out", *tables)
    verb("cube", file, "--out", folder / "cube.zarr")
    made = "--out", folder / "s.parquet", "--quality", folder / "s.csv"
    verb("sample", file, "--observations", folder / "o.parquet", "--cube", folder / "cube.zarr", *made)
    verb("split", file, "--samples", folder / "s.parquet", "--out", folder / "f.parquet")
    tables = "--samples", folder / "s.parquet", "--splits", folder / "f.parquet"
    folds = ["block-0", "block-1", "block-2"]
    verb("train", file, "--experiment", name, "--fold", *folds, "all", *tables, "--out", folder / "models")
    models = [folder / "models" / fold for fold in folds]
    verb("evaluate", file, "--experiment", name, *tables, "--folds", *models, "--out", folder / "evaluation")
    model, maps = (
        folder / "models" / "all" / "model",
        ("--samples", folder / "s.parquet", "--out", folder / "maps.zarr"),
    )
    verb("predict", file, "--experiment", name, "--model", model, "--cube", folder / "cube.zarr", *maps)
    verb("export", file, "--experiment", name, "--model", model, *tables[:2], *_maps(folder))
    return folder / "maps.zarr"


def _maps(folder: Path) -> tuple[object, ...]:
    return "--maps", folder / "maps.zarr", "--rasters", folder / "maps", "--summary", folder / "maps.json"


def scores(folder: Path, measure: str = "nse") -> dict[str, float]:
    """Pooled scores of the model on test blocks by target."""
    table = pd.read_csv(folder / "evaluation" / "metrics.csv")
    is_pooled = (table["fold"] == "pooled") & (table["subset"] == "all")
    table = table[is_pooled & (table["model"] == table["experiment"])]
    return dict(zip(table["target"], table[measure], strict=True))
