"""The training loop: minibatches of sites, masked multi-task loss, early stopping on the whole validation set."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.hybrid import HybridModel, Model
from hybridmap.losses import MIN_OBSERVATIONS, feasibility_penalty, multi_task_loss
from hybridmap.train import checkpoint

Epoch = dict[str, float]
"""One row of the history: epoch, train_loss, validation_loss, and each term under its own name."""


@dataclass(frozen=True)
class SiteData:
    """Sites of one part of a split, on the device that trains.

    Attributes
    ----------
    covariates : Tensor, shape (site, covariate), float32
        Physical units.
    forcing : dict of str to Tensor, shape (site,), float32
        Units of the process model.
    targets : dict of str to Tensor, shape (site,), float32
        Observed values [kg C m-3], NaN where not measured.
    """

    covariates: Tensor
    forcing: dict[str, Tensor]
    targets: dict[str, Tensor]

    def __len__(self) -> int:
        return self.covariates.shape[0]

    def rows(self, index: Tensor) -> SiteData:
        """Return the sites at `index`."""
        return SiteData(
            self.covariates[index],
            {k: v[index] for k, v in self.forcing.items()},
            {k: v[index] for k, v in self.targets.items()},
        )

    def tensors(self) -> list[Tensor]:
        """All tensors in a fixed order, for fingerprints."""
        named = {"covariates": self.covariates, **self.forcing, **{f"target.{k}": v for k, v in self.targets.items()}}
        return [named[k] for k in sorted(named)]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; see the configuration reference for each key."""

    optimiser: str = "adamw"
    learning_rate: float = 0.005
    global_learning_rate: float | None = None
    weight_decay: float = 1e-4
    batch_size: int = 2048
    max_epochs: int = 500
    patience: int = 50
    clip_norm: float = 1.0
    feasibility_weight: float = 0.0
    checkpoint_every: int = 50
    seed: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)
    """Anything else that a checkpoint must agree with, such as the model's specification."""


