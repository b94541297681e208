"""A process model tried out through a small made-up region: trained, evaluated, mapped, diagnosed and reported."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.transform import from_origin

from hybridmap.config import Config
from hybridmap.config.reading import parse_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube_build import build_cube
from hybridmap.diagnose.plausibility import Evidence, diagnose
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability_threshold import learn_applicability
from hybridmap.evaluate.extrapolation import learn_expected_error
from hybridmap.evaluate.ladder import write_ladder
from hybridmap.evaluate.scores import evaluate
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.training import train_folds
from hybridmap.export.cog import write_cogs
from hybridmap.files.results import RegionFiles
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.build import build
from hybridmap.observations.ingest import ingest
from hybridmap.observations.schema import Schema
from hybridmap.predict.mapped_depths import modelled_interval
from hybridmap.predict.recipe import Job, Recipe
from hybridmap.predict.run import Execution, predict
from hybridmap.process import Parameter, ProcessModel, Variable
from hybridmap.process.base import LAYER
from hybridmap.quantities import QUANTITIES
from hybridmap.report.html import report
from hybridmap.samples.folds import fold_ids
from hybridmap.samples.sample import sample
from hybridmap.samples.splits import split

LOG = logging.getLogger("hybridmap")
EDGE, STEP, WEST, NORTH = 24, 0.05, 5.0, 48.2
"""Cells a side, their size and corner [degrees]."""
SITES, FEWEST_SITES, FOLDS, EPOCHS = 150, 60, 3, 15
COVARIATES = ("east", "north", "wave")
MOST_TARGETS = 3
INTERVAL_CM = (0, 20)
PLAIN = (("site",), ("site", LAYER))
"""Dimensions of outputs that have one number a site and interval."""
FORCING_PART, PARAMETER_PART = (0.3, 0.7), 0.2
"""Part of a valid range that forcing takes, and part of the bounds by which parameters differ."""
NAME = re.compile(r"[a-z][a-z0-9_]*")
EXPERIMENT = "trial"
Fields = dict[str, NDArray[np.float64]]


def unfit_for_regions(model: ProcessModel) -> str:
    """Why a process model cannot run in a region at all; empty if it can.

    Parameters
    ----------
    model : ProcessModel
        Whose declarations are looked at.

    Returns
    -------
    str
        In words.
    """
    for variable in model.forcing:
        if variable.dims != ("site",) and not variable.optional:
            return f"forcing '{variable.name}' has the dimensions {variable.dims}, and layers have one value a site"
    if not _targets(model):
        return "no output has one number a site to compare with observations"
    return ""


def try_in_region(model: ProcessModel, name: str, options: Mapping[str, Any]) -> str:
    """Run every stage of the workflow with a process model, on a landscape that the model itself makes.

    Parameters
    ----------
    model : ProcessModel
        The model.
    name : str
        As a region file names it.
    options : mapping
        Its options.

    Returns
    -------
    str
        What was made.

    Raises
    ------
    HybridmapError
        If a stage refuses the model, a declared output has no map, or a map has no value.
    """
    with tempfile.TemporaryDirectory(prefix="hybridmap-") as scratch, _quiet():
        folder = Path(scratch)
        targets = _targets(model)
        layers = _landscape(model)
        _write_inputs(folder, model, layers, targets)
        config = parse_config(_region(folder, model, name, options, targets), "the region that tries the model out")
        files = RegionFiles(Path(config.results) / config.region)
        _run(config, files)
        maps = _checked_maps(model, files)
        if not files.report.is_file():
            raise HybridmapError("the report was not written.")
    compared = ", ".join(variable.name for variable in targets)
    return f"trained on {compared} at {SITES} sites, {maps} maps of {EDGE} x {EDGE} cells, diagnosed and reported"


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it stages do not tell of what they do; warnings stay."""
    level = LOG.level
    LOG.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOG.setLevel(level)


def _targets(model: ProcessModel) -> list[Variable]:
    """Outputs that are compared: the quantities of the package, else the first that can be quantities."""
    plain = [v for v in model.outputs if v.dims in PLAIN and not v.classes and NAME.fullmatch(v.name)]
    quantities = [variable for variable in plain if variable.name in QUANTITIES]
    return quantities or [v for v in plain if v.name != model.steady_state][:MOST_TARGETS]


@dataclass(frozen=True)
class _Landscape:
    """Layers (row, column) by name, and what the model makes of them."""

    covariates: Fields
    forcing: Fields
    outputs: Fields


