"""Tables of docs/clm5_united_states.md from the results of the region: scores of all models, and outside checks.

snakemake --cores 2 --configfile resources/regions/conus_clm5.yaml
python benchmarks/clm5_scores.py
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.process.clm5.matrix import PARAMETERS

OFFSET = 0.5
"""Added to SOC [kg m-3] before a logarithm is taken."""
CLASSES_CM = ((0, 10), (10, 30), (30, 60), (60, 101))
"""By the middle of the layer."""
MARGIN, SHARE = 0.01, 0.95
Values = NDArray[np.float64]


def r2(observed: Values, predicted: Values) -> float:
    """Share of the variance that is predicted."""
    return float(1 - ((observed - predicted) ** 2).sum() / ((observed - observed.mean()) ** 2).sum())


def r(observed: Values, predicted: Values) -> float:
    """Linear correlation."""
    return float(np.corrcoef(observed, predicted)[0, 1])


def predictions_of(folder: Path) -> dict[str, pd.DataFrame]:
    """Held-out layers of every experiment and baseline, with their depths."""
    samples = pd.read_parquet(folder / "samples.parquet")
    facts = samples[["site_id", "profile_id", "source", "top_cm", "bottom_cm"]]
    files = [
        *folder.glob("baselines/*/predictions.parquet"),
        *folder.glob("experiments/*/evaluation/predictions.parquet"),
    ]
    tables = {}
    for file in sorted(files):
        table = pd.read_parquet(file)
        table = table[(table["part"] == "test") & table["observed.soc"].notna()]
        name = file.parent.name if file.parent.name != "evaluation" else file.parents[1].name
        held_out = table[["site_id", "scheme", "observed.soc", "predicted.soc", *table.filter(regex=r"^parameter\.")]]
        tables[name] = held_out.merge(facts, on="site_id", validate="many_to_one")
    return tables


def by_depth(table: pd.DataFrame, score: Callable[[Values, Values], float]) -> str:
    """A score by class of depth."""
    middle = 0.5 * (table["top_cm"] + table["bottom_cm"])
    scores = []
    for top, bottom in CLASSES_CM:
        part = table[(middle >= top) & (middle < bottom)]
        observed, predicted = part["observed.soc"].to_numpy(float), part["predicted.soc"].to_numpy(float)
        scores.append(f"{score(observed, predicted):.2f}" if len(part) > 2 else "–")
    return " ".join(scores)


def row(table: pd.DataFrame) -> list[str]:
    """R2, r, MAE, R2 of logarithms, r and R2 by class of depth."""
    observed, predicted = table["observed.soc"].to_numpy(float), table["predicted.soc"].to_numpy(float)
    logs = [np.log(np.maximum(values, 0) + OFFSET) for values in (observed, predicted)]
    error = np.abs(observed - predicted).mean()
    scores = [f"{r2(observed, predicted):.3f}", f"{r(observed, predicted):.3f}", f"{error:.2f}", f"{r2(*logs):.3f}"]
    return [*scores, by_depth(table, r), by_depth(table, r2)]


def off_bounds(table: pd.DataFrame) -> str:
    """How many learned parameters of CLM5 lie further than 1 % of their range from their bounds at 95 % of profiles."""
    sites = table.drop_duplicates("profile_id")
    shares = {}
    for parameter in PARAMETERS:
        if (values := sites.get(f"parameter.{parameter.name}")) is not None:
            position = (values - parameter.lower) / (parameter.upper - parameter.lower)
            shares[parameter.name] = float(((position > MARGIN) & (position < 1 - MARGIN)).mean())
    rest = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items() if share < SHARE)
    return (
        f"{sum(share >= SHARE for share in shares.values())} of {len(shares)} off their bounds; less: {rest or 'none'}"
    )


def falls(table: pd.DataFrame) -> str:
    """How many profiles of three layers or more have less carbon in every lower layer, observed and predicted."""
    ordered = table.sort_values(["profile_id", "top_cm"]).groupby("profile_id")
    falling = ordered[["observed.soc", "predicted.soc"]].agg(lambda values: bool((np.diff(values) <= 0).all()))
    falling = falling[ordered.size() > 2].astype(bool)
    of_falling = falling["predicted.soc"][falling["observed.soc"]]
    return (
        f"{len(falling)} profiles, {100 * falling['observed.soc'].mean():.1f} % fall all the way down; predicted so"
        f" {100 * falling['predicted.soc'].mean():.1f} %, of those that do {100 * of_falling.mean():.1f} %"
    )


def raca_stocks(table: pd.DataFrame) -> str:
    """Stocks to 1 m of the pedons of RaCA, from the three layers of each."""
    raca = table[table["source"] == "raca"]
    thickness = (raca["bottom_cm"] - raca["top_cm"]) / 100
    by_layer = pd.DataFrame(
        {
            "profile": raca["profile_id"],
            "thickness": thickness,
            "observed": raca["observed.soc"] * thickness,
            "predicted": raca["predicted.soc"] * thickness,
        }
    )
    stocks = by_layer.groupby("profile").sum()
    stocks = stocks[stocks["thickness"] > 0.99]
    observed, predicted = stocks["observed"].to_numpy(float), stocks["predicted"].to_numpy(float)
    means = f"mean {observed.mean():.1f} observed, {predicted.mean():.1f} predicted"
    return f"{len(stocks)} pedons, r {r(observed, predicted):.3f}, R2 {r2(observed, predicted):.3f}, {means} kg m-2"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path("results/conus_clm5"))
    tables = predictions_of(parser.parse_args().results)
    for name, table in tables.items():
        for scheme, part in table.groupby("scheme"):
            print(f"| {name} | {scheme} | {len(part)} | {' | '.join(row(part))} |")
            if scheme == "source":
                for source, of_source in part.groupby("source"):
                    print(f"| {name} | {source} held out | {len(of_source)} | {' | '.join(row(of_source))} |")
            print(f"RaCA to 1 m, {name}, {scheme}: {raca_stocks(part)}")
            print(f"falling with depth, {name}, {scheme}: {falls(part)}")
            if part.filter(like="parameter.").size:
                print(f"parameters, {name}, {scheme}: {off_bounds(part)}")


if __name__ == "__main__":
    main()
