"""Skill of hybrids beside ordinary models: one set of block folds, several seeds, both open regions.

The regions must have samples and folds: `snakemake --cores 2 split --configfile REGION` makes them.

    python benchmarks/skill.py resources/regions/conus_open.yaml resources/regions/europe_open.yaml

Networks are the experiments of the region file's defaults (its loss, encoder and training); `... and position` adds
`encoder.position_waves`, or longitude and latitude for trees. Every row is the test sites of all block folds together,
the median of the seeds. Ranges are 90 % of paired resamples of blocks: all models and seeds are scored on the same
draws, and the median over the seeds is taken in every resample. Results are kept for each (region, model,
seed) in `--cache`, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config import Config, Experiment
from hybridmap.config.baselines import BASELINES, Baseline
from hybridmap.config.reading import load_config
from hybridmap.evaluate import metrics
from hybridmap.evaluate.baseline_fit import FoldSites, fit_fold
from hybridmap.evaluate.block_sums import BlockSums, Pairs, pair_score, resampled_sums
from hybridmap.evaluate.interval_scale import head_columns
from hybridmap.evaluate.intervals import calibrate
from hybridmap.evaluate.strata import site_classes
from hybridmap.experiment.fold_predictions import Parts, parts_of_folds, train_parts
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.site_data import COVARIATE, FORCING
from hybridmap.files.results import RegionFiles
from hybridmap.model import Model
from hybridmap.train.losses import MIN_OBSERVATIONS

Array = NDArray[np.float64]
HYBRID: dict[str, Any] = {
    "process": {"name": "five_pool", "options": {"formulation": "constrained"}}, "neural": "all", "global": "none",
}  # fmt: skip
LITTER: dict[str, Any] = {
    **HYBRID, "process": {"name": "five_pool", "options": {"formulation": "constrained", "litter_scale": True}},
}  # fmt: skip
WAVES = {"position_waves": {}}
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "hybrid": (HYBRID, {}),
    "hybrid and position": (HYBRID, WAVES),
    "hybrid with litter scale": (LITTER, {}),
    "hybrid with litter scale and position": (LITTER, WAVES),
    "hybrid of SOC alone, and position": ({**HYBRID, "targets": ["soc"]}, WAVES),
    "network": ({"process": None, "neural": "none"}, {}),
    "network and position": ({"process": None, "neural": "none"}, WAVES),
}
"""Name of a row → keys of the experiment, and those of its encoder, over the region's defaults."""
AVERAGED = {name: f"{name}, seeds averaged" for name in NETWORKS}
"""Networks whose seeds are averaged, as an ensemble does: from three seeds on."""
TREES = {
    "coordinates alone": "coordinates",
    "linear": "linear",
    "tuned forest": "tuned_forest",
    "tuned boosting": "tuned_boosting",
    "quantile forest": "quantile_forest",
    "tuned forest and position": "position_forest",
    "tuned boosting and position": "position_boosting",
}
BY_CHANCE = ("tuned forest", "tuned forest and position", "quantile forest")
"""Those of the ordinary models that a seed changes; others are fitted once."""
RIVALS = {
    "best of forest and boosting": ("tuned forest", "tuned boosting"),
    "the same, with position": ("tuned forest and position", "tuned boosting and position"),
    "coordinates alone": ("coordinates alone",),
}
TARGETS = ("soc", "poc", "moc", "mbc")
OFFSET = {"soc": 0.5}
"""Added before a logarithm [kg m-3]; fractions have none."""
FEWEST_AVERAGED = 3
FEWEST_OF_COVER = 50
"""Sites of a land cover whose coverage is told."""
RESAMPLES, BLOCK_M = 2000, 200_000.0