def _landscape(model: ProcessModel) -> _Landscape:
    y, x = np.mgrid[0:EDGE, 0:EDGE] / (EDGE - 1)
    wave = 0.5 + 0.5 * np.sin(7 * x + 4 * y)
    covariates = dict(zip(COVARIATES, (x, 1 - y, wave), strict=True))
    shares = [x, y, wave, 1 - x, 1 - wave]
    forcing = {}
    for number, variable in enumerate(_layers_of(model)):
        low, high = _range(variable)
        forcing[variable.name] = low + (high - low) * shares[number % len(shares)]
    varied = {p.name: _varied(p, shares[k % 3]) for k, p in enumerate(_neural(model))}
    inputs = {name: torch.tensor(field.ravel()) for name, field in {**forcing, **varied}.items()}
    if any(variable.name == "depth" for variable in model.forcing):
        inputs["depth"] = torch.tensor((INTERVAL_CM[1] - INTERVAL_CM[0]) / 100.0, dtype=torch.float64)
    with torch.no_grad():
        outputs = model(
            {name: inputs[name] for name in varied}, {v.name: inputs[v.name] for v in model.forcing if v.name in inputs}
        )
        if model.has_layers:
            outputs = model.observe(outputs, *(torch.tensor(end / 100.0) for end in INTERVAL_CM))
    fields = {v.name: outputs[v.name].numpy().astype(float).reshape(x.shape) for v in _targets(model)}
    return _Landscape(covariates, forcing, fields)


def _layers_of(model: ProcessModel) -> list[Variable]:
    """Forcing that a region has as layers."""
    return [v for v in model.forcing if v.dims == ("site",) and v.name != "depth"]


def _range(variable: Variable) -> tuple[float, float]:
    if variable.valid_range is None:
        raise HybridmapError(f"forcing '{variable.name}' has no valid_range; give one, in {variable.unit}.")
    low, high = variable.valid_range
    first, last = (low + part * (high - low) for part in FORCING_PART)
    if variable.typical_median is not None:
        least, most = variable.typical_median
        if not least <= (first + last) / 2 <= most:
            first, last = least, min(most, 2 * least if least > 0 else most)
    return first, last


def _neural(model: ProcessModel) -> list[Parameter]:
    return [parameter for parameter in model.parameters if parameter.neural][:3]