def fit(
    model: Model,
    training: SiteData,
    validation: SiteData,
    options: TrainingOptions,
    checkpoint_folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `model` in place and leave it with the weights of its best validation epoch.

    The scaler is fitted on `training` alone. The loss is the mean over targets of 1 - KGE; validation loss is computed
    once over all validation sites, because KGE is not a mean over batches.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Freshly built; build it after ``torch.manual_seed(options.seed)`` for reproducible weights.
    training, validation : SiteData
        On the device of the model.
    options : TrainingOptions
        Optimiser, stopping rule, seed.
    checkpoint_folder : Path, optional
        Where to keep the state every `checkpoint_every` epochs; a checkpoint of the same model, options and data
        found there is continued, with the same result as an uninterrupted run.
    progress : callable, optional
        Called with each epoch's row of the history.

    Returns
    -------
    list of dict
        The history, one row an epoch.

    Raises
    ------
    HybridmapError
        If a target has too few training observations, or the loss is never finite.
    """
    _check_targets(training, validation)
    _prepare(model, training)
    optimiser = _make_optimiser(model, options)
    torch.manual_seed(options.seed)
    state, best = checkpoint.Progress(history=[]), _weights(model)
    fingerprint = _fingerprint(options, training, validation) if checkpoint_folder else ""
    if checkpoint_folder and (found := checkpoint.restore(checkpoint_folder, fingerprint, model, optimiser)):
        state, best = found
    history = state.history if state.history is not None else []

    while state.epoch < options.max_epochs and state.epoch - state.best_epoch <= options.patience:
        row = {"epoch": float(state.epoch)} | _train_epoch(model, training, optimiser, options)
        row |= {f"validation_{k}": v for k, v in evaluate_loss(model, validation).items()}
        history.append(row)
        if progress:
            progress(row)
        if row["validation_loss"] < state.best_loss:
            state.best_loss, state.best_epoch, best = row["validation_loss"], state.epoch, _weights(model)
        state.epoch += 1
        state.history = history
        if checkpoint_folder and state.epoch % options.checkpoint_every == 0:
            checkpoint.save(checkpoint_folder, fingerprint, state, model, best, optimiser)
    if not math.isfinite(state.best_loss):
        raise HybridmapError(
            f"training: no epoch of {state.epoch} had a finite validation loss; lower training.learning_rate or use the"
            " constrained formulation."
        )
    model.load_state_dict(best)
    model.eval()
    return history


def evaluate_loss(model: Model, data: SiteData) -> dict[str, float]:
    """Mean and per-target 1 - KGE over all of `data`: keys ``loss`` and each target with enough observations."""
    model.eval()
    with torch.no_grad():
        result = multi_task_loss(model(data.covariates, data.forcing), data.targets)
    terms = {name: float(term) for name, term in result.terms.items()}
    return {"loss": float(result.total) if terms else math.nan, **terms}


def _train_epoch(model: Model, data: SiteData, optimiser: torch.optim.Optimizer, options: TrainingOptions) -> Epoch:
    model.train()
    order = torch.randperm(len(data), device="cpu").to(data.covariates.device)
    sums: dict[str, float] = {}
    batches = max(1, round(len(data) / options.batch_size))  # equal batches: a short last one has a noisy KGE
    skipped, norms = 0, 0.0
    for index in torch.tensor_split(order, batches):
        batch = data.rows(index)
        outputs = model(batch.covariates, batch.forcing)
        result = multi_task_loss(outputs, batch.targets)
        total, terms = result.total, dict(result.terms)
        if options.feasibility_weight and isinstance(model, HybridModel) and "margin_uptake" in outputs:
            terms["feasibility"] = feasibility_penalty(outputs)
            total = total + options.feasibility_weight * terms["feasibility"]
        optimiser.zero_grad(set_to_none=True)
        finite = bool(torch.isfinite(total)) and bool(result.terms)
        if finite:
            total.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
            finite = bool(torch.isfinite(norm))
        if not finite:  # a pole of the relaxed formulation, or no target in the batch: counted, never hidden
            skipped += 1
            continue
        optimiser.step()
        norms += float(norm)
        for name, term in {"loss": total, **terms}.items():
            sums[name] = sums.get(name, 0.0) + float(term.detach())
    done = batches - skipped
    row = {f"train_{name}": value / done for name, value in sums.items()} if done else {"train_loss": math.nan}
    return row | {"gradient_norm": norms / done if done else math.nan, "skipped_steps": float(skipped)}


def _check_targets(training: SiteData, validation: SiteData) -> None:
    for name, values in training.targets.items():
        count = int((~torch.isnan(values)).sum())
        if count < MIN_OBSERVATIONS:
            raise HybridmapError(
                f"target '{name}' has {count} observations in the training part, {MIN_OBSERVATIONS} are needed;"
                " use fewer folds or larger samples, or leave the target out of the experiment."
            )
    seen = [(~torch.isnan(v)).sum() >= MIN_OBSERVATIONS for v in validation.targets.values()]
    if not any(seen):
        raise HybridmapError("the validation part has no target with enough observations to stop on; use fewer folds.")


def _prepare(model: Model, training: SiteData) -> None:
    """Fit the scaler, and the output scale of a pure network, on the training part."""
    if isinstance(model, HybridModel):
        model.standardise.fit(training.covariates)
        return
    model.standardise.fit(model.inputs(training.covariates, training.forcing))
    model.scale.copy_(torch.stack([training.targets[t].nanmean() for t in model.target_names]))


def _make_optimiser(model: Model, options: TrainingOptions) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": list(model.encoder.parameters()), "lr": options.learning_rate, "weight_decay": options.weight_decay}
    ]
    if isinstance(model, HybridModel) and model.shared_names:
        rate = options.global_learning_rate or options.learning_rate
        groups.append({"params": [model.shared_raw], "lr": rate, "weight_decay": 0.0})
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise HybridmapError(
            "the experiment has nothing to learn: every parameter is fixed; name some as neural or global."
        )
    if options.optimiser == "rmsprop":
        return torch.optim.RMSprop(groups)
    return torch.optim.AdamW(groups)


def _weights(model: Model) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _fingerprint(options: TrainingOptions, training: SiteData, validation: SiteData) -> str:
    digest = hashlib.sha256(json.dumps(asdict(options), sort_keys=True, default=str).encode())
    for tensor in (*training.tensors(), *validation.tensors()):
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
