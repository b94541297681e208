"""Print the tables of docs/real_runs.md from the results of the two open regions: the ladder of each.

snakemake --cores 4 --configfile resources/regions/conus_open.yaml
snakemake --cores 4 --configfile resources/regions/europe_open.yaml
python benchmarks/real_runs.py
"""

import argparse
import json
from pathlib import Path

import pandas as pd

REGIONS = ("conus_open", "europe_open")
TARGETS = {"soc": "SOC", "poc": "POC", "moc": "MOC", "mbc": "MBC"}
SCORES = {
    "pearson": "r",
    "pearson_log": "r of logarithms",
    "nse": "NSE",
    "kge": "KGE",
    "kge_rescaled": "KGE, spread restored",
    "rmse": "RMSE",
}
CEILINGS = ("ceiling_cell", "ceiling_block")


def rows(cells: list[list[str]]) -> str:
    head, *body = cells
    return "\n".join(f"| {' | '.join(r)} |" for r in [head, ["---"] * len(head), *body])


def number(value: float, digits: int = 2) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"


def ladders(folder: Path) -> pd.DataFrame:
    """Rungs of all experiments: one row each of a model, scheme, quantity and score on all test sites."""
    table = pd.concat(pd.read_csv(f) for f in sorted(folder.glob("experiments/*/evaluation/ladder.csv")))
    return table[table["stratum"] == "all"].drop_duplicates(["scheme", "target", "rung", "score"])


def ordered(ladder: pd.DataFrame, folder: Path) -> list[str]:
    """Ceilings, ordinary models, then experiments, as they come."""
    experiments = sorted(p.parents[1].name for p in folder.glob("experiments/*/evaluation/ladder.csv"))
    rungs = [*dict.fromkeys(ladder["rung"])]
    return [r for r in rungs if r not in experiments] + experiments


def skill(folder: Path, ladder: pd.DataFrame, scheme: str) -> str:
    """Every score of SOC, with the 90 % range of r."""
    of_soc = ladder[(ladder["scheme"] == scheme) & (ladder["target"] == "soc")]
    body = []
    for rung in ordered(of_soc, folder):
        by_score = of_soc[of_soc["rung"] == rung].set_index("score")
        if "pearson" not in by_score.index and "nse" not in by_score.index:
            continue
        cells = [number(by_score["value"].get(s, float("nan"))) for s in SCORES]
        if "pearson" in by_score.index and not pd.isna(by_score.loc["pearson", "low"]):
            cells[0] += f" ({by_score.loc['pearson', 'low']:.2f}–{by_score.loc['pearson', 'high']:.2f})"
        body.append([rung, *cells])
    return rows([["", *SCORES.values()], *body])


def fractions(folder: Path, ladder: pd.DataFrame, scheme: str) -> str:
    """Correlation and NSE of what is measured at few sites."""
    sparse = ladder[(ladder["scheme"] == scheme) & ~ladder["rung"].isin(CEILINGS)]
    counts_of = {t: sparse[sparse["target"] == t]["n"].max() for t in TARGETS if t != "soc"}
    counts = {t: n for t, n in counts_of.items() if not pd.isna(n)}
    value = sparse.set_index(["rung", "target", "score"])["value"]
    body = []
    for rung in ordered(sparse, folder):
        pairs = [(number(value.get((rung, t, "pearson"))), number(value.get((rung, t, "nse")))) for t in counts]  # type: ignore[arg-type]
        if any(pair != ("–", "–") for pair in pairs):
            body.append([rung, *(" / ".join(pair) for pair in pairs)])
    return rows([["r / NSE", *(f"{TARGETS[t]} (n {int(n)})" for t, n in counts.items())], *body])


def temperatures(folder: Path, ladder: pd.DataFrame) -> str:
    """Correlation of SOC with neighbours, without them, and at temperatures never trained on."""
    soc = ladder[(ladder["target"] == "soc") & (ladder["score"] == "pearson") & ~ladder["rung"].isin(CEILINGS)]
    value = soc.set_index(["rung", "scheme"])["value"]
    schemes = [s for s in ("random", "block", "temperature") if s in set(soc["scheme"])]
    body = [
        [rung, *(number(value.get((rung, s))) for s in schemes)]  # type: ignore[arg-type]
        for rung in ordered(soc, folder)
    ]
    return rows([["r of SOC", *schemes], *body])


def sentences(folder: Path) -> str:
    """What the ladder says of each experiment."""
    files = sorted(folder.glob("experiments/*/evaluation/skill.json"))
    return "\n".join(f"* `{f.parents[1].name}`: {json.loads(f.read_text())['sentence']}" for f in files)


def intervals(folder: Path) -> str:
    """Coverage, width and interval score of SOC beside the climatology, block cross-validation."""
    body = []
    for file in sorted(folder.glob("experiments/*/evaluation/intervals.csv")):
        table = pd.read_csv(file)
        is_pooled = (table["fold"] == "pooled") & (table["scheme"] == "block") & (table["target"] == "soc")
        for source, group in table[is_pooled & (table["stratum"] == "all")].groupby("source", sort=False):
            row = group.iloc[0]
            cells = [
                number(row[k], d) for k, d in {"coverage": 2, "worst_tenth": 2, "width": 1, "interval_score": 1}.items()
            ]
            body.append([file.parents[1].name, str(source), *cells, number(row["climatology_score"], 1)])
    head = ["", "source", "coverage", "worst tenth of blocks", "width", "interval score", "climatology's score"]
    return rows([head, *body])


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
        saturation = json.loads((file.parent / "saturation.json").read_text())
        if verdict["physics"] == "none" or "cells" not in saturation:
            continue
        cells = saturation["cells"]
        name = file.parents[1].name
        median = cells["quantiles"]["moc_saturation"]["0.5"]
        shares = [f"{cells[k]:.1%}" for k in ("above_capacity", "nearly_full", "infeasible")]
        body.append([name, verdict["physics"], f"{median:.2f}", *shares, "; ".join(verdict["notes"]) or "–"])
    return rows([["experiment", "physics", "median MOC/Qmax", "above 1", "0.95–1", "no steady state", "notes"], *body])


def main() -> None:
    """Print the tables of every region that has results."""
    parser = argparse.ArgumentParser(description="Tables of docs/real_runs.md.")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder with results/REGION")
    results = parser.parse_args().results
    for region in REGIONS:
        folder = results / region
        ladder = ladders(folder)
        print(f"## {region}\n\n{sentences(folder)}")
        for scheme in ("block", "random", "temperature"):
            print(f"\nSOC, {scheme} folds:\n\n{skill(folder, ladder, scheme)}")
        print(f"\nFractions and biomass, block folds:\n\n{fractions(folder, ladder, 'block')}")
        print(f"\nNeighbours, none, other temperatures:\n\n{temperatures(folder, ladder)}")
        print(f"\nIntervals of SOC that should hold 90 % (kg m⁻³), block folds:\n\n{intervals(folder)}")
        print(f"\nSOC map against Sanderman et al. (2017) [kg m⁻³]:\n\n{reference(folder)}")
        print(f"\nPhysics of the maps:\n\n{verdicts(folder)}\n")


if __name__ == "__main__":
    main()
