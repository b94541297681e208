"""A small region as all stages leave it, written by hand: tests of the report need no training."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer

from hybridmap.config import Config
from hybridmap.config.reading import parse_config
from hybridmap.files.results import RegionFiles
from hybridmap.files.sums import write_sums
from hybridmap.grid.depth_axis import Interval, create_depth_axis
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal
from hybridmap.report.results import Results

WEST, NORTH, STEP = 4_000_000, 2_700_000, 1000
SITES = 60
INSIDE = MapLayer(
    "1", "whether the model applies", "class", {0: "outside", 1: "inside"}, portrayal=Portrayal("trust", "Applies")
)
SOC = Portrayal("quantity", "SOC", "YlOrBr", subject="soc")
ENDS = {role: Portrayal("interval", "Width", subject="soc", role=role) for role in ("lower", "upper")}  # type: ignore[arg-type]
LAYERS = {
    "soc": MapLayer("kg m-3", "soil organic carbon density", portrayal=SOC),
    "soc_lower": MapLayer("kg m-3", "lower end of the interval", portrayal=ENDS["lower"]),
    "soc_upper": MapLayer("kg m-3", "upper end of the interval", portrayal=ENDS["upper"]),
    "soc_stock": MapLayer("kg m-2", "stock of soil organic carbon"),
    "q10": MapLayer("1", "response to warming", portrayal=Portrayal("parameter", "q10")),
    "warmer": MapLayer("kg m-3", "change", portrayal=Portrayal("scenario", "Warmer", "BrBG", True, subject="soc")),
    "applicable": INSIDE,
}  # fmt: skip


def field_of(rows: int, columns: int, seed: int) -> NDArray[np.float32]:
    """A smooth field, with a corner that is not known where there is room for one."""
    row, column = np.mgrid[0:rows, 0:columns].astype("float32")
    field = 30 + 10 * np.sin(row / 7 + seed) + 8 * np.cos(column / 9)
    if rows > 4:
        field[: rows // 4, : columns // 5] = np.nan
    return np.asarray(field, "float32")


def region_of(
    folder: Path, experiments: Sequence[dict[str, Any]], rows: int = 30, columns: int = 40, **more: Any
) -> Config:
    """Configuration of a region of so many cells, laid over the defaults."""
    bounds = [WEST, NORTH - rows * STEP, WEST + columns * STEP, NORTH]
    source = {
        "name": "survey", "path": "survey.csv", "licence": "CC0-1.0", "citation": "nobody",
        "columns": {"site_id": "s", "lon": "x", "lat": "y", "top_cm": {"value": 0, "unit": "cm"},
                    "bottom_cm": {"value": 20, "unit": "cm"}, "oc_g_kg": {"column": "oc", "unit": "g/kg"}},
    }  # fmt: skip
    plain: dict[str, Any] = {"process": None, "splits": ["block"], "targets": ["soc"]}
    return parse_config(
        {
            "region": "tiny", "title": "A tiny region", "data_root": str(folder / "data"),
            "results": str(folder / "results"), "grid": {"crs": "EPSG:3035", "resolution": STEP, "bounds": bounds},
            "observations": [source], "covariates": [{"name": "clay", "path": "clay.tif", "unit": "pct"}],
            "splits": [{"name": "block", "kind": "block", "folds": 3, "size_km": 5}],
            "experiments": [{**plain, **experiment} for experiment in experiments], **more,
        },
        "tiny.yaml",
    )  # fmt: skip


def write_finished(config: Config, depths: Sequence[tuple[int, int]] = ()) -> Path:
    """Write results of all stages of a region; returns its folder."""
    folder = Path(config.results) / config.region
    files, grid = RegionFiles(folder), RegionGrid.of(config.grid)
    for inner in (folder, folder / "observations", folder / "report/figures"):
        inner.mkdir(parents=True)
    samples = _samples(grid)
    _write_tables(files, samples)
    _write_cube(files.cube, grid)
    for k, experiment in enumerate(config.experiments):
        _write_scores(files, experiment.name, samples, k)
        if experiment.map:
            _write_maps(files, experiment.name, grid, k, depths)
    for name in ("splits", "comparison", f"{config.experiments[0].name}_scatter"):
        Image.new("RGB", (320, 200), "#1f6f8b").save(files.figure(name))
    return folder


def without_models(monkeypatch: Any) -> None:
    """Figures and models are tested elsewhere; the page shows the pictures that are there."""
    from hybridmap.report import html
    from hybridmap.report.scales import scales_of

    def draw(results: Results, folder: Path, processes: int) -> dict[str, Any]:
        results.scales = scales_of(results)
        return {}

    monkeypatch.setattr(html, "draw_figures", draw)
    monkeypatch.setattr(Results, "global_parameters", lambda self, name: [])


def _samples(grid: RegionGrid) -> pd.DataFrame:
    random = np.random.default_rng(0)
    row, col = random.integers(0, grid.height, SITES), random.integers(0, grid.width, SITES)
    x, y = grid.x[col], grid.y[row]
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return pd.DataFrame(
        {
            "site_id": [f"s{k}" for k in range(SITES)], "source": "survey", "licence": "CC0-1.0",
            "lon": lon, "lat": lat,
            "year": 2018.0, "top_cm": 0.0, "bottom_cm": 20.0, "soc_density_kg_m3": random.uniform(10, 50, SITES),
            "poc_kg_m3": np.nan, "moc_kg_m3": np.nan, "mbc_kg_m3": np.nan, "oc_g_kg": 20.0, "bd_source": "measured",
            "poc_g_kg": np.nan, "moc_g_kg": np.nan, "mbc_g_kg": np.nan, "cf_source": "assumed", "group_id": "g",
            "row": row, "col": col, "x": x, "y": y, "covariate.clay": 20.0,
        }
    )  # fmt: skip


def _write_tables(files: RegionFiles, samples: pd.DataFrame) -> None:
    for path in (files.samples, files.observations, files.source("survey")):
        samples.to_parquet(path)
    splits = pd.DataFrame({"site_id": samples["site_id"], "scheme": "block", "fold": np.arange(SITES) % 3})
    splits.assign(group_id="g", block="b", buffer=0.0, nested=False).to_parquet(files.splits)
    pd.DataFrame({"rule": [], "site_id": []}).to_parquet(files.dropped)
    counts = pd.DataFrame(
        [{"stage": "build", "source": "survey", "rule": "r", "reason": "why", "unit": "rows", "before": 60,
          "dropped": 0, "after": 60}]
    )  # fmt: skip
    for path in (files.quality, files.sample_quality, files.source_quality("survey")):
        counts.to_csv(path, index=False)


def _write_cube(path: Path, grid: RegionGrid) -> None:
    root = create_grid_store(path, grid, {"title": "cube"})
    bands = [{"name": "clay", "units": "pct", "description": "clay content", "path": "clay.tif", "licence": "CC0-1.0"}]
    create_layer(root, "covariates", {"band": 1, **grid.sizes}, 64, {"bands": bands})[0] = (
        field_of(grid.height, grid.width, 3)
    )  # fmt: skip
    root.create_group("forcing")
    complete = root.create_array("complete", shape=(grid.height, grid.width), dtype="uint8", dimension_names=("y", "x"))
    complete[:] = np.isfinite(field_of(grid.height, grid.width, 3))
    write_sums(path, path, {})


def _write_scores(files: RegionFiles, name: str, samples: pd.DataFrame, seed: int) -> None:
    of = files.experiment(name)
    of.scores.folder.mkdir(parents=True)
    observed = samples["soc_density_kg_m3"].to_numpy()
    predicted = observed * (0.8 - 0.1 * (seed % 3)) + 5
    nse = 1 - ((predicted - observed) ** 2).sum() / ((observed - observed.mean()) ** 2).sum()
    key = {"experiment": name, "scheme": "block", "target": "soc", "unit": "kg m-3"}
    rows = samples[["site_id", "source", "lon", "lat", "bd_source"]].assign(scheme="block", fold=0, part="test")
    rows.assign(**{"observed.soc": observed, "predicted.soc": predicted, "pit.soc": 0.5}).to_parquet(
        of.scores.predictions
    )
    score = {**key, "fold": "pooled", "part": "test", "subset": "all", "model": name, "n": SITES, "kge": 0.5,
             "nse": nse,
             "pearson": 0.9, "ccc": 0.8, "rmse": 3.0, "mae": 2.0, "bias": 0.1}  # fmt: skip
    rung = {**key, "stratum": "all", "class": "", "rung": name, "n": SITES, "blocks": 20, "score": "nse", "value": nse}
    interval = {**key, "source": "conformal", "fold": "pooled", "stratum": "all", "class": "", "level": 0.9, "n": SITES,
                "coverage": 0.9, "width": 20.0, "interval_score": 25.0, "climatology_score": 40.0,
                "worst_tenth": 0.8}  # fmt: skip
    tables = {of.scores.metrics: score, of.scores.ladder: rung, of.scores.intervals: interval}
    for path in (of.scores.bias, of.scores.variogram):
        tables[path] = {**key, "class": ""}
    for path, row in tables.items():
        pd.DataFrame([row]).to_csv(path, index=False)
    of.verdict.parent.mkdir()
    of.verdict.write_text(
        json.dumps(
            {"physics": "none", "reasons": [], "notes": [], "checks": [],
             "sentences": ["SOC: better than the mean in r"],
             "skill_notes": [], "skill": {"beats_mean": True}, "intervals": {"level": 0.9, "coverage": 0.9}}
        )
    )  # fmt: skip
    for fold in ("block-0", "block-1", "block-2", "all"):
        of.fold(fold).model.mkdir(parents=True)
        of.fold(fold).history.write_bytes(b"")


def _write_maps(files: RegionFiles, name: str, grid: RegionGrid, seed: int, depths: Sequence[tuple[int, int]]) -> None:
    of = files.experiment(name)
    root: zarr.Group = create_grid_store(of.maps, grid, {"title": name})
    if depths:
        create_depth_axis(root, [Interval(*depth) for depth in depths])
    entries = []
    for k, (variable, layer) in enumerate(LAYERS.items()):
        field = field_of(grid.height, grid.width, seed + k)
        values = (field > 30).astype("float32") if layer.kind == "class" else field
        values[np.isnan(field)] = np.nan
        has_depth = bool(depths) and layer.has_depth and layer.kind != "class"
        sizes = {"depth": len(depths), **grid.sizes} if has_depth else grid.sizes
        array = create_layer(root, variable, sizes, 64, layer.attributes(), layer.dtype, layer.fill)
        array[...] = layer.encode(np.stack([values] * len(depths)) if has_depth else values, variable)
        entry = {"name": variable, "file": f"maps/{variable}.tif", "units": layer.unit, "long_name": layer.description}
        entry |= {k: v for k, v in layer.attributes().items() if k.startswith(("figure_", "flag_"))}
        entry |= {"min": 0.0, "mean": 1.0, "max": 2.0, "cells": int(np.isfinite(field).sum())}
        entry |= {} if layer.kind == "class" else {"colour_limits": [0.0, 50.0]}
        for top, bottom in depths if has_depth else []:
            entries.append(
                {**entry, "name": f"{variable}_{top}-{bottom}cm", "depth_top_cm": top, "depth_bottom_cm": bottom}
            )
        entries += [] if has_depth else [entry]
    write_sums(of.maps, of.maps, {})
    of.map_list.write_text(json.dumps(entries))
