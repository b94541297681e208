"""How much four models lose at temperatures they never saw: r of SOC on random, block and temperature folds.

    snakemake --cores 2 split --configfile resources/regions/europe_open.yaml
    python benchmarks/extrapolation.py resources/regions/europe_open.yaml

The experiments and ordinary models of `resources/regions/extrapolation.yaml`, trained by the recipe of the region:
every member of an ensemble is a seed, scored alone at the test sites of all folds of a scheme together. Medians of the
seeds, in brackets the lowest and the highest. `lost` is r on random folds less that at unseen temperatures, with the
90 % range of resampled blocks; `lost beyond linear` is how much more that is than linear regression loses there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from skill import Region, resampled_r

from hybridmap.config import Config, Experiment
from hybridmap.config.baselines import BASELINES
from hybridmap.config.reading import load_config
from hybridmap.evaluate import metrics
from hybridmap.evaluate.baseline_fit import FoldSites, fit_fold
from hybridmap.experiment.fold_predictions import train_parts
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.site_data import COVARIATE, FORCING

Array = NDArray[np.float64]
OVERLAY = Path("resources/regions/extrapolation.yaml")
SCHEMES = ("random", "block", "temperature")
REFERENCE = "linear"


def of_experiment(experiment: Experiment, config: Config, region: Region) -> list[Array]:
    """SOC (site,) by each member, each site by the fold that tests it."""
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    predicted = np.full((experiment.uncertainty.ensemble_size, len(region.samples)), np.nan)
    models = train_parts(experiment, layers, region.samples, region.parts)
    for part, members in zip(region.parts, models, strict=True):
        for k, model in enumerate(members):
            predicted[k, part.predicted] = model.predict(region.samples.iloc[part.predicted])["soc"]
    return list(predicted)


def of_baseline(name: str, region: Region) -> list[Array]:
    """SOC (site,) by one ordinary model."""
    observed, predicted = region.observed("soc"), np.full(len(region.samples), np.nan)
    x = region.samples[[c for c in region.samples if c.startswith((COVARIATE, FORCING))]].to_numpy(float)
    for part in region.parts:
        trains, stops = (np.isin(np.arange(len(x)), rows) for rows in part[:2])
        fitted = fit_fold(BASELINES[name], FoldSites(x, trains, stops), observed)["predicted"]
        predicted[part.predicted] = fitted[part.predicted]
    return [predicted]


def predictions(name: str, config: Config, region: Region) -> list[Array]:
    """SOC (site,) by each member of an experiment, or by an ordinary model."""
    experiments = {experiment.name: experiment for experiment in config.experiments}
    return of_experiment(experiments[name], config, region) if name in experiments else of_baseline(name, region)


def cells(rows: Mapping[str, Sequence[Array]], linear: Mapping[str, Sequence[Array]], region: Region) -> list[str]:
    """Tell r by scheme, what is lost at unseen temperatures, and how much more than linear regression loses."""
    observed = region.observed("soc")
    is_measured = np.isfinite(observed)

    def r_loss(of_scheme: Mapping[str, Sequence[Array]]) -> tuple[float, Array]:
        first, last = (
            np.median([metrics.pearson(p[is_measured], observed[is_measured]) for p in of_scheme[s]])
            for s in ("random", "temperature")
        )
        draws = [
            resampled_r([p[is_measured] for p in of_scheme[s]], observed[is_measured], region.block[is_measured])
            for s in ("random", "temperature")
        ]
        return float(first - last), draws[0] - draws[1]

    texts = []
    for scheme in rows:
        r = [metrics.pearson(p[is_measured], observed[is_measured]) for p in rows[scheme]]
        texts.append(f"{np.median(r):.3f}" + (f" ({min(r):.3f} to {max(r):.3f})" if len(r) > 1 else ""))
    (value, draws), (of_linear, linear_draws) = r_loss(rows), r_loss(linear)
    low, high = np.nanquantile(draws, [0.05, 0.95])
    more = np.nanquantile(draws - linear_draws, [0.05, 0.95])
    return [
        *texts,
        f"{value:+.3f} ({low:+.3f} to {high:+.3f})",
        f"{value - of_linear:+.3f} ({more[0]:+.3f} to {more[1]:+.3f})",
    ]


def main() -> None:
    """Print a table a region."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regions", nargs="+", type=Path, help="region files, each laid over config.yaml")
    parser.add_argument("--results", type=Path, help="folder of results, if not that of the region files")
    parser.add_argument("--models", nargs="+", help="experiments and ordinary models, all without it")
    parser.add_argument("--schemes", nargs="+", default=SCHEMES, choices=SCHEMES)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for path in arguments.regions:
        over = {"experiment_defaults": {"uncertainty": {"members": arguments.seeds}}}
        config = load_config(Path("config.yaml"), path, OVERLAY, over=over)
        names = arguments.models or [*(e.name for e in config.experiments), *config.baselines]
        rows: dict[str, dict[str, list[Array]]] = {name: {} for name in dict.fromkeys([REFERENCE, *names])}
        for scheme in arguments.schemes:
            region = Region.of(path, arguments.results, scheme)
            for name in rows:
                rows[name][scheme] = predictions(name, config, region)
        head = [f"{path.stem}: r of SOC", *arguments.schemes, "lost", "lost beyond linear"]
        lines = [head, ["---"] * len(head)]
        lines += [[name, *cells(rows[name], rows[REFERENCE], region)] for name in rows]
        sys.stdout.write("\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
