"""All 21 CLM5 parameters at once: what MC dropout says it knows, with and without the positional encoder (BINN)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from hybridmap.encoders import MLP, MixedInputs
from hybridmap.evaluate import metrics
from hybridmap.model import HybridModel, Roles
from hybridmap.model.draws import dropout_draws, interval
from hybridmap.testing.clm5_sites import COVARIATES
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit_members
from studies import Row, Scores, Study
from studies.clm5_recovery import FOLDS, Clm5Profiles, make_case
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
    """Train on three folds of blocks, stop on one, test on one."""
    names = [p.name for p in Clm5Profiles().parameters]
    case = make_case(names, seed)
    coordinates = torch.tensor(np.stack([case.sites.lon, case.sites.lat], axis=1), dtype=torch.float32)
    covariates = [*COVARIATES, "lon", "lat"] if settings["positional"] else list(COVARIATES)
    x = torch.cat([case.data.covariates, coordinates], dim=1)[:, : len(covariates)]
    data = SiteData(x, case.data.forcing, {"log_soc_profile": case.data.targets["log_soc_profile"]})
    torch.manual_seed(seed)
    inputs = MixedInputs(covariates, {}, ["lon", "lat"]) if settings["positional"] else None
    encoder = MLP(
        inputs.n_features if inputs else len(covariates), len(names), [128, 128], "leaky_relu", SHARE, residual=True
    )
    model = HybridModel(
        Clm5Profiles(),
        Roles(neural=names),
        encoder,
        covariate_names=covariates,
        target_names=["log_soc_profile"],
        inputs=inputs,
    )
    k = seed % FOLDS
    test, stop = case.fold == k, case.fold == (k + 1) % FOLDS
    rows = [torch.tensor(np.flatnonzero(sites)) for sites in (~test & ~stop, stop)]
    options = TrainingOptions(
        learning_rate=0.005, batch_size=64, max_epochs=150, patience=40, schedule="cosine",
        loss=LossOptions("mse", penalties={"cosh_prior": 1e-4}),
    )  # fmt: skip
    fit_members([Member(model, rows[0], rows[1], seed)], data, options)
    tested = data.rows(torch.tensor(np.flatnonzero(test)))
    with torch.no_grad():
        out = model.run(tested.covariates, tested.forcing)
    draws = dropout_draws(model, tested.covariates, tested.forcing, PASSES)
    predicted, observed = out.outputs["log_soc_profile"], tested.targets["log_soc_profile"]
    scores = {"soc_r2": metrics.nse(predicted.exp().numpy(), observed.exp().numpy())}
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


ROWS = {
    "plain": Row("covariates only", {}, {"positional": False}),
    "positional": Row("with the positional encoder of longitude and latitude", {}, {"positional": True}),
}
STUDIES = {
    "clm5_coverage": Study(
        "Recovery of all 21 CLM5 parameters, with MC dropout",
        "Xu et al., BINN (arXiv 2502.00672), added experiments",
        f"Each seed makes other relationships and tests another fold of blocks. {PASSES} passes, {SHARE:g} of the units"
        " left out. Coverage is the share of test sites whose prescribed parameter lies between the smallest and the"
        " largest pass (or the central 95 %), mean over the parameters.",
        {
            "soc_r2": "R2 of SOC", "correlation": "r of parameters", "coverage_range": "coverage, min-max",
            "coverage_95": "coverage, 95 %",
        },
        ROWS,
        partial(run, ROWS),
        per_parameter="coverage.",
    )
}  # fmt: skip
