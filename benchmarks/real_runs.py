"""Print the numbers of docs/real_runs.md from the results of the two open regions.

snakemake --cores 4 --configfile resources/regions/conus_open.yaml
snakemake --cores 4 --configfile resources/regions/europe_open.yaml
python benchmarks/real_runs.py
"""

import json
from pathlib import Path

import pandas as pd

REGIONS = ("conus_open", "europe_open")
TARGETS = {"soc": "SOC", "poc": "POC", "moc": "MOC", "mbc": "MBC"}


def rows(cells: list[list[str]]) -> str:
    head, *body = cells
    return "\n".join(f"| {' | '.join(r)} |" for r in [head, ["---"] * len(head), *body])


def scores(folder: Path, scheme: str) -> str:
    files = [*folder.glob("experiments/*/evaluation/metrics.csv"), *folder.glob("baselines/*/metrics.csv")]
    table = pd.concat(pd.read_csv(f) for f in sorted(files))
    pooled = table[(table["fold"] == "pooled") & (table["scheme"] == scheme) & (table["subset"] == "all")]
    names = "mean linear random_forest gradient_boosting pure_network all_global some_neural some_neural_kan all_neural"
    order = [*names.split(), "some_neural_relaxed", "all_neural_relaxed"]
    body = []
    for model in order:
        by_target = pooled[pooled["model"] == model].drop_duplicates("target").set_index("target")
        cells = [
            f"{by_target.loc[t, 'kge']:.2f} / {by_target.loc[t, 'nse']:.2f}" if t in by_target.index else "–"
            for t in TARGETS
        ]
        body.append([model, *cells])
    n = pooled[pooled["model"] == "mean"].drop_duplicates("target").set_index("target")["n"]
    return rows([["KGE / NSE", *(f"{label} (n {n[t]})" for t, label in TARGETS.items())], *body])


def intervals(folder: Path) -> str:
    """Coverage and width of the intervals, block cross-validation."""
    body = []
    for file in sorted(folder.glob("experiments/*/evaluation/intervals.csv")):
        table = pd.read_csv(file)
        pooled = table[(table["fold"] == "pooled") & (table["scheme"] == "block")]
        for source, group in pooled.groupby("source", sort=False):
            by_target = group.set_index("target")
            cells = [
                f"{by_target.loc[t, 'coverage']:.2f} ({by_target.loc[t, 'width']:.1f})"
                for t in TARGETS
                if t in by_target.index
            ]
            body.append([file.parents[1].name, str(source), *cells])
    return rows([["share held (mean width)", "source", *TARGETS.values()], *body])


def reference(folder: Path) -> str:
    body = []
    for file in sorted(folder.glob("experiments/*/reference.json")):
        agreement = json.loads(file.read_text())
        numbers = [f"{agreement[k]:.2f}" for k in ("pearson", "pearson_log", "bias", "mean", "reference_mean")]
        body.append([file.parent.name, str(agreement["n"]), *numbers])
    return rows([["experiment", "cells", "r", "r of logarithms", "bias", "mean", "reference mean"], *body])


def verdicts(folder: Path) -> str:
    body = []
    for file in sorted(folder.glob("experiments/*/diagnostics/verdict.json")):
        verdict = json.loads(file.read_text())
        if verdict["physics"] == "none":
            continue
        cells = json.loads((file.parent / "saturation.json").read_text())["cells"]
        name = file.parents[1].name
        median = cells["quantiles"]["moc_saturation"]["0.5"]
        shares = [f"{cells[k]:.1%}" for k in ("above_capacity", "nearly_full", "infeasible")]
        body.append([name, verdict["physics"], f"{median:.2f}", *shares,
                     "; ".join(verdict["notes"]) or "–"])  # fmt: skip
    return rows([["experiment", "verdict", "median MOC/Qmax", "above 1", "0.95–1", "no steady state", "notes"], *body])


def main() -> None:
    for region in REGIONS:
        folder = Path("results") / region
        print(f"## {region}\n")
        print("Block cross-validation, test sites of all folds together:\n")
        print(scores(folder, "block"), "\n\nRandom split by place:\n", sep="")
        print(scores(folder, "random"), "\n\nTemperatures never trained on (five strata):\n", sep="")
        print(scores(folder, "temperature"), "\n\nIntervals that should hold 90 % (kg m⁻³):\n", sep="")
        print(intervals(folder), "\n\nSOC map against Sanderman et al. (2017) [kg m⁻³]:\n", sep="")
        print(reference(folder), "\n\nPlausibility of the maps:\n", sep="")
        print(verdicts(folder), "\n", sep="")


if __name__ == "__main__":
    main()
