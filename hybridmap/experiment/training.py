"""One experiment on tables: from a configuration block and samples to a trained model."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from hybridmap.config import Config, Experiment, Raster
from hybridmap.errors import HybridmapError
from hybridmap.files.tables import write_csv, write_parquet
from hybridmap.model.hybrid import HybridModel, Model
from hybridmap.model.specification import build_model
from hybridmap.process import get_process
from hybridmap.quantities import QUANTITIES
from hybridmap.samples.folds import parts_of
from hybridmap.train import Epoch, LossOptions, Member, SiteData, TrainingOptions, fit_members, save_model

LOG = logging.getLogger("hybridmap")
COVARIATE, FORCING = "covariate.", "forcing."


def names_in(samples: pd.DataFrame, prefix: str) -> list[str]:
    """Names behind a column prefix (`COVARIATE` or `FORCING`), in the order of the table."""
    return [c.removeprefix(prefix) for c in samples.columns if c.startswith(prefix)]


def model_spec(
    experiment: Experiment,
    layer_depth_m: float,
    covariates: list[str],
    forcing: list[str],
    categorical: dict[str, list[float]] | None = None,
    units: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the specification that :func:`hybridmap.model.hybrid.build_model` takes, of plain values only.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    layer_depth_m : float
        Thickness of the target interval [m], given to process models that have a ``depth`` forcing.
    covariates, forcing : list of str
        Layers of the cube.
    categorical : dict of str to list of float, optional
        Class codes of the covariates that are classes.
    units : dict of str to str, optional
        Unit of every layer, so that a map from other units is refused.
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
        "start": dict(experiment.start),
        "constraint": experiment.constraint.options(),
        "encoder": experiment.encoder.options(),
        "units": units or {},
        "covariates": covariates,
        "categorical": categorical or {},
        "forcing": forcing,
        "forcing_constants": constants,
        "targets": list(experiment.targets),
    }


def checked_model(experiment: Experiment, spec: dict[str, Any], seed: int | None = None) -> Model:
    """Build the model of an experiment, seeded; HybridmapError naming the experiment if the block is wrong."""
    torch.manual_seed(experiment.seed if seed is None else seed)
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
        {target: tensor(QUANTITIES[target].column) for target in targets},
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


def train_folds(
    config: Config,
    name: str,
    folds: Sequence[str],
    samples_path: Path,
    splits_path: Path,
    out: Path,
    device: str = "auto",
) -> None:
    """Train folds of one experiment side by side into `out`: ``{fold}/model/``, ``{fold}/history.parquet`` and CSV.

    Parameters
    ----------
    config : Config
        With the experiment called `name`.
    folds : sequence of str
        ``{scheme}-{k}`` or ``all``.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Folder of the experiment; a checkpoint kept there continues an interrupted training.
    device : str
        "auto" takes the first GPU if there is one.
    """
    experiment = config.experiment(name)
    samples, splits = pd.read_parquet(samples_path), pd.read_parquet(splits_path)
    where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    depth = (config.build.bottom_cm - config.build.top_cm) / 100.0
    classes = class_codes(config.covariates, samples)
    units = {layer.name: layer.unit for layer in (*config.covariates, *config.forcing)}
    spec = model_spec(experiment, depth, names_in(samples, COVARIATE), names_in(samples, FORCING), classes, units)
    check_forcing(checked_model(experiment, spec), samples)
    data = site_data(samples, list(experiment.targets), where)
    size = experiment.uncertainty.members if experiment.uncertainty.method == "ensemble" else 1
    members = []
    for fold in folds:
        parts = parts_of(samples, splits, fold, experiment.splits[0])
        rows = [torch.tensor((parts == part).to_numpy().nonzero()[0]) for part in ("train", "validation")]
        LOG.info("%s %s: %d training and %d validation sites", name, fold, len(rows[0]), len(rows[1]))
        for k in range(size):
            seed = experiment.seed + 1000 * k
            model = checked_model(experiment, spec, seed).to(where)
            members.append(Member(model, rows[0], rows[1], seed, f"fold '{fold}'"))
        shutil.rmtree(out / fold / "model", ignore_errors=True)
    options = training_options(experiment, spec)
    checkpoint = (out / folds[0] if len(folds) == 1 else out) / "checkpoint"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    report = Progress(name, options.max_epochs)
    if experiment.training.tensorboard:
        report.watch([out / folds[k // size] / "tensorboard" / f"member{k % size}" for k in range(len(members))])
    try:
        histories = fit_members(members, data, options, checkpoint, report)
    except HybridmapError as error:
        raise HybridmapError(f"experiment '{name}', {error}") from None
    finally:
        report.close()
    for place, fold in enumerate(folds):
        group = slice(place * size, (place + 1) * size)
        history = pd.concat(
            [pd.DataFrame(h).assign(member=float(k)) for k, h in enumerate(histories[group])], ignore_index=True
        )
        write_parquet(history, out / fold / "history.parquet")
        write_csv(history, out / fold / "history.csv")
        save_model([one.model for one in members[group]], spec, out / fold / "model")
        best = min((row for h in histories[group] for row in h), key=lambda row: row["validation_loss"])
        LOG.info("%s %s: best validation loss %.3f at epoch %d", name, fold, best["validation_loss"], best["epoch"])
    shutil.rmtree(checkpoint, ignore_errors=True)


def training_options(experiment: Experiment, spec: dict[str, Any]) -> TrainingOptions:
    """Options of the trainer as the experiment's block gives them; HybridmapError naming the experiment if wrong."""
    try:
        loss = LossOptions(**experiment.loss.model_dump())
        training = experiment.training.model_dump(exclude={"tensorboard"})
        return TrainingOptions(**training, loss=loss, seed=experiment.seed, identity=spec)
    except ValueError as error:
        raise HybridmapError(f"experiment '{experiment.name}': {error}") from None


