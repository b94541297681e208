"""What each loss does to skill and intervals: one network and one hybrid, the folds of a region, everything else alike.

The region must have samples and folds: `snakemake --cores 2 split --configfile REGION` makes them.

    python benchmarks/losses.py resources/regions/conus_open.yaml --losses kge mse log_quantiles

Each row is the test sites of all block folds together. Where a loss learns a spread (log_quantiles, and gaussian_log,
student_t_log and crps_log with a neural one) intervals are relative to it, else of one width; both are conformal, each
fold calibrated on the others. `climatology` is the interval score of the quantiles of all observations.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config import Config
from hybridmap.config.reading import load_config
from hybridmap.evaluate import metrics
from hybridmap.evaluate.scores import evaluate
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.training import train_folds
from hybridmap.files.results import RegionFiles
from hybridmap.options.loss import LOSS_NAMES, OF_SPREAD, QUANTILES

RECIPE: dict[str, Any] = {
    "targets": ["soc"],
    "splits": ["block"],
    "encoder": {"name": "mlp", "hidden": [128, 64], "activation": "gelu", "dropout": 0.2},
    "training": {
        "learning_rate": 0.002, "schedule": "cosine", "max_epochs": 60, "patience": 60, "batch_size": 512,
    },
}  # fmt: skip
"""Not searched for any of them."""
MODELS: dict[str, dict[str, Any]] = {
    "network": {"process": None, "neural": "none", "global": "none"},
    "hybrid": {
        "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
        "neural": "all",
        "global": "none",
    },
}
LEVEL = 0.9
TAIL = 60.0
"""Density [kg m-3] above which soils are few and rule the squares."""
OFFSET = 0.5
"""Added before a logarithm [kg m-3]."""
Array = NDArray[np.float64]


def experiment(model: str, loss: str, seed: int) -> dict[str, Any]:
    """Block of a region file."""
    has_head = loss in (*OF_SPREAD, *QUANTILES)
    settings: dict[str, Any] = {"name": loss}
    if loss in OF_SPREAD:
        settings["observation_sd"] = "neural"
    head = {"uncertainty": {"method": "head", "level": LEVEL}} if has_head else {}
    return {**RECIPE, **MODELS[model], **head, "name": f"{model}_{loss}", "loss": settings, "seed": seed, "map": False}


def interval_score(observed: Array, lower: Array, upper: Array) -> float:
    """Mean of width and of what is missed, 20 fold."""
    missed = np.maximum(lower - observed, 0.0) + np.maximum(observed - upper, 0.0)
    return float(np.mean(upper - lower + 2.0 / (1.0 - LEVEL) * missed))


def row(predictions: pd.DataFrame) -> dict[str, float]:
    """Scores of test sites."""
    test = predictions[(predictions["part"] == "test") & predictions["observed.soc"].notna()]
    observed, predicted = (test[f"{key}.soc"].to_numpy(float) for key in ("observed", "predicted"))
    lower, upper = (test[f"conformal_{end}.soc"].to_numpy(float) for end in ("lower", "upper"))
    ends = np.quantile(observed, [0.5 * (1 - LEVEL), 0.5 * (1 + LEVEL)])
    logs = [np.log(values.clip(0.0) + OFFSET) for values in (predicted, observed)]
    most = observed <= TAIL
    return {
        "r": metrics.pearson(predicted, observed),
        "r of logarithms": metrics.pearson(*logs),
        "NSE": metrics.nse(predicted, observed),
        "NSE to 60 kg m-3": metrics.nse(predicted[most], observed[most]),
        "KGE": metrics.kge(predicted, observed),
        "bias": float(predicted.mean() / observed.mean() - 1.0),
        "coverage": float(((observed >= lower) & (observed <= upper)).mean()),
        "width": float(np.mean(upper - lower)),
        "interval score": interval_score(observed, lower, upper),
        "climatology": interval_score(observed, ends[0], ends[1]),
    }


def scores(config: Config, name: str, files: RegionFiles) -> dict[str, float]:
    """Train and score one experiment on every fold."""
    settings = config.experiment(name)
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    scheme = next(split for split in config.splits if split.name == settings.splits[0])
    folds = [f"{scheme.name}-{k}" for k in range(scheme.runs)]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        train_folds(settings, layers, folds, files.samples, files.splits, out, "cpu")
        models = {fold: out / fold / "model" for fold in folds}
        evaluate(settings, files.samples, files.splits, models, out / "scores", config.all_quantities)
        return row(pd.read_parquet(out / "scores/predictions.parquet"))


def main() -> None:
    """Print a table, a row a model, loss and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("region", type=Path, help="region file, laid over config.yaml")
    parser.add_argument("--results", type=Path, help="folder of the region's results, if not that of the region file")
    parser.add_argument("--losses", nargs="+", default=[name for name in LOSS_NAMES if name != "kge_bias_sd"])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    raw = load_config(Path("config.yaml"), arguments.region).model_dump(by_alias=True)
    raw |= {"baselines": [], "totals": [], "reference": None}
    rows = []
    for seed in arguments.seeds:
        for model in arguments.models:
            for loss in arguments.losses:
                block = experiment(model, loss, seed)
                config = Config.model_validate({**raw, "experiments": [block]})
                files = RegionFiles(arguments.results or Path(config.results) / config.region)
                start = time.perf_counter()
                numbers = scores(config, block["name"], files)
                seconds = round(time.perf_counter() - start)
                rows.append({"model": model, "loss": loss, "seed": seed, **numbers, "seconds": seconds})
                sys.stdout.write(pd.DataFrame(rows[-1:]).round(3).to_csv(index=False, header=len(rows) == 1))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
