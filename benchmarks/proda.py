"""PRODA beside the end-to-end hybrid where the truth is known, and what a region's own comparison says.

    python benchmarks/proda.py [--case clm5_four clm5_all] [--sites 200] [--folds 10]
    python benchmarks/proda.py --results results/conus_clm5/experiments/clm5/proda

The first makes sites of CLM5 whose four or 21 parameters follow covariates (ScIReN's landscape), observes SOC at their
depths with errors of 10 %, and gives both the same sites, folds and network. The second reads what `snakemake proda`
wrote.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from hybridmap.encoders.registry import build_encoder
from hybridmap.evaluate.metrics import nse
from hybridmap.evaluate.proda.findings import agreement_table, bias_table, correlation, costs, eligibility, held_out_of
from hybridmap.evaluate.proda.peers import HYBRID, PRODA, Compared, Peers, compare_peers
from hybridmap.evaluate.proda.sampler import ChainOptions
from hybridmap.experiment.fold_predictions import parts_of_folds
from hybridmap.model import HybridModel, Roles
from hybridmap.process.clm5.interval import TRACES
from hybridmap.quantities import QUANTITIES
from hybridmap.samples.schemes import degree_blocks
from hybridmap.train import LossOptions, TrainingOptions
from studies.clm5_recovery import FOUR, Case, Clm5Profiles, make_case

ERROR = 0.1
"""Standard deviation of the logarithm of what is observed about the truth."""
SITES, FOLDS = 200, 10
UNIFORM_SD = 12**-0.5
"""Standard deviation of the prior, as a share of the range."""
CASES: Mapping[str, Sequence[str]] = {"clm5_four": FOUR, "clm5_all": ()}
ENCODER: dict[str, Any] = {"name": "mlp", "hidden": [64, 64], "activation": "leaky_relu", "dropout": 0.0}
TRAINING = TrainingOptions(
    learning_rate=0.005,
    batch_size=64,
    max_epochs=150,
    patience=40,
    schedule="cosine",
    loss=LossOptions("smooth_l1_log"),
)


class TracedProfiles(Clm5Profiles):
    """Profiles with the components that they are traced to."""

    traces = TRACES

    def traced(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Profiles and components."""
        drive = {name: values for name, values in forcing.items() if name != "observation_depth"}
        components = self.clm5.traced(parameters, drive)
        return {**self(parameters, forcing), **{trace.name: components[trace.name] for trace in TRACES}}


def compare(name: str, sites: int, folds: int) -> tuple[Compared, Case, np.ndarray]:
    """Both peers on one landscape, its truth, and the fold of every site."""
    parameters = list(CASES[name]) or [p.name for p in Clm5Profiles().parameters]
    case = make_case(parameters, 0, n=sites)
    noise = torch.from_numpy(np.random.default_rng(1).normal(0.0, ERROR, case.data.targets["soc_profile"].shape))
    observed = {"soc_profile": case.data.targets["soc_profile"] * noise.float().exp()}
    data = replace(case.data, targets=observed)

    def build(seed: int) -> HybridModel:
        torch.manual_seed(seed)
        return HybridModel(
            TracedProfiles(),
            Roles(neural=parameters),
            build_encoder(ENCODER, data.covariates.shape[1], len(parameters)),
            covariate_names=[f"c{k}" for k in range(data.covariates.shape[1])],
            target_names=["soc_profile"],
        )

    fold = degree_blocks(case.sites.lon, case.sites.lat, folds=folds, seed=12345)
    parts = parts_of_folds(fold, folds)
    peers = Peers(build, ENCODER, TRAINING, [0], data, np.arange(sites), parts, ERROR)
    return compare_peers(peers, ChainOptions(chains=4, draws=100, rounds=5, r_hat=1.05, seed=0)), case, fold


def table(compared: Compared, case: Case, fold: np.ndarray) -> pd.DataFrame:
    """Skill, parameters and components against the truth, and cost, of both; and of the calibration itself."""
    tested = np.isfinite(compared.held_out[HYBRID].positions[:, 0])
    true = case.truth.positions[tested]
    true_outputs = compared.likelihood.outputs(case.truth.positions.astype(float))
    names = [trace.name for trace in TRACES if trace.name not in ("residence_time", "input")]
    cost = costs(compared, int(fold.max()) + 1)
    rows = {}
    for peer, seconds in (
        (HYBRID, cost["hybrid_seconds"]),
        (PRODA, cost["sampling_seconds"] + cost["network_seconds"]),
    ):
        held_out = compared.held_out[peer]
        soc, exact = (values["predicted"][tested].ravel() for values in (held_out.outputs, true_outputs))
        is_finite = np.isfinite(soc) & np.isfinite(exact)
        rows[peer] = {
            "r of SOC": correlation(soc[is_finite], exact[is_finite]),
            "NSE of SOC": nse(soc[is_finite], exact[is_finite]),
            "r of parameters": _mean_r(held_out.positions[tested], true),
            "r of components": _mean_r(*(_stack(v, names, tested) for v in (held_out.outputs, true_outputs))),
            "seconds": seconds,
        }  # fmt: skip
    rows["sites calibrated (not held out)"] = {"r of parameters": _mean_r(compared.calibration.mean[tested], true)}
    return pd.DataFrame(rows).T