@dataclass(frozen=True)
class Region:
    """Samples of a region beside their folds and blocks.

    Attributes
    ----------
    config : Config
        Of the region.
    samples : DataFrame
        One row a site.
    fold, block : array of int, shape (site,)
        Fold that tests a site, and the number of its block.
    """

    config: Config
    samples: pd.DataFrame
    fold: NDArray[np.int64]
    block: NDArray[np.int64]

    @classmethod
    def of(cls, path: Path, results: Path | None, scheme: str = "block") -> Region:
        """Read what the split stage of a region left, and the folds of one of its schemes."""
        config = load_config(Path("config.yaml"), path)
        files = RegionFiles((results or Path(config.results)) / config.region)
        samples, splits = pd.read_parquet(files.samples), pd.read_parquet(files.splits)
        of_site = splits[splits["scheme"] == scheme].set_index("site_id")["fold"]
        squares = np.floor(samples[["x", "y"]].to_numpy() / BLOCK_M).astype(int)
        block = np.unique(squares, axis=0, return_inverse=True)[1].ravel()
        return cls(config, samples, of_site.reindex(samples["site_id"]).to_numpy("int64"), block)

    @property
    def parts(self) -> list[Parts]:
        """What trains, stops and is tested in every block fold."""
        return parts_of_folds(self.fold, int(self.fold.max()) + 1)

    def observed(self, target: str) -> Array:
        """Observations (site,), NaN where there is none."""
        return self.samples[self.config.all_quantities[target].column].to_numpy(float)


def network(region: Region, name: str, seed: int) -> dict[str, Array]:
    """Predictions (site,) of every target by one network or hybrid, each site by the fold that tests it."""
    keys, encoder = NETWORKS[name]
    defaults = experiment_defaults(region.config)
    block = {**defaults, **keys, "name": "row", "seed": seed, "encoder": {**defaults.get("encoder", {}), **encoder}}
    config = region.config
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    experiment = Experiment.model_validate(block)
    models = train_parts(experiment, layers, region.samples, region.parts)
    tables = [
        fold_table(experiment, of_fold[0], region.samples.iloc[part.predicted]).set_axis(part.predicted).assign(fold=k)
        for k, (part, of_fold) in enumerate(zip(region.parts, models, strict=True))
    ]
    table = pd.concat(tables).sort_index()
    return {str(name): table[name].to_numpy(float) for name in table}


def fold_table(experiment: Experiment, model: Model, sites: pd.DataFrame) -> pd.DataFrame:
    """Predictions of every target by name, and what its interval is made of, a row a site."""
    covariates, forcing = model.tensors(sites)
    with torch.no_grad():
        outputs = model(covariates, forcing)
    columns = {target: outputs[target].numpy() for target in experiment.targets}
    for target in experiment.targets:
        columns |= head_columns(model.heads, outputs, target, experiment.uncertainty.level)
    return pd.DataFrame(columns)


def experiment_defaults(config: Config) -> dict[str, Any]:
    """Keys of the region's default experiment, as far as every row shares them."""
    first = config.experiments[0].model_dump(by_alias=True)
    return {key: first[key] for key in ("targets", "loss", "training", "encoder", "uncertainty")} | {
        "splits": ["block"]
    }


def ordinary(region: Region, name: str, seed: int) -> dict[str, Array]:
    """Predictions (site,) of every target by one ordinary model, each site by the fold that tests it."""
    kind = seeded(BASELINES[TREES[name]], seed)
    columns = [c for c in region.samples if c.startswith((COVARIATE, FORCING))] if kind.inputs != "coordinates" else []
    columns += ["lon", "lat"] if kind.inputs in ("coordinates", "layers_and_coordinates") else []
    x = region.samples[columns].to_numpy(float)
    predictions = {}
    for target in TARGETS:
        observed, predicted = region.observed(target), np.full(len(x), np.nan)
        if any(np.isfinite(observed[part.training]).sum() < MIN_OBSERVATIONS for part in region.parts):
            continue
        for part in region.parts:
            trains, stops = (np.isin(np.arange(len(x)), rows) for rows in part[:2])
            predicted[part.predicted] = fit_fold(kind, FoldSites(x, trains, stops), observed)["predicted"][
                part.predicted
            ]
        predictions[target] = predicted
    return predictions


