"""Does the ranking of next-samples help more than random places? Replayed on a region with hidden sites.

Samples and folds must be there (`snakemake --cores 2 --configfile REGION split`):

    python benchmarks/next_samples.py resources/regions/europe_open.yaml --start 150 --add 100

In each repeat 30 % of the sites are kept for the test and most others are hidden: `clumped` starts from the sites of a
few blocks, `random` from any. The ranking sees covariates, places and the observations of the start alone. A quick
model (a forest on logarithms with conformal intervals, scaled by expected out-of-bag error) is trained on the start, on
the start and what the ranking adds, and on the start and as many random sites. Test sites count by area: those of one
square of 50 km as one. `ahead` is how much more the score falls by the ranking than by chance, with its 90 % range over
repeats.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from hybridmap.config.reading import load_config
from hybridmap.evaluate.sampling_design import Points, fit_likeness, rank_places
from hybridmap.evaluate.spatial_covariance import places_of, squares
from hybridmap.files.results import RegionFiles

LEVEL, TEST, CELL_KM, BLOCK_KM = 0.9, 0.3, 50.0, 200.0
MOST_OF_BLOCK, MOST_CANDIDATES, MOST_CELLS = 30, 1500, 800
MODELS, RANDOM_DRAWS = 2, 4
OFFSET = 0.5
"""Before the logarithm [kg m-3]."""
SCORES = ["interval_score", "rmse", "log_interval_score", "log_rmse", "coverage"]
Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Sites:
    """All samples of a region with organic carbon."""

    def __init__(self, table: pd.DataFrame) -> None:
        covariates = [name for name in table if str(name).startswith("covariate.")]
        table = table.dropna(subset=["soc_density_kg_m3", *covariates], ignore_index=True)
        self.soc = table["soc_density_kg_m3"].to_numpy(float)
        self.log_soc = np.log(self.soc + OFFSET)
        values = table[covariates].to_numpy(float)
        self.scaled = (values - values.mean(0)) / np.maximum(values.std(0), 1e-12)
        lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
        self.ground_km = places_of(lon, lat)
        self.inputs = np.concatenate([values, table[["x", "y"]].to_numpy(float)], axis=1)
        self.cell, self.block = squares(lon, lat, CELL_KM), squares(lon, lat, BLOCK_KM)

    def points(self, train: Numbers) -> Points:
        """Places with covariates weighted by what a forest of the training sites makes of them."""
        forest = ExtraTreesRegressor(100, min_samples_leaf=3, random_state=0, n_jobs=1)
        importance = forest.fit(self.scaled[train], self.log_soc[train]).feature_importances_
        return Points(self.scaled * np.sqrt(importance), self.ground_km)

    def scores(self, train: Numbers, test: Numbers) -> Array:
        """Mean scores of the quick model over its seeds."""
        count = pd.Series(self.cell[test]).map(pd.Series(self.cell[test]).value_counts())
        weights = 1.0 / count.to_numpy(float)
        return np.mean([self._scores(train, test, weights / weights.sum(), k) for k in range(MODELS)], axis=0)

    def _scores(self, train: Numbers, test: Numbers, weights: Array, seed: int) -> Array:
        forest = RandomForestRegressor(
            200, min_samples_leaf=3, max_features=0.4, oob_score=True, random_state=seed, n_jobs=1
        ).fit(self.inputs[train], self.log_soc[train])
        residual = np.abs(self.log_soc[train] - forest.oob_prediction_)
        spread = ExtraTreesRegressor(100, min_samples_leaf=10, random_state=seed, n_jobs=1)
        spread.fit(self.inputs[train], residual)
        of_train, of_test = (np.maximum(spread.predict(self.inputs[k]), 0.05) for k in (train, test))
        centre, half = forest.predict(self.inputs[test]), np.quantile(residual / of_train, LEVEL) * of_test
        lower, upper = np.exp(centre - half) - OFFSET, np.exp(centre + half) - OFFSET
        soc, log_soc = self.soc[test], self.log_soc[test]
        missed = np.maximum(lower - soc, 0.0) + np.maximum(soc - upper, 0.0)
        log_missed = np.maximum(np.abs(log_soc - centre) - half, 0.0)
        return np.array(
            [
                weights @ (upper - lower + 2.0 / (1.0 - LEVEL) * missed),
                np.sqrt(weights @ (np.exp(centre) - OFFSET - soc) ** 2),
                weights @ (2.0 * half + 2.0 / (1.0 - LEVEL) * log_missed),
                np.sqrt(weights @ (centre - log_soc) ** 2),
                weights @ (missed == 0),
            ]
        )


def first_sites(sites: Sites, rest: Numbers, count: int, kind: str, random: np.random.Generator) -> Numbers:
    """Sites that a survey begins with."""
    if kind == "random":
        return random.choice(rest, count, replace=False)
    members = [rest[sites.block[rest] == block] for block in random.permutation(np.unique(sites.block[rest]))]
    return np.concatenate([random.permutation(part)[:MOST_OF_BLOCK] for part in members])[:count]


def replay(sites: Sites, start: int, add: int, kind: str, seed: int) -> list[Array]:
    """Scores of the start, of what the ranking adds, and of random sites, in one repeat."""
    random = np.random.default_rng(seed)
    is_test = random.random(len(sites.soc)) < TEST
    test, rest = np.flatnonzero(is_test), np.flatnonzero(~is_test)
    train = first_sites(sites, rest, start, kind, random)
    hidden = np.setdiff1d(rest, train)
    candidates = hidden if len(hidden) <= MOST_CANDIDATES else random.choice(hidden, MOST_CANDIDATES, replace=False)
    # One site a square stands for the map.
    cells = random.permutation(pd.Series(rest).groupby(sites.cell[rest]).first().to_numpy())[:MOST_CELLS]
    points = sites.points(train)
    likeness = fit_likeness(points.part(train), sites.log_soc[train])
    weights = np.full(len(cells), 1.0 / len(cells))
    places = (points.part(k) for k in (train, candidates, cells))
    ranked = candidates[rank_places(*places, weights, likeness, add).place]
    draws = [np.append(train, random.choice(hidden, add, replace=False)) for _ in range(RANDOM_DRAWS)]
    by_chance = np.mean([sites.scores(draw, test) for draw in draws], axis=0)
    return [sites.scores(train, test), sites.scores(np.append(train, ranked), test), by_chance]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, nargs="+")
    parser.add_argument("--start", type=int, default=150)
    parser.add_argument("--add", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    config = load_config(Path("config.yaml"), *args.config)
    sites = Sites(pd.read_parquet(RegionFiles(Path(config.results) / config.region).samples))
    rows = []
    for kind in ("clumped", "random"):
        runs = np.array([replay(sites, args.start, args.add, kind, seed) for seed in range(args.repeats)])
        first, ranked, chance = runs.mean(0)
        random = np.random.default_rng(0).integers(0, args.repeats, (1000, args.repeats))
        for k, name in enumerate(SCORES):
            lead = runs[:, 2, k] - runs[:, 1, k]
            low, high = np.quantile(lead[random].mean(1), [0.05, 0.95])
            rows.append(
                {
                    "start": kind, "score": name, "first": first[k], "ranked": ranked[k], "chance": chance[k],
                    "ahead": lead.mean(), "low": low, "high": high,
                }
            )  # fmt: skip
    print(f"{config.region}: {len(sites.soc)} sites, {args.start} and {args.add} more, {args.repeats} repeats")
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
