"""Print how four models do on random, block and temperature folds, mean and standard deviation over five seeds.

    for region in conus_open europe_open; do
        snakemake --cores 4 --configfile resources/regions/$region.yaml resources/regions/extrapolation.yaml --until fit
    done
    python benchmarks/extrapolation.py

Every member of an ensemble is scored alone: SOC at the test sites of all folds of a scheme together.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.evaluate import metrics
from hybridmap.model.draws import ensemble_draws
from hybridmap.samples.folds import roles_in_fold
from hybridmap.train import load_members

ROOT = Path("results/extrapolation")
REGIONS = {"conus_open": "United States", "europe_open": "Europe"}
SCHEMES = ("random", "block", "temperature")
MODELS = ("pure_network", "all_global", "some_neural", "all_neural")


def member_scores(folder: Path, model: str, scheme: str) -> np.ndarray:
    """KGE and NSE of SOC of every member, shape (member, 2)."""
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    observed = samples["soc_density_kg_m3"].to_numpy(float)
    predicted: np.ndarray | None = None
    for fold in sorted((folder / "experiments" / model).glob(f"{scheme}-*")):
        members = load_members(fold / "model")
        assert members is not None
        draws = ensemble_draws(members, *members.tensors(samples))["soc"].numpy()
        predicted = np.full(draws.shape, np.nan) if predicted is None else predicted
        test = (roles_in_fold(samples, splits, fold.name, scheme) == "test").to_numpy()
        predicted[:, test] = draws[:, test]
    assert predicted is not None
    return np.array([[metrics.kge(p, observed), metrics.nse(p, observed)] for p in predicted])


def main() -> None:
    for region, title in REGIONS.items():
        folder = ROOT / region
        print(f"| {title}: KGE / NSE of SOC | " + " | ".join(SCHEMES) + " |")
        print("|---" * (len(SCHEMES) + 1) + "|")
        for model in MODELS:
            cells = []
            for scheme in SCHEMES:
                scores = member_scores(folder, model, scheme)
                (kge, nse), (kge_sd, nse_sd) = scores.mean(axis=0), scores.std(axis=0, ddof=1)
                cells.append(f"{kge:.2f} ± {kge_sd:.2f} / {nse:.2f} ± {nse_sd:.2f}")
            print(f"| {model} | " + " | ".join(cells) + " |")
        for baseline in ("linear", "random_forest", "gradient_boosting"):
            table = pd.read_csv(folder / "baselines" / baseline / "metrics.csv")
            pooled = table[(table["fold"] == "pooled") & (table["subset"] == "all") & (table["target"] == "soc")]
            pooled = pooled.set_index("scheme")
            print(
                f"| {baseline} | "
                + " | ".join(f"{pooled.loc[s, 'kge']:.2f} / {pooled.loc[s, 'nse']:.2f}" for s in SCHEMES)
                + " |"
            )
        print()


if __name__ == "__main__":
    main()