def recovered(compared: Compared, case: Case) -> pd.DataFrame:
    """Each true parameter against the calibration, and against both peers where neither was trained, by range."""
    calibration, eligible = compared.calibration, compared.calibration.eligible
    rows = []
    for peer, positions in {
        "calibrated": calibration.mean,
        PRODA: compared.held_out[PRODA].positions,
        HYBRID: compared.held_out[HYBRID].positions,
    }.items():
        for k, name in enumerate(compared.likelihood.names):
            at = eligible & np.isfinite(positions[:, k])
            learned, true = positions[at, k], case.truth.positions[at, k]
            rows.append(
                {
                    "of": peer, "parameter": name, "r": correlation(learned, true),
                    "slope": np.polyfit(true, learned, 1)[0], "bias": (learned - true).mean(),
                    "rmse": np.sqrt(np.square(learned - true).mean()),
                    "within a tenth": (np.abs(learned - true) <= 0.1).mean(),
                    "R-hat < 1.05": (calibration.r_hat[:, k] < 1.05).mean(),
                    "contraction": 1.0 - calibration.sd[at, k].mean() / UNIFORM_SD,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _stack(values: Mapping[str, np.ndarray], names: Sequence[str], tested: np.ndarray) -> np.ndarray:
    return np.stack([values[name][tested] for name in names], axis=1)


def _mean_r(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.mean([correlation(a, b) for a, b in zip(first.T, second.T, strict=True)]))


def paired(compared: Compared, case: Case, fold: np.ndarray) -> pd.DataFrame:
    """Difference of absolute errors of SOC in blocks of 2 degrees, and the bias of both."""
    observed = compared.likelihood.observed.numpy()
    places = np.argwhere(np.isfinite(observed))
    site = places[:, 0]
    block = [
        f"{lon:.0f} {lat:.0f}" for lon, lat in zip(case.sites.lon[site] // 2, case.sites.lat[site] // 2, strict=True)
    ]
    labels = pd.DataFrame(
        {"site_id": site, "fold": fold[site], "block": block, "area": block, "cell": site.astype(str)}
    )
    quantity = replace(QUANTITIES["soc"], unit="g m-3")
    sites = {main: held_out_of(compared, places, labels, main) for main in (HYBRID, PRODA)}
    columns = ["experiment", "n", "blocks", "bias", "normalised", "mae", "mae_difference", "mae_difference_low"]
    return bias_table(sites, quantity, "degrees")[[*columns, "mae_difference_high"]]


def of_case(name: str, sites: int, folds: int) -> str:
    """The tables of one landscape as text."""
    compared, case, fold = compare(name, sites, folds)
    components = agreement_table(compared).query("kind == 'component'").dropna(subset="r")
    cost = costs(compared, folds)
    return (
        f"## PRODA beside the hybrid, {name}, {sites} sites, {folds} folds\n{eligibility(compared, 1.05)}\n"
        f"{table(compared, case, fold).round(2).to_string()}\n\n"
        f"{recovered(compared, case).round(2).to_string(index=False)}\n\n"
        f"{paired(compared, case, fold).round(2).to_string(index=False)}\n\n"
        f"components of both: {dict(zip(components['name'], components['r'].round(2), strict=True))},"
        f" mean {components['r'].mean():.2f}\n"
        f"every R-hat below 1.05 at {(compared.calibration.r_hat.max(axis=1) < 1.05).mean():.2f} of the sites\n"
        f"seconds of one core: { ({key: round(value, 1) for key, value in cost.items()}) }\n"
    )


def of_results(folder: Path) -> str:
    """The same of what a region wrote."""
    summary = json.loads((folder / "proda.json").read_text())
    scores, bias, agreement = (pd.read_csv(folder / f"{name}.csv") for name in ("scores", "bias", "agreement"))
    overall = scores[
        (scores["stratum"] == "all") & scores["score"].isin(["pearson", "nse", "rmse", "pearson_log", "nse_log"])
    ]
    wide = overall.pivot_table(index="score", columns="rung", values="value")
    columns = ["experiment", "by", "class", "n", "bias", "normalised", "mae", "mae_difference", "mae_difference_low"]
    paired_rows = bias[bias["by"].isin(["all", "depth"])][[*columns, "mae_difference_high"]]
    return (
        f"{summary['sentence']}\n\n{json.dumps(summary['eligibility'])}\n{json.dumps(summary['cost'])}\n\n"
        f"{wide.round(3).to_string()}\n\n"
        f"{paired_rows.round(2).to_string(index=False)}\n\n"
        f"{agreement.round(2).to_string(index=False)}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="*", default=["clm5_four"], choices=list(CASES))
    parser.add_argument("--sites", type=int, default=SITES)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--results", type=Path, help="folder of `snakemake proda`, to print instead")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.results:
        print(of_results(args.results))
        return
    for name in args.case:
        print(of_case(name, args.sites, args.folds), flush=True)


if __name__ == "__main__":
    main()
