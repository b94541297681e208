"""A small region whose profiles are known: what docs/depth.md shows, on a landscape that its own model makes."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from conftest import ROOT
from numpy.typing import NDArray
from pyproj import Transformer

from hybridmap.config.reading import parse_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import open_cube
from hybridmap.covariates.cube_build import build_cube
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile
from hybridmap.model.layer_depth import root_share
from hybridmap.options.layer_depth import ROOT_BETA
from hybridmap.process import get_process
from hybridmap.testing.files import write_landscape

BOUNDS = [4_000_000, 2_600_000, 4_096_000, 2_696_000]
ENDS_CM = ((0, 10, 25, 60, 100), (0, 5, 20, 40, 80), (0, 15, 30, 60, 120), (0, 30))
"""Ends of the layers of a profile; the last is of a shallow soil."""
PROFILES = 350
BULK_DENSITY = 1.25
Fields = dict[str, NDArray[np.float64]]


def blocks(language: str) -> list[str]:
    """Code blocks of the page."""
    page = (ROOT / "docs/depth.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def declared() -> dict[str, Any]:
    """The region file that the page's blocks make together."""
    return {key: value for block in blocks("yaml") for key, value in yaml.safe_load(block).items()}


def true_parameters(fields: Fields, top_cm: NDArray[Any], bottom_cm: NDArray[Any]) -> Fields:
    """Turnover time [yr] and carbon to nitrogen of a layer: more clay and depth make carbon older."""
    middle = 0.5 * (top_cm + bottom_cm)
    turnover = 25.0 * np.exp(0.02 * (fields["clay"] - 20.0) + 0.012 * middle)
    return {"turnover_time": turnover, "carbon_to_nitrogen": 15.0 - 0.03 * middle + 0.05 * (fields["ph"] - 6.0)}


def truth(folder: Path, fields: Fields, top_cm: NDArray[Any], bottom_cm: NDArray[Any]) -> Fields:
    """What the model of the page makes of the true parameters, (site,) each."""
    model = get_process(str(folder / "models/one_pool_by_depth.py"))
    ends = torch.tensor(top_cm / 100.0), torch.tensor(bottom_cm / 100.0)
    forcing = {
        "npp": torch.tensor(fields["npp"]) * root_share(*ends, ROOT_BETA),
        "mat": torch.tensor(fields["mat"]),
        "depth": ends[1] - ends[0],
    }
    parameters = {n: torch.tensor(v) for n, v in true_parameters(fields, top_cm, bottom_cm).items()}
    return {name: values.numpy() for name, values in model(parameters, forcing).items()}


def read_fields(folder: Path) -> tuple[Fields, RegionGrid]:
    """Layers of the landscape on the grid of the region (row, column)."""
    cube = open_cube(folder / "fields.zarr")
    covariates, forcing = cube.read_layers(Tile(0, cube.grid.height, 0, cube.grid.width))
    fields = {name: covariates[cube.covariate_names.index(name)] for name in ("clay", "ph")} | forcing
    return {name: np.where(cube.valid_mask(), field, np.nan).astype(float) for name, field in fields.items()}, cube.grid


def write_region(folder: Path) -> Path:
    """Rasters, a table of profiles, the model of the page and the region file; returns the latter."""
    raw = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    raw["demo"]["sites"], raw["grid"]["bounds"] = 200, BOUNDS
    raw["demo"]["highest_site_m"] = 10_000  # sites everywhere
    raw["data_root"] = str(folder / "inputs")
    config = parse_config(raw, "test")
    write_landscape(config, folder / "inputs")
    build_cube(RegionLayers.of(config), folder / "fields.zarr", config.predict.tile)
    (folder / "models").mkdir()
    (folder / "models/one_pool_by_depth.py").write_text(blocks("python")[0], encoding="utf-8")
    _profiles(folder).to_csv(folder / "inputs/profiles.csv", index=False)
    region = {
        **declared(),
        "region": "profiles",
        "demo": None,
        "data_root": "inputs",
        "grid": {"bounds": BOUNDS},
        "splits": [{"name": "block", "folds": 3, "size_km": 16}],
        "experiment_defaults": {"splits": ["block"], "training": {"max_epochs": 60, "patience": 60}},
    }
    file = folder / "region.yaml"
    file.write_text(yaml.safe_dump(region), encoding="utf-8")
    return file


def _profiles(folder: Path) -> pd.DataFrame:
    fields, grid = read_fields(folder)
    generator = np.random.default_rng(3)
    rows, columns = np.nonzero(np.all([np.isfinite(field) for field in fields.values()], axis=0))
    cells = generator.choice(len(rows), PROFILES, replace=False)
    lon, lat = Transformer.from_crs(3035, 4326, always_xy=True).transform(grid.x[columns[cells]], grid.y[rows[cells]])
    layers = [
        (number, top, bottom)
        for number in range(PROFILES)
        for ends in [ENDS_CM[number % len(ENDS_CM)]]
        for top, bottom in pairwise(ends)
    ]
    number, top, bottom = (np.array(column) for column in zip(*layers, strict=True))
    here = {name: field[rows[cells], columns[cells]][number] for name, field in fields.items()}
    soil = truth(folder, here, top, bottom)
    noise = np.exp(generator.normal(0.0, 0.05, (2, len(number))))
    return pd.DataFrame(
        {
            "profile": [f"p{k:03d}" for k in number],
            "lon": lon[number],
            "lat": lat[number],
            "top": top,
            "bottom": bottom,
            "bulk_density": BULK_DENSITY,
            "oc": (soil["soc"] * noise[0] / BULK_DENSITY).round(4),
            "tn": (soil["total_n"] * noise[1] / BULK_DENSITY).round(5),
        }
    )