def class_codes(covariates: Sequence[Raster], samples: pd.DataFrame) -> dict[str, list[float]]:
    """Class codes at the sites of every categorical covariate."""
    layers = [layer.name for layer in covariates if layer.kind == "categorical"]
    return {name: sorted(float(v) for v in samples[COVARIATE + name].dropna().unique()) for name in layers}


class Progress:
    """A line in the log every 50 epochs, and on a terminal a bar with the losses as they are.

    Parameters
    ----------
    name : str
        Of the experiment.
    max_epochs : int
        Epochs at most.
    """

    def __init__(self, name: str, max_epochs: int) -> None:
        self.bar = tqdm(total=max_epochs, desc=name, unit="epoch", disable=None, leave=False)
        self.epoch = -1
        self.rows: dict[int, Epoch] = {}
        self.writers: list[Any] = []

    def watch(self, folders: Sequence[Path]) -> None:
        """Write every row for TensorBoard too, each member into its folder; HybridmapError if it is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise HybridmapError(
                "training.tensorboard needs the package tensorboard; install it, or set it to false."
            ) from None
        self.writers = [SummaryWriter(str(folder)) for folder in folders]

    def __call__(self, member: int, row: Epoch) -> None:
        """Take one epoch's row of one member."""
        if self.writers:
            for key, value in row.items():
                self.writers[member].add_scalar(key, value, int(row["epoch"]))
        if row["epoch"] != self.epoch and self.rows:
            self._show()
        self.epoch, self.rows[member] = int(row["epoch"]), row

    def _show(self) -> None:
        means = pd.DataFrame(self.rows.values()).mean().to_dict()
        scores = {str(k): v for k, v in means.items() if str(k).startswith("validation_")}
        losses = {k.removeprefix("validation_"): f"{v:.3f}" for k, v in scores.items()}
        training = f"{means['train_loss']:.3f}"
        self.bar.update(self.epoch + 1 - self.bar.n)
        self.bar.set_postfix({"models": len(self.rows), "train": training, **losses}, refresh=False)
        if self.epoch % 50 == 0:
            text = " ".join(f"{k} {v}" for k, v in losses.items())
            LOG.info("epoch %d, %d models: training loss %s, validation %s", self.epoch, len(self.rows), training, text)
        self.rows = {}

    def close(self) -> None:
        """Take the bar away, and finish what is written."""
        self.bar.close()
        for writer in self.writers:
            writer.close()