def seeded(kind: Baseline, seed: int) -> Baseline:
    """The same with another seed of what it draws."""
    candidates = [
        replace(c, options={**c.options, **({"random_state": seed} if "random_state" in c.options else {})})
        for c in kind.candidates
    ]
    return replace(kind, candidates=tuple(candidates))


def cached_predictions(region: Region, name: str, seed: int, cache: Path) -> dict[str, Array]:
    """Predictions from the cache, or made and put there; their key holds the samples, the folds and the recipe."""
    recipe = [*NETWORKS[name], experiment_defaults(region.config)] if name in NETWORKS else repr(BASELINES[TREES[name]])
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode())
    columns = [c for c in region.samples if c.startswith((COVARIATE, FORCING))]
    digest.update(np.ascontiguousarray(region.samples[columns].to_numpy(float)).tobytes() + region.fold.tobytes())
    file = cache / f"{region.config.region}-{name.replace(' ', '_')}-{seed}-{digest.hexdigest()[:12]}.parquet"
    if not file.is_file():
        start = time.perf_counter()
        table = pd.DataFrame((network if name in NETWORKS else ordinary)(region, name, seed))
        file.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
        sys.stderr.write(f"{region.config.region} {name} seed {seed}: {time.perf_counter() - start:.0f} s\n")
    return {str(key): values.to_numpy(float) for key, values in pd.read_parquet(file).items()}


def scores(predicted: Array, observed: Array, offset: float) -> dict[str, float]:
    """Scores of one seed, (site,) each."""
    least = 1e-3 * float(observed.mean())
    logs = [np.log(np.maximum(values + offset, least)) for values in (predicted, observed)]
    return {
        "r": metrics.pearson(predicted, observed),
        "r of logarithms": metrics.pearson(*logs),
        "NSE": metrics.nse(predicted, observed),
        "KGE": metrics.kge(predicted, observed),
    }


def resampled_r(predicted: Sequence[Array], observed: Array, block: NDArray[np.int64]) -> Array:
    """Median over seeds of r in every resample of blocks, (resample,); the same draws whatever the model."""
    numbers = np.unique(block, return_inverse=True)[1].ravel()
    sums = [BlockSums.of(Pairs(p, observed, numbers), int(numbers.max()) + 1) for p in predicted]
    shift = sums[0].shift
    resamples = [pair_score("pearson", resampled_sums(s.sums, RESAMPLES, 0), shift) for s in sums]
    return np.asarray(np.median(resamples, axis=0))


def compare(
    rows: Mapping[str, Sequence[Array]], observed: Array, block: NDArray[np.int64], offset: float
) -> pd.DataFrame:
    """Scores of every model, and its distance in r from its rivals.

    Parameters
    ----------
    rows : mapping of str to sequence of array, shape (site,)
        Model → predictions of its seeds, in the unit of the target.
    observed : array, shape (site,)
        Observations.
    block : array of int, shape (site,)
        Number of the block.
    offset : float
        Added before a logarithm.

    Returns
    -------
    DataFrame
        A row a model.
    """
    table = pd.DataFrame(
        {m: pd.DataFrame([scores(p, observed, offset) for p in ps]).median() for m, ps in rows.items()}
    ).T
    lowest = {m: min(metrics.pearson(p, observed) for p in ps) for m, ps in rows.items()}
    highest = {m: max(metrics.pearson(p, observed) for p in ps) for m, ps in rows.items()}
    table.insert(1, "seeds", pd.Series({m: f"{lowest[m]:.3f} to {highest[m]:.3f}" for m in rows}))
    resamples = {model: resampled_r(predicted, observed, block) for model, predicted in rows.items()}
    for title, names in RIVALS.items():
        rival = max((name for name in names if name in rows), key=lambda name: table.loc[name, "r"], default=None)
        if rival is not None:
            table[f"r above {title}"] = pd.Series(
                {m: difference(table, resamples, m, rival) for m in rows if m not in TREES}
            )
    return table


