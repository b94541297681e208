"""One experiment on tables: from a configuration block and samples to a trained model."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from hybridmap.config import TARGET_COLUMNS, Config, Experiment
from hybridmap.data.parts import parts_of
from hybridmap.data.tables import write_parquet
from hybridmap.errors import HybridmapError
from hybridmap.hybrid import HybridModel, Model
from hybridmap.specification import build_model
from hybridmap.process import get_process
from hybridmap.train import Epoch, SiteData, TrainingOptions, fit, save_model

LOG = logging.getLogger("hybridmap")
COVARIATE, FORCING = "covariate.", "forcing."


def names_in(samples: pd.DataFrame, prefix: str) -> list[str]:
    """Names behind a column prefix (`COVARIATE` or `FORCING`), in the order of the table."""
    return [c.removeprefix(prefix) for c in samples.columns if c.startswith(prefix)]


def model_spec(
    experiment: Experiment, layer_depth_m: float, covariates: list[str], forcing: list[str]
) -> dict[str, Any]:
    """Return the specification that :func:`hybridmap.hybrid.build_model` takes, of plain values only.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    layer_depth_m : float
        Thickness of the target interval [m], given to process models that have a ``depth`` forcing.
    covariates, forcing : list of str
        Layers of the cube.
    """
    process = experiment.process
    constants: dict[str, float] = {}
    if process is not None:
        known = get_process(process.name, **process.options).forcing
        constants = {v.name: layer_depth_m for v in known if v.name == "depth"}
    return {
        "process": None if process is None else process.model_dump(),
        "neural": experiment.neural,
        "shared": experiment.global_,
        "fixed": dict(experiment.fixed),
        "bounds": {name: list(pair) for name, pair in experiment.bounds.items()},
        "constraint": experiment.constraint,
        "encoder": experiment.encoder.model_dump(),
        "covariates": covariates,
        "forcing": forcing,
        "forcing_constants": constants,
        "targets": list(experiment.targets),
    }


def checked_model(experiment: Experiment, spec: dict[str, Any]) -> Model:
    """Build the model of an experiment, seeded; HybridmapError naming the experiment if the block is wrong."""
    torch.manual_seed(experiment.seed)
    try:
        return build_model(spec)
    except ValueError as error:
        raise HybridmapError(f"experiment '{experiment.name}': {error}") from None


def site_data(samples: pd.DataFrame, targets: list[str], device: str = "cpu") -> SiteData:
    """Put samples on a device: covariates (site, covariate), forcing and targets (site,), all float32.

    Raises
    ------
    HybridmapError
        If a target's column is not in the table.
    """

    def tensor(column: str) -> torch.Tensor:
        if column not in samples:
            raise HybridmapError(f"samples have no column '{column}'; run build and sample again.")
        return torch.tensor(samples[column].to_numpy("float32"), device=device)

    covariates = samples[[c for c in samples.columns if c.startswith(COVARIATE)]].to_numpy("float32")
    return SiteData(
        torch.tensor(covariates, device=device),
        {name: tensor(FORCING + name) for name in names_in(samples, FORCING)},
        {target: tensor(TARGET_COLUMNS[target]) for target in targets},
    )


def check_forcing(model: Model, samples: pd.DataFrame) -> None:
    """Raise HybridmapError where forcing lies outside what its unit allows (Kelvin for degC, kg for g)."""
    if not isinstance(model, HybridModel) or model.process is None:
        return
    for variable in model.process.forcing:
        column = FORCING + variable.name
        if variable.valid_range is None or column not in samples:
            continue
        low, high = variable.valid_range
        outside = samples[(samples[column] < low) | (samples[column] > high)]
        if len(outside):
            site, value = outside["site_id"].iloc[0], outside[column].iloc[0]
            raise HybridmapError(
                f"forcing '{variable.name}' is {value:g} at site '{site}' ({len(outside)} sites in all), expected"
                f" {low:g} to {high:g} {variable.unit}; set scale and offset of the layer."
            )
    npp = samples.get(FORCING + "npp")
    if npp is not None and float(npp.median()) < 5:
        raise HybridmapError(
            f"forcing 'npp' has a median of {float(npp.median()):g}, expected g C m-2 yr-1 (tens to thousands);"
            " kg C m-2 yr-1 needs scale: 1000."
        )


def train_fold(
    config: Config, name: str, fold: str, samples_path: Path, splits_path: Path, out: Path, device: str = "auto"
) -> None:
    """Train one fold of one experiment into `out`: ``model/`` and ``history.parquet``.

    Parameters
    ----------
    config : Config
        With the experiment called `name`.
    fold : str
        ``{scheme}-{k}`` or ``all``.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Folder of the fold; a checkpoint kept there continues an interrupted training.
    device : str
        "auto" takes the first GPU if there is one.
    """
    experiment = config.experiment(name)
    samples = pd.read_parquet(samples_path)
    parts = parts_of(samples, pd.read_parquet(splits_path), fold, experiment.splits[0])
    where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    depth = (config.build.bottom_cm - config.build.top_cm) / 100.0
    spec = model_spec(experiment, depth, names_in(samples, COVARIATE), names_in(samples, FORCING))
    model = checked_model(experiment, spec).to(where)
    check_forcing(model, samples)

    data = site_data(samples, list(experiment.targets), where)
    rows = {
        part: torch.tensor((parts == part).to_numpy().nonzero()[0], device=where) for part in ("train", "validation")
    }
    options = TrainingOptions(**experiment.training.model_dump(), seed=experiment.seed, identity=spec)
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "model", ignore_errors=True)
    LOG.info("%s %s: %d training and %d validation sites", name, fold, len(rows["train"]), len(rows["validation"]))
    try:
        history = fit(
            model, data.rows(rows["train"]), data.rows(rows["validation"]), options, out / "checkpoint", _report_epoch
        )
    except HybridmapError as error:
        raise HybridmapError(f"experiment '{name}', fold '{fold}': {error}") from None
    write_parquet(pd.DataFrame(history), out / "history.parquet")
    save_model(model, spec, out / "model")
    shutil.rmtree(out / "checkpoint", ignore_errors=True)
    best = min(history, key=lambda row: row["validation_loss"])
    LOG.info("%s %s: best validation loss %.3f at epoch %d", name, fold, best["validation_loss"], best["epoch"])


def _report_epoch(row: Epoch) -> None:
    if row["epoch"] % 50 == 0:
        terms = " ".join(
            f"{k.removeprefix('validation_')} {v:.3f}" for k, v in row.items() if k.startswith("validation_")
        )
        LOG.info(
            "epoch %d: training loss %.3f, validation %s", row["epoch"], row.get("train_loss", float("nan")), terms
        )