def _varied(parameter: Parameter, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Around the value where training starts, inside the bounds."""
    start = parameter.default if parameter.start is None else parameter.start
    if parameter.scale == "log":
        width = np.log(parameter.upper / parameter.lower) * PARAMETER_PART
        return np.asarray(np.clip(start * np.exp(width * (share - 0.5)), parameter.lower, parameter.upper))
    width = (parameter.upper - parameter.lower) * PARAMETER_PART
    return np.asarray(np.clip(start + width * (share - 0.5), parameter.lower, parameter.upper))


def _write_inputs(folder: Path, model: ProcessModel, landscape: _Landscape, targets: list[Variable]) -> None:
    for name, field in {**landscape.covariates, **landscape.forcing}.items():
        profile = {"driver": "GTiff", "height": EDGE, "width": EDGE, "count": 1, "dtype": "float64", "crs": "EPSG:4326"}
        with rasterio.open(
            folder / f"{name}.tif", "w", transform=from_origin(WEST, NORTH, STEP, STEP), **profile
        ) as file:
            file.write(field, 1)
    generator = np.random.default_rng(0)
    is_finite = np.all([np.isfinite(landscape.outputs[v.name]) for v in targets], axis=0)
    rows, columns = np.nonzero(is_finite)
    if len(rows) < FEWEST_SITES:
        raise HybridmapError(
            f"{', '.join(v.name for v in targets)}: finite in only {len(rows)} of {EDGE * EDGE} places, with parameters"
            " near their defaults and forcing in the middle of its valid range."
        )
    drawn_cells = generator.permutation(len(rows))[:SITES]
    rows, columns = rows[drawn_cells], columns[drawn_cells]
    noise = generator.normal(1.0, 0.03, (len(targets), len(rows)))
    values = {v.name: landscape.outputs[v.name][rows, columns] * noise[k] for k, v in enumerate(targets)}
    table = {
        "site": [f"s{k}" for k in range(len(rows))],
        "lon": WEST + (columns + 0.5) * STEP,
        "lat": NORTH - (rows + 0.5) * STEP,
        **values,
    }
    pd.DataFrame(table).to_csv(folder / "sites.csv", index=False)


def _region(
    folder: Path, model: ProcessModel, name: str, options: Mapping[str, Any], targets: list[Variable]
) -> dict[str, Any]:
    """The region file that a user of the model would write."""
    process = str(Path(name).resolve()) if name.endswith(".py") else name
    declared = [v for v in targets if v.name not in QUANTITIES]
    depths = {key: {"value": end, "unit": "cm"} for key, end in zip(("top_cm", "bottom_cm"), INTERVAL_CM, strict=True)}
    measured = {v.name: {"column": v.name, "unit": v.unit, "trust_unit": True} for v in targets}
    return {
        "region": "trial",
        "data_root": str(folder),
        "results": str(folder / "results"),
        "outside": [str(Path(process).parent)] if name.endswith(".py") else [],
        "grid": {
            "crs": "EPSG:4326",
            "resolution": STEP,
            "bounds": [WEST, NORTH - EDGE * STEP, WEST + EDGE * STEP, NORTH],
        },
        "quantities": [{"name": v.name, "unit": v.unit, "range": [None, None]} for v in declared],
        "observations": [
            {
                "name": "sites",
                "path": "sites.csv",
                "licence": "CC0-1.0",
                "columns": {"site_id": "site", "lon": "lon", "lat": "lat", **depths, **measured},
            }
        ],
        "build": {"limits": {"max_soc_density_kg_m3": 1000.0}},
        "covariates": [{"name": covariate, "path": f"{covariate}.tif"} for covariate in COVARIATES],
        "forcing": [{"name": v.name, "path": f"{v.name}.tif", "unit": v.unit} for v in _layers_of(model)],
        "splits": [{"name": "block", "folds": FOLDS, "size_km": 10}],
        "experiments": [
            {
                "name": EXPERIMENT,
                "process": {"name": process, "options": dict(options)},
                "neural": [parameter.name for parameter in _neural(model)],
                "global": "all",
                "targets": [v.name for v in targets],
                "encoder": {"name": "mlp", "hidden": [16]},
                "loss": {"name": "kge_bias_sd", "penalties": dict.fromkeys(model.penalties, 0.1)},
                "training": {"max_epochs": EPOCHS, "patience": EPOCHS},
                "splits": ["block"],
            }
        ],
        "predict": {"interval_of": [targets[0].name], "workers": 1},
    }


def _run(config: Config, files: RegionFiles) -> None:
    """Every stage in the order of the workflow."""
    grid, schema, source = RegionGrid.of(config.grid), Schema(config.all_quantities), config.observations[0]
    ingest(source, config.data_root, grid, files.source(source.name), files.source_quality(source.name), schema)
    tables = [files.source(source.name)]
    build(config.build, config.grid, tables, files.observations, files.quality, files.dropped, schema)
    build_cube(RegionLayers.of(config), files.cube, config.predict.tile)
    sample(files.observations, files.cube, files.samples, files.sample_quality)
    split(config.splits, grid, files.samples, files.splits, config.data_root, columns=schema.columns)
    experiment, its_files = config.experiments[0], files.experiment(EXPERIMENT)
    folds = fold_ids({scheme.name: scheme.runs for scheme in config.splits})
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    train_folds(experiment, layers, folds, files.samples, files.splits, its_files.folder, "cpu")
    models = {fold: its_files.fold(fold).model for fold in folds if fold != folds[-1]}
    scores, mapped = its_files.scores, its_files.fold(folds[-1]).model
    evaluate(experiment, files.samples, files.splits, models, scores.predictions.parent, config.all_quantities)
    learn_applicability(
        experiment, config.covariates, config.predict, mapped, files.samples, files.splits,
        its_files.applicability,
    )  # fmt: skip
    inputs, errors = (files.samples, files.splits, scores.predictions), its_files.expected_error.folder
    learn_expected_error(experiment, config.splits, its_files.applicability, inputs, errors, config.all_quantities)
    calibration = scores.predictions.with_name("conformal.json")
    recipe = Recipe(
        mapped, config.predict, experiment.uncertainty, modelled_interval(config.build), calibration,
        its_files.applicability, False, experiment.own_process, expected_error=its_files.expected_error.table,
    )  # fmt: skip
    predict(Job(recipe, files.cube, its_files.maps), Execution(workers=1))
    write_cogs(its_files.maps, its_files.rasters, its_files.map_list)
    write_ladder(experiment, files.samples, files.splits, scores.predictions, {}, scores.folder, config.all_quantities)
    evidence = Evidence(scores.predictions, its_files.maps, scores.skill, its_files.expected_error.summary)
    diagnose(experiment, evidence, mapped, its_files.verdict.parent)
    report(config, files.folder, files.report, files.figures)


def _checked_maps(model: ProcessModel, files: RegionFiles) -> int:
    """Number of maps; HybridmapError if an output that is declared as mapped has none, or none of its cells a value."""
    rasters = files.experiment(EXPERIMENT).rasters
    for variable in model.outputs:
        path = rasters / f"{variable.name}.tif"
        if not variable.mapped or variable.dims not in PLAIN:
            continue
        if not path.is_file():
            raise HybridmapError(f"the output '{variable.name}' is declared as mapped and has no map.")
        with rasterio.open(path) as raster:
            if not np.ma.count(raster.read(1, masked=True)):
                raise HybridmapError(f"the map of '{variable.name}' has no value in any cell.")
    return len(list(rasters.glob("*.tif")))
