"""Ecosystem respiration: is the base rate found behind a global Q10, out of distribution (ScIReN, tables 1 and 2)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.evaluate import metrics
from hybridmap.evaluate.importance import dependence_importance, shares
from hybridmap.model import HybridModel, Model
from hybridmap.model.specification import build_model
from hybridmap.testing.neustift import OFFSET, make_neustift
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit_members
from studies import Row, Scores, Study, encoder_row
from studies.published_start import start_as_published

COVARIATES = ["sw_pot", "dsw_pot", "ta"]
RbForm = Literal["linear", "nonlinear"]
MLP = {"name": "mlp", "hidden": [16, 16], "activation": "gelu", "dropout": 0.0}
KAN1 = {"name": "kan"}
SPARSE = {"penalties": {"smoothness": 0.1, "entropy": 0.003}, "global_learning_rate": 0.03}
KAN2 = {"name": "kan", "hidden": [8], "base": "zero"}
SAMPLE = 2000
"""Test half-hours that importances are averaged over."""


def run(form: RbForm, rows: Mapping[str, Row], name: str, seeds: Sequence[int]) -> list[Scores]:
    """Train one row for all seeds side by side and score it on 2008, of which a fifth is warmer than any training.

    Parameters
    ----------
    form : {"linear", "nonlinear"}
        Form of the latent base rate.
    rows : mapping of str to Row
        Rows of the study.
    name : str
        Row to run.
    seeds : sequence of int
        One result each.

    Returns
    -------
    list of dict of str to float
        Scores of each seed.
    """
    settings: dict[str, Any] = dict(rows[name].settings)
    tables = [_thinned(make_neustift(form, seed=seed).table, settings.get("step", 1)) for seed in seeds]
    data = SiteData(
        _column(tables, COVARIATES),
        {"air_temperature": _column(tables, "ta")},
        {"reco": _column(tables, "reco")},
    )
    members, start = [], 0
    for seed, table in zip(seeds, tables, strict=True):
        torch.manual_seed(seed)
        parts = {p: torch.tensor(np.flatnonzero(table["part"] == p) + start) for p in ("train", "validation")}
        model = build_model(_spec(settings))
        if settings.get("published_start"):
            start_as_published(model.encoder)
        members.append(Member(model, parts["train"], parts["validation"], seed))
        start += len(table)
    sd = float(tables[0].loc[tables[0]["part"] == "train", "reco"].std())
    loss = LossOptions("gaussian", observation_sd={"reco": sd}, penalties=settings.get("penalties", {}))
    options = TrainingOptions(
        learning_rate=settings.get("learning_rate", 0.01),
        global_learning_rate=settings.get("global_learning_rate", 0.1),
        weight_decay=0.0,
        batch_size=settings.get("batch_size", 1000),
        max_epochs=100,
        patience=15,
        schedule="cosine",
        clip_norm=10.0,
        stop_on="mse",
        loss=loss,
    )
    histories = fit_members(members, data, options)
    best = [min(row["validation_loss"] for row in history) for history in histories]
    return [
        _scores(member.model, table, form) | {"validation_mse": mse}
        for member, table, mse in zip(members, tables, best, strict=True)
    ]


def _thinned(table: pd.DataFrame, step: int) -> pd.DataFrame:
    """The test year, and each `step`-th half-hour of the other years."""
    is_kept = (table["part"] == "test") | (np.arange(len(table)) % step == 0)
    thinned: pd.DataFrame = table[is_kept].reset_index(drop=True)
    return thinned


def _spec(settings: Mapping[str, Any]) -> dict[str, Any]:
    constraint = settings.get("constraint")
    return {
        "process": {"name": "respiration", "options": {}} if constraint else None,
        "neural": ["rb"],
        "shared": ["q10"],
        "fixed": {},
        "bounds": {"q10": [0.2, 5.0], "rb": [0.0, 40.0]},
        "start": {"q10": 0.5},
        "constraint": constraint or "sigmoid",
        "encoder": settings["encoder"],
        "covariates": COVARIATES,
        "forcing": ["air_temperature"] if constraint else [],
        "forcing_constants": {},
        "targets": ["reco"],
    }


def _column(tables: Sequence[pd.DataFrame], columns: str | list[str]) -> torch.Tensor:
    return torch.tensor(np.concatenate([t[columns].to_numpy("float32") for t in tables]))


def _scores(model: Model, table: pd.DataFrame, form: RbForm) -> Scores:
    test = table[table["part"] == "test"]
    out = model.predict(test.assign(air_temperature=test["ta"]))
    scores = {
        "r2": metrics.nse(out["reco"], test["reco"]),
        "ceiling": metrics.nse(test["reco_clean"], test["reco"]),
    }
    if not isinstance(model, HybridModel):
        return scores
    latent = out["parameter.rb"]
    x = test[COVARIATES].to_numpy()[:: len(test) // SAMPLE]
    learned = shares(dependence_importance(partial(_base_rate, model), x))
    true = shares(dependence_importance(partial(_true_rate, form), x))
    at_quantiles = [
        shares(dependence_importance(function, x, grid="quantile"))
        for function in (partial(_true_rate, form), partial(_base_rate, model))
    ]
    return scores | {
        "kl_quantiles": metrics.kl_importance(*at_quantiles),
        "latent_r2": metrics.nse(latent, test["rb"]),
        "kl": metrics.kl_importance(true, learned),
        "q10": float(np.asarray(out["parameter.q10"])[0]),
    }


def _base_rate(model: HybridModel, x: NDArray[np.float64]) -> NDArray[np.float64]:
    with torch.no_grad():
        return model.physical_parameters(torch.tensor(x, dtype=torch.float32))["rb"].double().numpy()


MEAN, SD = 2.255001907382, 2.071059907016
"""Mean and standard deviation of the signal over 2003 to 2011."""


def _true_rate(form: RbForm, x: NDArray[np.float64]) -> NDArray[np.float64]:
    signal = 0.0075 * x[:, 0] - 0.00375 * x[:, 1]
    return signal + OFFSET if form == "linear" else np.abs((signal - MEAN) / SD) + 0.1


_row = partial(encoder_row, ("r2", "latent_r2", "kl"))
THIN = {"step": 4, "batch_size": 250}
"""Each fourth half-hour, in batches of as many hours as those of all half-hours in 1000."""
SMALL = {"name": "mlp", "hidden": [16], "activation": "relu", "dropout": 0.0}
AFFINE1 = {"name": "kan", "affine": True}
AFFINE2 = KAN2 | {"affine": True}
_as_published = partial(_row, published_start=True, **THIN)
FREE = {"violation": 1.0}
ONE_LAYER = {"l1": 0.01, "entropy": 0.01, "smoothness": 0.1}
TWO_LAYERS = {"l1": 0.001, "entropy": 0.001, "smoothness": 1.0}


LINEAR = {
    "pure_network": _row("pure network", MLP, None, []),
    "mlp_softplus": _row("MLP, softplus", MLP, "softplus", []),
    "mlp_relu": _row("MLP, ReLU", MLP, "relu", []),
    "linear_relu": _row("linear encoder, ReLU", {"name": "linear"}, "relu", []),
    "nam_relu": _row("neural additive model, ReLU", {"name": "nam", "units": 8}, "relu", []),
    "kan_softplus": _row("1-layer KAN, softplus", KAN1, "softplus", [], **SPARSE),
    "kan_relu": _row("1-layer KAN, ReLU", KAN1, "relu", [], **SPARSE),
    "pure_network_published": _as_published("as published: pure network", SMALL, None, [0.968]),
    "mlp_softplus_published": _as_published("as published: MLP, softplus", SMALL, "softplus", [0.972, 0.818, 0.284]),
    "mlp_relu_published": _as_published(
        "as published: MLP, ReLU", SMALL, "relu", [0.976, 0.941, 0.161], penalties=FREE
    ),
    "kan_softplus_published": _as_published(
        "as published: 1-layer KAN, softplus", AFFINE1, "softplus", [0.975, 0.995, 0.002], penalties=ONE_LAYER
    ),
    "kan_relu_published": _as_published(
        "as published: 1-layer KAN, ReLU", AFFINE1, "relu", [0.976, 1.000, 0.001], penalties=ONE_LAYER | FREE
    ),
}
NONLINEAR = {
    "pure_network": _row("pure network", MLP, None, []),
    "mlp_softplus": _row("MLP, softplus", MLP, "softplus", []),
    "mlp_relu": _row("MLP, ReLU", MLP, "relu", []),
    "linear_relu": _row("linear encoder, ReLU", {"name": "linear"}, "relu", []),
    "kan_relu": _row("1-layer KAN, ReLU", KAN1, "relu", [], **SPARSE),
    "kan2_relu": _row("2-layer KAN (8 hidden, zero base), ReLU", KAN2, "relu", [], **SPARSE),
    "kan2_softplus": _row("2-layer KAN (8 hidden, zero base), softplus", KAN2, "softplus", [], **SPARSE),
    "pure_network_published": _as_published("as published: pure network", SMALL, None, [0.946]),
    "mlp_softplus_published": _as_published("as published: MLP, softplus", SMALL, "softplus", [0.948, -0.265, 0.937]),
    "mlp_relu_published": _as_published(
        "as published: MLP, ReLU", SMALL, "relu", [0.961, 0.949, 0.199], penalties=FREE
    ),
    "linear_relu_published": _as_published(
        "as published: linear encoder, ReLU", {"name": "linear"}, "relu", [0.400, -0.204, 1.078], penalties=FREE
    ),
    "kan_relu_published": _as_published(
        "as published: 1-layer KAN, ReLU", AFFINE1, "relu", [0.651, -1.225, 1.182], penalties=ONE_LAYER | FREE
    ),
    "kan2_relu_published": _as_published(
        "as published: 2-layer KAN, ReLU", AFFINE2, "relu", [0.961, 0.993, 0.078], penalties=TWO_LAYERS | FREE
    ),
}
PENALTIES: dict[str, dict[str, float]] = {
    "none": {},
    "smoothness": {"smoothness": 0.1},
    "entropy": {"entropy": 0.003},
    "both": {"smoothness": 0.1, "entropy": 0.003},
    "both_violation": {"smoothness": 0.1, "entropy": 0.003, "violation": 1e-4},
    "strong_entropy": {"smoothness": 0.1, "entropy": 0.03},
}
WEIGHTS = {
    name: _row(
        ", ".join(f"{k} {v:g}" for k, v in weights.items()) or "no penalty",
        KAN1, "relu", [], penalties=weights, global_learning_rate=0.03,
    )
    for name, weights in PENALTIES.items()
}  # fmt: skip


def _ablated(title: str, published: Sequence[float], without: str = "", **encoder: object) -> Row:
    """Make a row of the published ablation: the 2-layer KAN without a penalty, or with another encoder."""
    weights = {k: v for k, v in (TWO_LAYERS | FREE).items() if k != without}
    return _as_published(title, AFFINE2 | encoder, "relu", published, penalties=weights)


ABLATION = {
    "complete": _ablated("all penalties, 30 grid cells", [0.9619, 0.9989, 0.149]),
    "no_smoothness": _ablated("without smoothness", [0.9600, 0.9720, 0.497], "smoothness"),
    "no_l1": _ablated("without L1", [0.9618, 0.9993, 0.202], "l1"),
    "no_entropy": _ablated("without entropy", [0.9608, 0.8754, 0.613], "entropy"),
    "coarse": _ablated("3 grid cells", [0.9558, 0.9863, 0.894], intervals=3),
}
SCORES = {
    "r2": "R2 of respiration", "ceiling": "noise ceiling", "latent_r2": "R2 of the base rate",
    "kl": "KL of importances", "q10": "Q10 (true 1.5)",
}  # fmt: skip
SOURCE = "Fan et al., ScIReN (arXiv 2506.14054), tables 1 and 2"
MEASURE = (
    "Half-hours of a site whose training years lack the warmest fifth; the test year has them. R2 is 1 - SSE/SST on"
    " 2008; importances are standard deviations of partial dependence, compared with those of the true function, which"
    " itself scores 0."
)
THINNED = "each fourth half-hour of the training years in batches of 250 (published: all of them in batches of 240)."
NOTE = f"{MEASURE} Rows 'as published' have the encoder, penalties and start of the published program, and {THINNED}"
STUDIES = {
    "respiration_linear": Study(
        "Ecosystem respiration, linear base rate", SOURCE, NOTE, SCORES, LINEAR, partial(run, "linear", LINEAR)
    ),
    "respiration_nonlinear": Study(
        "Ecosystem respiration, nonlinear base rate", SOURCE, NOTE, SCORES, NONLINEAR,
        partial(run, "nonlinear", NONLINEAR),
    ),
    "respiration_ablation": Study(
        "Ecosystem respiration, nonlinear base rate: the published ablation of the 2-layer KAN",
        "Fan et al., ScIReN (arXiv 2506.14054), table 9, of one seed",
        f"{MEASURE} Encoder, penalties and start of the published program, and {THINNED}", SCORES, ABLATION,
        partial(run, "nonlinear", ABLATION),
    ),
    "respiration_penalties": Study(
        "Ecosystem respiration, linear base rate: what each penalty of the 1-layer KAN does",
        "nothing of this model", MEASURE, SCORES, WEIGHTS, partial(run, "linear", WEIGHTS),
    ),
}  # fmt: skip