def difference(table: pd.DataFrame, resamples: Mapping[str, Array], model: str, rival: str) -> str:
    """Difference of two medians in r, with its range."""
    low, high = np.nanquantile(resamples[model] - resamples[rival], [0.05, 0.95])
    return f"{table.loc[model, 'r'] - table.loc[rival, 'r']:+.3f} ({low:+.3f} to {high:+.3f})"


def markdown(table: pd.DataFrame) -> str:
    """Table of the documentation."""
    cells = table.map(lambda v: v if isinstance(v, str) else "" if pd.isna(v) else f"{v:.3f}").reset_index(
        names="model"
    )
    lines = [list(cells.columns), ["---"] * len(cells.columns), *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def interval_scores(
    region: Region, predictions: Mapping[str, Array], target: str, has_map: bool = True
) -> dict[str, float]:
    """Coverage, width and score of the conformal intervals of one seed, each fold calibrated on the others.

    Parameters
    ----------
    region : Region
        Whose folds and blocks they are.
    predictions : mapping of str to array, shape (site,)
        Of :func:`network`.
    target : str
        The target.
    has_map : bool
        Whether maps follow the rule; else it may go by land cover.

    Returns
    -------
    dict of str to float
        Width and scores in the unit of the target; `raw score` is of the learned ends as they are, `over climatology`
        the score over that of the quantiles of the other folds' observations; coverage of thirds of the predictions,
        and of the land covers with 50 sites or more that have the least and the most.
    """
    uncertainty = experiment_defaults(region.config)["uncertainty"]
    keys = {
        "name": "row",
        "targets": [target],
        "loss": {"name": "square_quantiles"},
        "uncertainty": uncertainty,
        "map": has_map,
    }
    rows = pd.DataFrame({name: values for name, values in predictions.items() if name.endswith(f".{target}")})
    rows = rows.assign(**{f"observed.{target}": region.observed(target), f"predicted.{target}": predictions[target]})
    rows = rows.assign(scheme="block", fold=predictions["fold"], part="test").dropna(subset=f"observed.{target}")
    sites = site_classes(region.samples).set_axis(region.samples.index).assign(block=region.block).loc[rows.index]
    table = calibrate(rows, sites, Experiment.model_validate(keys), region.config.all_quantities)
    observed, predicted, lower, upper = (
        table[f"{name}.{target}"].to_numpy(float)
        for name in ("observed", "predicted", "conformal_lower", "conformal_upper")
    )
    is_held = pd.Series((observed >= lower) & (observed <= upper), table.index)
    of_cover = is_held.groupby(sites["landcover"]).agg(["mean", "size"])
    of_cover = of_cover.loc[of_cover["size"] >= FEWEST_OF_COVER, "mean"]
    thirds = is_held.groupby(pd.qcut(pd.Series(predicted, table.index).rank(method="first"), 3, labels=False)).mean()
    level = float(uncertainty["level"])
    score = metrics.interval_score(lower, upper, observed, level)
    return {
        "coverage": float(is_held.mean()), "lowest third": thirds[0], "middle": thirds[1], "highest": thirds[2],
        "least of land covers": of_cover.min(), "most": of_cover.max(), "width": float(np.mean(upper - lower)),
        "score": score, "over climatology": score / climatology_score(table, target, level),
        "raw score": metrics.interval_score(table[f"lower.{target}"], table[f"upper.{target}"], observed, level),
    }  # fmt: skip


def climatology_score(table: pd.DataFrame, target: str, level: float) -> float:
    """Interval score of the quantiles of the observations of the other folds, in the unit of the target."""
    observed = table[f"observed.{target}"]
    shares = 0.5 * (1 - level), 0.5 * (1 + level)
    of_fold = {fold: observed[table["fold"] != fold].quantile(shares).to_numpy() for fold in table["fold"].unique()}
    lower, upper = np.stack(table["fold"].map(of_fold).to_list()).T
    return float(metrics.interval_score(lower, upper, observed, level))


def print_intervals(name: str, region: Region, by_row: Mapping[tuple[str, str], list[dict[str, Array]]]) -> None:
    """One table of the intervals of SOC, medians of the seeds."""
    rows = {m: pd.DataFrame([interval_scores(region, p, "soc", "position" not in m) for p in by_row[name, m]]).median()
            for m in (*NETWORKS, *AVERAGED.values()) if (name, m) in by_row}  # fmt: skip
    if rows:
        sys.stdout.write(f"\nintervals of soc, {name}\n\n{markdown(pd.DataFrame(rows).T)}\n")


def print_target(
    regions: Mapping[str, Region], by_row: Mapping[tuple[str, str], list[dict[str, Array]]], target: str
) -> None:
    """One table: the sites of `regions` pooled, where a model predicted the target in all of them."""
    is_measured = {name: np.isfinite(region.observed(target)) for name, region in regions.items()}
    observed = np.concatenate([region.observed(target)[is_measured[name]] for name, region in regions.items()])
    blocks, first = [], 0
    for name, region in regions.items():
        blocks.append(region.block[is_measured[name]] + first)
        first += int(region.block.max()) + 1
    rows = {}
    for model in (*TREES, *NETWORKS, *AVERAGED.values()):
        seeds = [by_row[name, model] for name in regions if (name, model) in by_row]
        if len(seeds) == len(regions) and all(target in predictions for of_seed in seeds for predictions in of_seed):
            count = max(map(len, seeds))
            rows[model] = [
                np.concatenate([of[k % len(of)][target][is_measured[n]] for n, of in zip(regions, seeds, strict=True)])
                for k in range(count)
            ]
    if not rows:
        return
    block = np.concatenate(blocks)
    table = compare(rows, observed, block, OFFSET.get(target, 0.0))
    title = f"{target} of {' and '.join(regions)}: n {len(observed)}, {len(np.unique(block))} blocks"
    sys.stdout.write(f"\n{title}\n\n{markdown(table)}\n")


def main() -> None:
    """Print a table a region of SOC, and tables of the fractions of all regions together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regions", nargs="+", type=Path, help="region files, each laid over config.yaml")
    parser.add_argument("--results", type=Path, help="folder of results, if not that of the region files")
    parser.add_argument("--models", nargs="+", default=[*TREES, *NETWORKS], choices=[*TREES, *NETWORKS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--forest-seeds", type=int, default=5, help="how many of the seeds forests take")
    parser.add_argument("--cache", type=Path, default=Path("results/skill"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    regions = {path.stem: Region.of(path, arguments.results) for path in arguments.regions}
    by_row: dict[tuple[str, str], list[dict[str, Array]]] = {(n, m): [] for n in regions for m in (*TREES, *NETWORKS)}
    for model in arguments.models:
        count = len(arguments.seeds) if model in NETWORKS else arguments.forest_seeds if model in BY_CHANCE else 1
        seeds = arguments.seeds[:count]
        for name, region in regions.items():
            by_row[name, model] = [cached_predictions(region, model, seed, arguments.cache) for seed in seeds]
    by_row = {key: of_seeds for key, of_seeds in by_row.items() if of_seeds}
    for (name, model), of_seeds in [*by_row.items()]:
        if model in NETWORKS and len(of_seeds) >= FEWEST_AVERAGED:
            means = {column: np.mean([of[column] for of in of_seeds], axis=0) for column in of_seeds[0]}
            by_row[name, AVERAGED[model]] = [means]
    for name, region in regions.items():
        print_target({name: region}, by_row, "soc")
        print_intervals(name, region, by_row)
    for target in TARGETS[1:]:
        for name, region in regions.items():
            print_target({name: region}, by_row, target)
        if len(regions) > 1:
            print_target(regions, by_row, target)


if __name__ == "__main__":
    main()
