"""What 14C as a joint target does to the interval of turnover time of the five pools, at which skill of carbon.

``python benchmarks/radiocarbon_targets.py CONFIG...`` after ``snakemake fit`` with these files (docs/radiocarbon.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hybridmap.config.reading import load_config
from hybridmap.diagnose.identifiability.passport import judge
from hybridmap.diagnose.identifiability.sensitivity import INNERMOST
from hybridmap.experiment.layers import ModelLayers
from hybridmap.files.results import RegionFiles
from hybridmap.train import load_model

EXPERIMENTS = ("carbon", "radiocarbon", "radiocarbon_fractions")


def main(*configs: str) -> None:
    torch.set_num_threads(1)
    config = load_config(*configs)
    files = RegionFiles(Path(config.results) / config.region)
    samples, splits = pd.read_parquet(files.samples), pd.read_parquet(files.splits)
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    print(
        f"{len(samples)} sites; "
        + ", ".join(
            f"{q.column} {samples[q.column].notna().sum()}"
            for q in config.all_quantities.values()
            if q.column in samples
        )
    )
    turnover = {}
    for name in EXPERIMENTS:
        experiment, of = config.experiment(name), files.experiment(name)
        models = {f"block-{k}": of.fold(f"block-{k}").model for k in range(5)}
        judged, rows = judge(experiment, layers, samples, splits, models)
        sites = samples.iloc[rows]
        logs = []
        for folder in models.values():
            model = load_model(folder)
            covariates, forcing = model.tensors(sites)
            with torch.no_grad():
                positions = model.learned_positions(covariates, forcing).double().clamp(INNERMOST, 1 - INNERMOST)
            positions.requires_grad_(True)
            driven = {n: v.double() for n, v in forcing.items()}
            out = model.outputs_at(positions, driven)
            log = torch.log(out["soc"] / (out["respiration"] + out["leaching"]))
            if not logs:
                (g,) = torch.autograd.grad(log.sum(), positions, retain_graph=True)
            logs.append(log.detach().numpy())
        gradient = g.numpy()
        sd = np.sqrt(np.einsum("sp,spq,sq->s", gradient, judged.posterior.covariance, gradient))
        prior = judged.posterior.prior_sd * np.sqrt((gradient**2).sum(axis=1))
        turnover[name] = np.exp(np.mean(logs, axis=0))
        low, middle, high = np.quantile(sd, [0.25, 0.5, 0.75])
        print(
            f"{name:22s} sd of ln turnover: prior {np.median(prior):.2f}, {middle:.3f} ({low:.3f} to {high:.3f});"
            f" between folds {np.median(np.std(logs, axis=0)):.3f}; turnover time {np.median(turnover[name]):.0f} yr"
        )
        best = {n: round(float(np.median(judged.posterior.sd[:, k])), 2) for k, n in enumerate(judged.jacobian.names)}
        print("   ", dict(sorted(best.items(), key=lambda item: item[1])[:6]))
        metrics = pd.read_csv(of.scores.metrics)
        test = metrics[(metrics["part"] == "test") & (metrics["fold"] == "pooled") & (metrics["subset"] == "all")]
        print(
            "    test",
            {
                r.target: (int(r.n), round(r.pearson, 2), round(r.nse, 2), round(r.rmse, 1))
                for r in test[test["model"] == name].itertuples()
            },
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
