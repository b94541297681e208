"""Does the passport keep parameters where their error is small, on landscapes whose truth is known?

    python benchmarks/identifiability.py [--only demo five_pool_second elsewhere clm5_four clm5_all] [--out FILE.npz]
    python benchmarks/identifiability.py --coverage [CASE ...]
    python benchmarks/identifiability.py --proda

Without any of these it prints all three tables: the passport's, that of coverage and that of PRODA.

Every landscape trains models from random starts. Five of them, with the sensitivity of the process, make the passport,
five others, which the passport does not see, say what the error is: the root mean square over them, at each site. A
parameter should be kept at a site where that is at most 10 % of its range. How the parts of the passport combine was
chosen on `demo`; the other landscapes chose nothing. Beside it the same for the model that starts at the defaults,
which in the demo are the truth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.diagnose.identifiability.agreement import pattern_agreement, spread
from hybridmap.diagnose.identifiability.decision import SMALL, expected_error, is_kept
from hybridmap.diagnose.identifiability.posterior import posterior, waves
from hybridmap.diagnose.identifiability.sensitivity import sensitivity
from hybridmap.diagnose.identifiability.starts import random_starts
from hybridmap.encoders.registry import build_encoder
from hybridmap.model import HybridModel, Roles
from hybridmap.plot import style
from hybridmap.plot.style import plt
from hybridmap.process import ProcessModel, get_process
from hybridmap.testing.landscape import COVARIATES, Landscape, make_landscape
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit_members
from studies.clm5_recovery import FOUR, Clm5Profiles, make_case

Array = NDArray[np.float64]
RUNS = 5
FOLDS = 3
METHODS = ["mc_dropout", "ensemble", "randomised_priors", "laplace", "smoother"]
"""Sources of draws whose coverage is compared."""


@dataclass(frozen=True)
class Truth:
    """Sites whose parameters are known, and how a model of them is built and trained.

    Attributes
    ----------
    build : callable
        Starts → a model, untrained.
    data : SiteData
        All sites.
    positions : array, shape (site, parameter)
        True places in the range, of what the model learns.
    options : TrainingOptions
        Of every training.
    fold : array of int, shape (site,), optional
        Fifth of blocks that a site is in, where the study has blocks.
    """

    build: Callable[[Mapping[str, float]], HybridModel]
    data: SiteData
    positions: Array
    options: TrainingOptions
    fold: NDArray[np.int64] | None = None


def five_pool(land: Landscape, neural: Sequence[str], shared: Sequence[str], constants: Mapping[str, float]) -> Truth:
    """Sites of a synthetic landscape; `constants` are held at their true values."""
    process = get_process("five_pool", formulation="relaxed")
    places = land.row, land.col
    covariates = np.stack([land.covariates[name][places] for name in COVARIATES], axis=1)
    data = SiteData(
        torch.tensor(covariates, dtype=torch.float32),
        {name: torch.tensor(field[places], dtype=torch.float32) for name, field in land.forcing.items()},
        {name: torch.tensor(values, dtype=torch.float32) for name, values in land.observed.items()},
    )

    def build(start: Mapping[str, float]) -> HybridModel:
        return HybridModel(
            process,
            Roles(neural=list(neural), shared=list(shared), fixed=dict(constants)),
            build_encoder(ENCODER, len(COVARIATES), len(neural)),
            covariate_names=list(COVARIATES),
            target_names=list(land.observed),
            forcing_constants={"depth": 0.2},
            start=start,
        )

    values = {p.name: np.full(len(land.row), constants.get(p.name, p.default)) for p in process.parameters}
    values |= {name: field[places] for name, field in land.parameters.items()}
    true = np.stack([position(process, name, values[name]) for name in (*neural, *shared)], axis=1)
    options = TrainingOptions(learning_rate=0.005, max_epochs=400, patience=60, batch_size=512)
    return Truth(build, data, true, options)


ENCODER: dict[str, Any] = {"name": "mlp", "hidden": [64, 32], "activation": "gelu", "dropout": 0.1}
NEURAL = ("cue", "q_max", "f_poc", "vmax_p", "km_p")
GLOBAL = ("vmax_u", "km_u", "k_mb", "k_ep", "k_el", "k_ads", "k_des", "a_p")
AS_IN_TRUTH = {"a_p": 0.5, "a_m": 0.0}


def position(process: ProcessModel, name: str, value: Array) -> Array:
    """Places in the range of a parameter of values in its unit."""
    p = next(p for p in process.parameters if p.name == name)
    if p.scale == "log":
        return np.asarray(np.log(value / p.lower) / np.log(p.upper / p.lower))
    return np.asarray((value - p.lower) / (p.upper - p.lower))


def demo(neural: Sequence[str], shared: Sequence[str], seed: int = 0) -> Truth:
    """The landscape of the demo with sites everywhere, or with another seed one like it."""
    constants = {} if "a_p" in (*neural, *shared) else AS_IN_TRUTH
    return five_pool(make_landscape(seed=seed), neural, shared, constants)


SECOND = {"f_poc": 0.6, "vmax_p": 6e4, "km_p": 300.0, "vmax_u": 200.0, "km_u": 0.15, "k_ep": 0.03, "k_el": 14.0}
SECOND |= {"k_ads": 120.0, **AS_IN_TRUTH}
"""Constants of the second landscape, none of which is where trainings start."""


def second_relations(covariates: dict[str, Array]) -> dict[str, Array]:
    """Other parameters vary, and with other covariates: capacity with pH and slope, desorption with wetness."""
    wet, steep = np.tanh((covariates["wetness"] - 8.5) / 1.5), np.tanh((covariates["slope"] - 6.0) / 4.0)
    warm, green = (covariates["temperature"] - 9.0) / 4.0, covariates["ndvi"] - 0.5
    values = {
        "cue": 0.36 + 0.06 * np.sin(1.5 * warm) + 0.2 * green,
        "q_max": np.clip(55.0 - 22.0 * steep + 14.0 * np.tanh(covariates["ph"] - 6.0), 15.0, 110.0),
        "k_des": 0.03 * np.exp(-0.9 * wet + 0.3 * warm),
        "k_mb": 3.0 * np.exp(0.5 * np.tanh((covariates["sand"] - 50.0) / 15.0)),
    }
    return values | {name: np.full(wet.shape, value) for name, value in SECOND.items()}


def second(neural: Sequence[str], shared: Sequence[str], seed: int = 0) -> Truth:
    """Another place, other relationships, other constants."""
    land = make_landscape(seed=11 + seed, sites=1200, relations=second_relations)
    constants = {name: value for name, value in SECOND.items() if name not in shared}
    return five_pool(land, neural, shared, constants)


def clm5(
    parameters: Sequence[str], encoder: Mapping[str, Any], constraint: str, options: TrainingOptions, seed: int = 0
) -> Truth:
    """Sites of the CLM5 studies, 300 of the 1,018 for four parameters and 600 for all."""
    case = make_case(parameters, seed, n=300 if len(parameters) == len(FOUR) else 600)

    def build(start: Mapping[str, float]) -> HybridModel:
        return HybridModel(
            Clm5Profiles(),
            Roles(neural=list(parameters)),
            build_encoder(dict(encoder), case.data.covariates.shape[1], len(parameters)),
            constraint=constraint,
            covariate_names=[f"c{k}" for k in range(case.data.covariates.shape[1])],
            target_names=["log_soc_profile"],
            start=start,
        )

    data = replace(case.data, targets={"log_soc_profile": case.data.targets["log_soc_profile"]})
    return Truth(build, data, case.truth.positions, options, case.fold)


LBFGS = TrainingOptions(
    optimiser="lbfgs", learning_rate=1.0, max_epochs=25, patience=25, stop_on="mse", clip_norm=1e9,
    loss=LossOptions("mse", penalties={"violation": 1e-3, "entropy": 1e-5, "smoothness": 1e-5}),
)  # fmt: skip
ADAM = TrainingOptions(
    learning_rate=0.005, batch_size=64, max_epochs=150, patience=40, schedule="cosine",
    loss=LossOptions("mse", penalties={"cosh_prior": 1e-4}),
)  # fmt: skip
WIDE = {"name": "mlp", "hidden": [64, 64], "activation": "leaky_relu", "dropout": 0.1, "residual": True}
LANDSCAPES: dict[str, dict[str, Callable[[], Truth]]] = {
    "demo": {
        "some neural, rest global": lambda: demo(NEURAL, GLOBAL),
        "some neural, rest known": lambda: demo(NEURAL, ()),
        "all neural": lambda: demo((*NEURAL, *GLOBAL), ()),
    },
    "five_pool_second": {
        "some neural, rest known": lambda: second(("cue", "q_max", "k_des", "k_mb"), ()),
        "some neural, three global": lambda: second(("cue", "q_max", "k_des", "k_mb"), ("f_poc", "vmax_p", "k_ads")),
    },
    "elsewhere": {
        "like the demo, rest known": lambda: demo(NEURAL, (), 1),
        "like the second, rest known": lambda: second(("cue", "q_max", "k_des", "k_mb"), (), 1),
    },
    "clm5_four": {"four, KAN": lambda: clm5(FOUR, {"name": "kan"}, "hard_sigmoid", LBFGS)},
    "clm5_all": {
        "21, MLP": lambda: clm5([p.name for p in Clm5Profiles().parameters], WIDE, "sigmoid", ADAM),
    },
}


@dataclass(frozen=True)
class Outcome:
    """What was trained and what the passport says of it, each (..., site, parameter) as shares of the range."""

    names: tuple[str, ...]
    neural: int
    true: Array
    default: Array
    folds: Array
    starts: Array
    held_out: Array
    posterior_sd: Array


def outcome(truth: Truth) -> Outcome:
    """Train models from the defaults in three folds, and from ten random starts."""
    count = len(truth.data)
    fold = np.random.default_rng(5).permutation(count) % FOLDS
    starts = random_starts(truth.build({}), 2 * RUNS)
    parts: list[tuple[int, dict[str, float]]] = [(k, {}) for k in range(FOLDS)] + [(0, start) for start in starts]
    members, models = [], []
    for number, (k, start) in enumerate(parts):
        torch.manual_seed(number)
        rows = [torch.tensor(np.flatnonzero(in_part)) for in_part in (fold != k, fold == k)]
        models.append(truth.build(start))
        members.append(Member(models[-1], rows[0], rows[1], number, f"run {number}"))
    fit_members(members, truth.data, truth.options)
    data, model = truth.data, models[0]
    with torch.no_grad():
        runs = np.array([m.learned_positions(data.covariates, data.forcing).double().numpy() for m in models])
        stopped = data.rows(members[0].validation)
        predicted = model(stopped.covariates, stopped.forcing)
    errors = {t: float(np.nanstd((predicted[t] - v).numpy())) for t, v in stopped.targets.items()}
    jacobian = sensitivity(model, data.covariates, data.forcing, data.targets, errors)
    with torch.no_grad():
        features = model.features(model.encoder_inputs(data.covariates, data.forcing)).numpy()
    sd = posterior(jacobian, waves(features)).sd
    ends = FOLDS, FOLDS + RUNS
    return Outcome(
        jacobian.names, jacobian.neural, truth.positions, runs[0], runs[: ends[0]], runs[ends[0] : ends[1]],
        runs[ends[1] :], sd,
    )  # fmt: skip


def confusion(keeps: NDArray[np.bool_], is_good: NDArray[np.bool_]) -> dict[str, float]:
    """Counts and balanced accuracy; of one kind alone the share that is right."""
    hit, rejected = (keeps & is_good).sum(), (~keeps & ~is_good).sum()
    rates = [n / m for n, m in ((hit, is_good.sum()), (rejected, (~is_good).sum())) if m]
    return {
        "kept, good": hit, "kept, bad": (keeps & ~is_good).sum(), "left, good": (~keeps & is_good).sum(),
        "left, bad": rejected, "balanced accuracy": float(np.mean(rates)),
    }  # fmt: skip


PATTERN = ("r, starts", "slope, lowest", "slope, highest")
"""Of each of the trainings that the passport sees against every other, without the truth."""


def agreement_rows(result: Outcome, keeps: NDArray[np.bool_]) -> pd.DataFrame:
    """Each parameter where it is kept: held-out runs against the truth, and the runs seen against each other."""
    rows = []
    for k, name in enumerate(result.names):
        at = keeps[:, k]
        row: dict[str, Any] = {"parameter": name, "kept": at.mean()}
        row["good"] = (rms(result.held_out, result.true)[:, k] <= SMALL).mean()
        row |= {"expected": np.median(expected_error(result.posterior_sd, spread(result.starts))[:, k])}
        if at.sum() > 2:
            learned = result.held_out[:, at, k].ravel()
            true = np.tile(result.true[at, k], len(result.held_out))
            if true.std() > 0:
                row |= {"r": np.corrcoef(learned, true)[0, 1], "slope": np.polyfit(true, learned, 1)[0]}
            row |= {"bias": (learned - true).mean(), "rmse": np.sqrt(((learned - true) ** 2).mean())}
            row |= dict(zip(PATTERN, pattern_agreement(result.starts[:, at, k]), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def judge(results: Mapping[str, Outcome]) -> pd.DataFrame:
    """Confusion over neural parameters x sites of all cases, by what the passport knew and what it is held against."""
    rows = []
    for basis, judged in BASES.items():
        for held_against, runs_of in TRUTHS.items():
            pairs = [
                (is_kept(judged(r))[:, : r.neural].ravel(), (rms(runs_of(r), r.true) <= SMALL)[:, : r.neural].ravel())
                for r in results.values()
            ]
            row = confusion(*(np.concatenate(cells) for cells in zip(*pairs, strict=True)))
            rows.append({"passport of": basis, "truth of": held_against, **row})
    return pd.DataFrame(rows)


def rms(runs: Array, true: Array) -> Array:
    """Root mean square error of runs (run, site, parameter), (site, parameter)."""
    return np.asarray(np.sqrt(((runs - true) ** 2).mean(axis=0)))


BASES: dict[str, Callable[[Outcome], Array]] = {
    "folds": lambda r: spread(r.folds),
    "sensitivity": lambda r: r.posterior_sd,
    "starts": lambda r: spread(r.starts),
    "sensitivity, folds (default)": lambda r: expected_error(r.posterior_sd, spread(r.folds)),
    "sensitivity, starts (runs: 5)": lambda r: expected_error(r.posterior_sd, spread(r.starts)),
    "the truth, of the runs seen": lambda r: rms(r.starts, r.true),
}
"""What a passport may know; the last one is no passport, but the best that five runs can say of five others."""
TRUTHS: dict[str, Callable[[Outcome], Array]] = {
    "held-out starts": lambda r: r.held_out,
    "default start": lambda r: r.default[None],
}


def figure(landscapes: Mapping[str, Mapping[str, Outcome]], path: Path) -> None:
    """Expected against true error of every neural parameter and site; and what the default start hides in the demo."""
    canvas, axes = plt.subplots(1, len(landscapes) + 1, figsize=(3.6 * (len(landscapes) + 1), 3.7))
    for panel, (name, results) in zip(axes, landscapes.items(), strict=False):
        expected, true = (
            np.concatenate([values(r)[:, : r.neural].ravel() for r in results.values()])
            for values in (BASES["sensitivity, starts (runs: 5)"], lambda r: rms(r.held_out, r.true))
        )
        panel.hexbin(expected, true, gridsize=45, mincnt=1, bins="log", cmap=style.COUNTS, extent=(0, 0.6, 0, 0.6))
        panel.axvline(SMALL, color=style.WARNING, linewidth=0.9)
        panel.axhline(SMALL, color=style.WARNING, linewidth=0.9)
        panel.set(title=name, xlabel="expected error, share of range", ylabel="error of five other trainings")
    first = next(iter(next(iter(landscapes.values())).values()))
    places = np.arange(len(first.names))
    for offset, label, runs, colour in (
        (-0.2, "start at the truth", first.default[None], style.SERIES[1]),
        (0.2, "random starts", first.held_out, style.ACCENT),
    ):
        error = np.sqrt((rms(runs, first.true) ** 2).mean(axis=0))
        axes[-1].barh(places + offset, error, 0.4, color=colour, label=label)
    axes[-1].axvline(SMALL, color=style.WARNING, linewidth=0.9)
    axes[-1].set_yticks(places, first.names)
    axes[-1].invert_yaxis()
    axes[-1].set(xlabel="error, share of range", title="demo, five neural")
    axes[-1].legend()
    canvas.tight_layout()
    style.save(canvas, path)


def remembered(truth_of: Callable[[], Truth], file: Path | None) -> Outcome:
    """What was trained before, or is now."""
    if file is None or not file.exists():
        result = outcome(truth_of())
        if file is not None:
            np.savez(file, **vars(result))
        return result
    with np.load(file) as stored:
        values = dict(stored)
    return Outcome(tuple(values.pop("names").tolist()), int(values.pop("neural")), **values)


def passport(names: Sequence[str], out: Path | None, image: Path | None) -> None:
    """Train and judge the landscapes, print their tables, and draw the figure where one is asked for."""
    landscapes = {}
    for name in names:
        results: dict[str, Outcome] = {}
        landscapes[name] = results
        for case, truth_of in LANDSCAPES[name].items():
            begin = time.perf_counter()
            results[case] = remembered(truth_of, out and out / f"{name}-{case.replace(' ', '_')}.npz")
            print(f"{name}, {case}: {time.perf_counter() - begin:.0f} s", flush=True)
        print(f"\n## {name}\n{judge(results).round(2).to_string(index=False)}\n", flush=True)
        for case, result in results.items():
            keeps = is_kept(expected_error(result.posterior_sd, spread(result.starts)))
            print(f"{case}\n{agreement_rows(result, keeps).round(2).to_string(index=False)}\n", flush=True)
    if image:
        figure(landscapes, image)


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(LANDSCAPES), help="landscapes of the passport alone")
    parser.add_argument("--out", type=Path, help="folder that keeps what was trained (npz), read where it is there")
    parser.add_argument("--figure", type=Path, help="PNG of expected against true errors")
    parser.add_argument(
        "--coverage", nargs="*", metavar="CASE", help="coverage of 95 % ranges alone; all cases by default"
    )
    parser.add_argument("--proda", action="store_true", help="the table of PRODA alone")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1], help="of --coverage")
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS, help="of --coverage")
    args = parser.parse_args()
    torch.set_num_threads(1)
    is_all = args.only is None and args.coverage is None and not args.proda
    if is_all or args.only is not None:
        passport(args.only or list(LANDSCAPES), args.out, args.figure)
    if is_all or args.coverage is not None:
        from benchmarks import posteriors

        posteriors.report(args.coverage or [], args.seeds, args.methods)
    if is_all or args.proda:
        from benchmarks import proda

        print(proda.of_case("clm5_four", proda.SITES, proda.FOLDS))


if __name__ == "__main__":
    main()
