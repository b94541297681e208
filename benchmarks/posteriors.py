"""Do 95 % ranges of parameters hold the truth, by which method, and at what cost?

    python benchmarks/identifiability.py --coverage [CASE ...] [--seeds 0 1]

Every case trains on three fifths of the sites of a landscape with a known truth, stops on a fifth and is judged on the
last, which nothing has seen. All methods share options and data. The settings of laplace (steps, corrections, two
searches) were chosen on seed 0 of `clm5_all` and of `demo_global`; all other cases and seeds chose nothing. Costs are
seconds of the processor over those of one plain training, that training included.

`sbc`: calibration by simulation (Talts et al. 2018, arXiv 1804.06788), landscapes whose true parameters are drawn from
the prior. The rank of the truth among draws at a site that was not seen is then as often one number as any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.identifiability import ADAM, GLOBAL, NEURAL, WIDE, Truth, clm5, demo, position, second
from benchmarks.identifiability import METHODS as SOURCE_NAMES
from hybridmap.diagnose.identifiability.starts import random_starts
from hybridmap.encoders.registry import build_encoder
from hybridmap.evaluate.metrics import nse
from hybridmap.model import HybridModel, Roles
from hybridmap.model.draws import dropout_draws, ends_for_another, interval
from hybridmap.model.random_prior import add_random_prior
from hybridmap.options import UncertaintyOptions
from hybridmap.process import get_process
from hybridmap.train import Member, SiteData, TrainingOptions, fit_members
from hybridmap.train.posteriors import METHODS, Evidence
from studies.clm5_recovery import Clm5Profiles

Array = NDArray[np.float64]
LEVEL = 0.95
FOLDS = 5
NARROW = 0.5
"""Ranges narrower than this share of the whole range are called narrow."""


class Case(NamedTuple):
    """Seed → landscape, and whether training starts at a random place instead of the defaults."""

    truth: Callable[[int], Truth]
    is_random: bool = False


SECOND = ("cue", "q_max", "k_des", "k_mb")
CASES: dict[str, Case] = {
    "clm5_all": Case(
        lambda seed: clm5([p.name for p in Clm5Profiles().parameters], WIDE, "sigmoid", ADAM, seed)
    ),
    "demo_known": Case(lambda seed: demo(NEURAL, (), seed)),
    "demo_known_random": Case(lambda seed: demo(NEURAL, (), seed), is_random=True),
    "demo_global_random": Case(lambda seed: demo(NEURAL, GLOBAL, seed), is_random=True),
    "second_known_random": Case(lambda seed: second(SECOND, (), seed), is_random=True),
    "second_global_random": Case(lambda seed: second(SECOND, ("f_poc", "vmax_p", "k_ads"), seed), is_random=True),
}  # fmt: skip
SOURCES = {
    name: UncertaintyOptions(method=name, members=5, passes=50, draws=40, level=LEVEL)  # type: ignore[arg-type]
    for name in SOURCE_NAMES
}


class Trained(NamedTuple):
    """Models of a method, seconds of the processor, and the parts of the sites."""

    models: list[HybridModel]
    seconds: float


def _parts(truth: Truth, seed: int) -> list[torch.Tensor]:
    """Rows that train, stop and judge."""
    fold = truth.fold
    if fold is None:
        fold = np.random.default_rng([seed, 5]).permutation(len(truth.data)) % FOLDS
    return [torch.tensor(np.flatnonzero(part)) for part in (fold > 1, fold == 1, fold == 0)]


def _train(truth: Truth, source: str, count: int, seed: int, start: dict[str, float]) -> Trained:
    """Train `count` networks side by side, as an experiment of that source does."""
    rows = _parts(truth, seed)
    method, members = METHODS[source], []
    for number in range(count):
        torch.manual_seed(1000 * number + seed)
        model = truth.build(start)
        if method.specification:
            features = len(model.standardise.mean)
            add_random_prior(model, features, len(model.neural_names))
        members.append(Member(model, method.rows(rows[0], 1000 * number + seed), rows[1], number, source))
    begin = time.process_time()
    fit_members(members, truth.data, truth.options)
    return Trained([member.model for member in members], time.process_time() - begin)  # type: ignore[misc]


def coverage(case: Case, seed: int, methods: Sequence[str]) -> pd.DataFrame:
    """A row a method: coverage of all parameters and held-out sites, of narrow ranges, cost."""
    truth = case.truth(seed)
    start = random_starts(truth.build({}), 1, seed)[0] if case.is_random else {}
    training, stopping, judged = (truth.data.rows(rows) for rows in _parts(truth, seed))
    true = truth.positions[_parts(truth, seed)[2].numpy()]
    plain = _train(truth, "none", 1, seed, start)
    (model,) = plain.models
    rows = [{"method": "none", "cost": 1.0, "r2": _skill([model(judged.covariates, judged.forcing)], judged)}]
    for name in methods:
        if name == "smoother" and not model.shared_names:
            continue
        source = SOURCES[name]
        begin, seconds = time.process_time(), plain.seconds
        if source.ensemble_size > 1:
            models, seconds = _train(truth, name, source.ensemble_size, seed, start)
            begin = time.process_time()
        elif name != "mc_dropout":
            evidence = Evidence(training, stopping, source.draws, seed)
            models = METHODS[name].draws([model], evidence)  # type: ignore[assignment]
        seconds += time.process_time() - begin
        if name == "mc_dropout":
            draws = dropout_draws(model, judged.covariates, judged.forcing, source.passes)
        else:
            outputs = [m.outputs_of(judged.covariates, judged.forcing) for m in models]
            draws = {key: torch.stack([out[key] for out in outputs]) for key in outputs[0]}
        rows.append({"method": name, "cost": seconds / plain.seconds, **_scores(model, draws, true, source, judged)})
    return pd.DataFrame(rows)


def _scores(
    model: HybridModel, draws: dict[str, torch.Tensor], true: Array, source: UncertaintyOptions, judged: SiteData
) -> dict[str, float]:
    names, process = (*model.neural_names, *model.shared_names), model.process
    assert process is not None
    inside, width = np.zeros(true.shape, bool), np.zeros(true.shape)
    for k, name in enumerate(names):
        places = torch.tensor(position(process, name, draws[f"parameter.{name}"].double().numpy()))
        if source.is_posterior:
            low, high = ends_for_another(places, LEVEL)
        else:
            _, low, high, _ = interval(places, LEVEL)
        low, high = low.clamp(min=0.0).numpy(), high.clamp(max=1.0).numpy()
        inside[:, k], width[:, k] = (low <= true[:, k]) & (true[:, k] <= high), high - low
    neural, is_narrow = len(model.neural_names), width < NARROW
    means = {t: draws[t].mean(0) for t in judged.targets}
    return {
        "neural": inside[:, :neural].mean(),
        "global": inside[:, neural:].mean() if len(names) > neural else np.nan,
        "all": inside.mean(),
        "width": width.mean(),
        "narrow": is_narrow.mean(),
        "of_narrow": inside[is_narrow].mean() if is_narrow.any() else np.nan,
        "lowest": inside.mean(axis=0).min(),
        "r2": _skill([means], judged),
    }


def _skill(outputs: Sequence[dict[str, torch.Tensor]], judged: SiteData) -> float:
    """R2 of the first target."""
    target, observed = next(iter(judged.targets.items()))
    return nse(outputs[0][target].detach().double().numpy().ravel(), observed.double().numpy().ravel())


SITES = 120
LANDSCAPES = 100
NOISE = 0.3
RANKS = 10


def _respiration(random: bool) -> HybridModel:
    encoder = build_encoder({"name": "mlp", "hidden": [32, 32]}, 2, 2)
    model = HybridModel(
        get_process("respiration"), Roles(neural=["rb", "q10"]), encoder,
        covariate_names=["a", "b"], target_names=["reco"],
    )  # fmt: skip
    if random:
        add_random_prior(model, 2, 2)
    return model


def ranks(method: str, landscapes: int = LANDSCAPES, seed: int = 0) -> Array:
    """Share of draws below the truth at an unseen site of each landscape, (landscape, parameter)."""
    noise = torch.Generator().manual_seed(seed)
    source, members, data, truths = SOURCES[method], [], [], []
    for number in range(landscapes):
        torch.manual_seed(100_000 + 1000 * seed + number)
        nature = _respiration(random=True).eval()
        covariates = torch.randn(SITES, 2, generator=noise)
        forcing = {"air_temperature": torch.rand(SITES, generator=noise) * 25.0}
        out = nature.outputs_of(covariates, forcing)
        observed = out["reco"] + NOISE * torch.randn(SITES, generator=noise)
        data.append(SiteData(covariates, forcing, {"reco": observed}))
        truths.append({name: out[f"parameter.{name}"][-1] for name in nature.neural_names})
        rows = torch.arange(SITES) + SITES * number
        parts = rows[: SITES * 3 // 4], rows[SITES * 3 // 4 : -1]
        for k in range(source.ensemble_size):
            torch.manual_seed(number + 7919 * k)
            model = _respiration(bool(METHODS[method].specification))
            members.append(Member(model, METHODS[method].rows(parts[0], number + 7919 * k), parts[1], k, method))
    together = data[0]
    for part in data[1:]:
        together = SiteData.join(together, part)
    fit_members(members, together, TrainingOptions(learning_rate=0.01, max_epochs=100, patience=30, batch_size=45))
    shares = np.zeros((landscapes, 2))
    for number, sites in enumerate(data):
        models = [m.model for m in members[number * source.ensemble_size :][: source.ensemble_size]]
        unseen = sites.rows(torch.tensor([SITES - 1]))
        if method == "mc_dropout":
            draws = dropout_draws(models[0], unseen.covariates, unseen.forcing, source.passes)
        else:
            parts = [sites.rows(torch.arange(*ends)) for ends in ((0, SITES * 3 // 4), (SITES * 3 // 4, SITES - 1))]
            models = METHODS[method].draws(models, Evidence(parts[0], parts[1], source.draws, number))
            outputs = [m.outputs_of(unseen.covariates, unseen.forcing) for m in models]
            draws = {key: torch.stack([out[key] for out in outputs]) for key in outputs[0]}
        for k, name in enumerate(("rb", "q10")):
            shares[number, k] = float((draws[f"parameter.{name}"][:, 0] < truths[number][name]).double().mean())
    return shares


def rank_table(shares: Array, count: int) -> dict[str, Any]:
    """How even ranks are: chi-squared of ten classes against 9 degrees of freedom, and the share in the outer ones."""
    edges = np.linspace(0.0, 1.0, RANKS + 1)
    row: dict[str, Any] = {}
    random = np.random.default_rng(0)
    # Ranks are whole numbers: spread over the place of each among `count` draws, so that classes are equal.
    spread = (shares * count + random.random(shares.shape)) / (count + 1)
    for k, name in enumerate(("rb", "q10")):
        heights = np.histogram(spread[:, k], edges)[0]
        expected = len(shares) / RANKS
        row |= {
            f"chi2_{name}": ((heights - expected) ** 2 / expected).sum(),
            f"outer_{name}": (heights[0] + heights[-1]) / len(shares),
        }
    return row


def report(cases: Sequence[str], seeds: Sequence[int], methods: Sequence[str]) -> None:
    """Print the table of coverage and that of ranks."""
    tables = []
    for name in cases or (*CASES, "sbc"):
        if name == "sbc":
            rows = [{"method": m, **rank_table(ranks(m), SOURCES[m].draw_count)} for m in methods if m != "smoother"]
            print(f"\n## ranks of the truth among draws, {LANDSCAPES} landscapes")
            print("even ranks: chi2 below 21.7 in 99 of 100 such tables, outer share 0.2")
            print(pd.DataFrame(rows).round(2).to_string(index=False), flush=True)
            continue
        for seed in seeds:
            begin = time.perf_counter()
            table = coverage(CASES[name], seed, methods)
            tables.append(table.assign(case=name, seed=seed))
            print(
                f"\n{name}, seed {seed}: {time.perf_counter() - begin:.0f} s\n{table.round(3).to_string(index=False)}",
                flush=True,
            )
    if tables:
        means = pd.concat(tables).drop(columns="seed").groupby(["case", "method"], sort=False).mean()
        print(f"\n## mean over seeds {list(seeds)}\n{means.round(3).to_string()}", flush=True)
