"""CLM5 parameters, all 21 at once or four: what MC dropout says it knows (BINN)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.encoders import MLP, MixedInputs
from hybridmap.evaluate import metrics
from hybridmap.model import HybridModel, Roles
from hybridmap.model.draws import dropout_draws, interval
from hybridmap.testing.clm5_sites import COVARIATES
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit_members
from studies import Row, Scores, Study
from studies.clm5_recovery import FOLDS, FOUR, Case, Clm5Profiles, make_case
from studies.parallel import run_in_processes

PASSES, SHARE = 200, 0.1
"""Predictions with units left out, and the share left out."""


def run(rows: Mapping[str, Row], name: str, seeds: Sequence[int]) -> list[Scores]:
    """Train one fold a seed and compare dropout intervals with the prescribed parameters of the test sites.

    Parameters
    ----------
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
    return run_in_processes(run_seed, [(dict(rows[name].settings), seed) for seed in seeds])


def run_seed(settings: Mapping[str, Any], seed: int) -> Scores:
    """Train on all folds but two, stop on one, test on one."""
    names = list(settings.get("parameters", PARAMETERS))
    case = make_case(names, seed)
    coordinates = torch.tensor(np.stack([case.sites.lon, case.sites.lat], axis=1), dtype=torch.float32)
    covariates = [*COVARIATES, "lon", "lat"] if settings["positional"] else list(COVARIATES)
    x = torch.cat([case.data.covariates, coordinates], dim=1)[:, : len(covariates)]
    options: TrainingOptions = settings["training"]
    target = settings["target"]
    data = SiteData(x, case.data.forcing, {target: case.data.targets[target]})
    torch.manual_seed(seed)
    model = _model(settings, names, covariates)
    k = seed % FOLDS
    test, stop = case.fold == k, case.fold == (k + 1) % FOLDS
    rows = [torch.tensor(np.flatnonzero(sites)) for sites in (~test & ~stop, stop)]
    fit_members([Member(model, rows[0], rows[1], seed)], data, options)
    return _score(model, names, case, data, test)


def _model(settings: Mapping[str, Any], names: list[str], covariates: list[str]) -> HybridModel:
    inputs = MixedInputs(covariates, {}, ["lon", "lat"]) if settings["positional"] else None
    features = inputs.n_features if inputs else len(covariates)
    encoder = MLP(features, len(names), [128, 128], "leaky_relu", residual=True, **settings["layers"])
    return HybridModel(
        Clm5Profiles(),
        Roles(neural=names),
        encoder,
        constraint=settings.get("constraint", "sigmoid"),
        covariate_names=covariates,
        target_names=[settings["target"]],
        inputs=inputs,
    )


def _score(
    model: HybridModel, names: Sequence[str], case: Case, data: SiteData, test: NDArray[np.bool_]
) -> Scores:  # fmt: skip
    """Skill of the trained network, and what the passes with units left out hold of the truth."""
    rows = torch.tensor(np.flatnonzero(test))
    tested = data.rows(rows)
    with torch.no_grad():
        out = model.run(tested.covariates, tested.forcing)
    draws = dropout_draws(model, tested.covariates, tested.forcing, PASSES)
    observed = case.data.targets["soc_profile"][rows]
    scores = {"soc_r2": metrics.nse(out.outputs["soc_profile"].numpy(), observed.numpy())}
    agreement: dict[str, list[float]] = {"coverage_range": [], "coverage_95": [], "correlation": []}
    for j, name in enumerate(names):
        low, high = model.bounds_of(name)
        true = low + case.truth.positions[test, j] * (high - low)
        values = draws[f"parameter.{name}"]
        wide, central = interval(values, range_=True), interval(values, 0.95)
        agreement["coverage_range"].append(metrics.coverage(wide.lower.numpy(), wide.upper.numpy(), true))
        agreement["coverage_95"].append(metrics.coverage(central.lower.numpy(), central.upper.numpy(), true))
        agreement["correlation"].append(metrics.pearson(out.outputs[f"parameter.{name}"].numpy(), true))
        scores[f"coverage.{name}"] = agreement["coverage_range"][-1]
    return scores | {key: float(np.mean(values)) for key, values in agreement.items()}


PARAMETERS = tuple(p.name for p in Clm5Profiles().parameters)
SMALL_STEPS = {
    "target": "log_soc_profile",
    "layers": {"dropout": SHARE},
    "training": TrainingOptions(
        learning_rate=0.005, batch_size=64, max_epochs=150, patience=40, schedule="cosine",
        loss=LossOptions("mse", penalties={"cosh_prior": 1e-4}),
    ),
}  # fmt: skip
RETRIEVAL = {
    "parameters": FOUR,
    "target": "soc_profile",
    "positional": True,
    "layers": {"dropout": 0.0, "batch_norm": True},
    "constraint": {"name": "sigmoid", "temperature": (10.0, 109.0)},
    "training": TrainingOptions(
        learning_rate=0.01, weight_decay=0.0, batch_size=32, max_epochs=50, patience=20, clip_norm=1e9,
        loss=LossOptions("smooth_l1", penalties={"cosh_prior": 100.0}),
    ),
}  # fmt: skip
ROWS = {
    "plain": Row("all 21, covariates only", {}, SMALL_STEPS | {"positional": False}),
    "positional": Row(
        "all 21, with the positional encoder of longitude and latitude", {}, SMALL_STEPS | {"positional": True}
    ),
    "four": Row("four, covariates only", {}, SMALL_STEPS | {"positional": False, "parameters": FOUR}),
    "four_published": Row("four, trained as published", {}, RETRIEVAL),
}
STUDIES = {
    "clm5_coverage": Study(
        "Recovery of all 21 CLM5 parameters and of four, with MC dropout",
        "Xu et al., BINN (arXiv 2502.00672), added experiments, most probably of four parameters",
        f"Each seed makes other relationships and tests another fold of blocks. {PASSES} passes, {SHARE:g} of the units"
        " left out. Trained as published: sigmoid of a trained temperature from 10 to 109, batch norm, the positional"
        " encoder, whose dropout of 0.5 is the only one, smooth L1 of SOC in g and a wall at the bounds of weight 100,"
        " 50 epochs of AdamW at 0.01. Coverage is the share of test sites whose prescribed parameter lies between the"
        " smallest and the largest pass (or the central 95 %), mean over the parameters.",
        {
            "soc_r2": "R2 of SOC", "correlation": "r of parameters", "coverage_range": "coverage, min-max",
            "coverage_95": "coverage, 95 %",
        },
        ROWS,
        partial(run, ROWS),
        per_parameter="coverage.",
    )
}  # fmt: skip
