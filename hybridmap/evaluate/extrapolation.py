"""From held-out regions to expected errors: what ``hybridmap expected-error`` writes."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hybridmap.config import Experiment, Split
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.evaluate.expected_error_fit import (
    PREDICTORS,
    REGION,
    VALIDATION,
    fit_expected_error,
    held_out_scores,
    nested_test,
    region_scores,
)
from hybridmap.evaluate.held_out_errors import (
    STAND_IN,
    HeldOut,
    absolute_errors,
    distances_to_training,
    relative_errors,
    stand_in_rows,
)
from hybridmap.evaluate.interval_rule import RuleOptions
from hybridmap.evaluate.predictions import blocks_of
from hybridmap.evaluate.strata import site_classes
from hybridmap.files.reading import read_parquet
from hybridmap.files.results import ExpectedErrorFiles
from hybridmap.files.tables import write_csv, write_json, write_parquet
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.samples.clustered_regions import clustered_regions, places_of, unit_vectors

LOG = logging.getLogger("hybridmap")
REGIONS = 10
"""Regions that are held out, one after the other; with fewer nothing is judged."""
LEAST_HELD = 0.05
"""How much less than promised intervals may hold in held-out regions inside, for the area to be earned."""


class NotJudgedError(Exception):
    """Why held-out regions say nothing."""


class Tables(NamedTuple):
    """Samples, splits and predictions of the evaluation."""

    samples: pd.DataFrame
    splits: pd.DataFrame
    predictions: pd.DataFrame


def learn_expected_error(
    experiment: Experiment,
    schemes: Sequence[Split],
    applicability_path: Path,
    tables: Sequence[Path],
    out: Path,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> None:
    """Write expected errors, the held-out sites that they rest on, and what held-out regions say of them.

    Parameters
    ----------
    experiment : Experiment
        Its first target speaks for it. Where it has a split of kind region, its own errors there count; else those of a
        forest, of which the regions are ten clusters of the sites.
    schemes : sequence of Split
        Splits of the region.
    applicability_path : Path
        File of ``hybridmap applicability``.
    tables : sequence of Path
        ``samples.parquet``, ``splits.parquet`` and ``predictions.parquet`` of the evaluation.
    out : Path
        Folder for :class:`~hybridmap.files.results.ExpectedErrorFiles`.
    quantities : mapping of str to Quantity
        What the region measures, by name.
    """
    applicability = Applicability.load(applicability_path)
    read = Tables(*(read_parquet(path) for path in tables))
    files, target = ExpectedErrorFiles(out), experiment.targets[0]
    out.mkdir(parents=True, exist_ok=True)
    rows, tested, scores = pd.DataFrame(), pd.DataFrame(), pd.DataFrame()
    try:
        rows, model = _held_out_rows(experiment, schemes, applicability, read, quantities[target])
        tested, judged, summary = _judge(experiment, rows, model, read.samples)
        scores = region_scores(tested)
    except NotJudgedError as error:
        judged = ExpectedError.not_judged(target, str(error))
        summary = {"target": target, "not_judged": str(error)}
    write_parquet(_site_table(rows, tested), files.sites)
    write_csv(scores, files.regions)
    write_json(summary, files.summary)
    judged.save(files.table)
    LOG.info("%s: %s", experiment.name, sentence(summary))


def sentence(summary: Mapping[str, Any]) -> str:
    """What held-out regions say, in words.

    Parameters
    ----------
    summary : mapping
        ``summary.json``.

    Returns
    -------
    str
    """
    if "not_judged" in summary:
        return f"where the map applies is not judged: {summary['not_judged']}"
    inside, outside, level = summary["inside"], summary["outside"], summary["level"]
    text = (
        f"{summary['regions']} regions held out ({summary['errors_of']}): {level:.0%} intervals hold"
        f" {inside['coverage']:.0%} of their sites inside"
    )
    if not outside["n"]:
        return f"{text}, and none lies outside"
    text = f"{text} and {outside['coverage']:.0%} outside, {outside['widened_coverage']:.0%} once widened there"
    difference = summary["outside_minus_inside"]
    if difference["low"] > 0:
        return f"{text}; errors are larger outside"
    return f"{text}; that errors are larger outside is not shown by regions left out of the threshold"


def _judge(
    experiment: Experiment, rows: pd.DataFrame, model: str, samples: pd.DataFrame
) -> tuple[pd.DataFrame, ExpectedError, dict[str, Any]]:
    level, target = experiment.uncertainty.level, experiment.targets[0]
    places = places_of(samples)
    points = unit_vectors(places["lon"].to_numpy(float), places["lat"].to_numpy(float))
    judged = fit_expected_error(rows, level, target, model, points)
    tested = nested_test(rows, level)
    scores = held_out_scores(rows, tested)
    coverage, least = scores["inside"]["coverage"], level - LEAST_HELD
    if not scores["inside"]["n"]:
        raise NotJudgedError("no site of a held-out region has an error as small as the cross-validation promises")
    if coverage < least:
        raise NotJudgedError(
            f"{level:.0%} intervals hold {coverage:.0%} of the sites of held-out regions even where errors should be as"
            f" the cross-validation promises, and {least:.0%} are needed"
        )
    summary = {
        "target": target,
        "errors_of": model,
        "is_own": model == experiment.name,
        "regions": int(tested["region"].nunique()),
        "level": level,
        **scores,
        "threshold": judged.threshold,
        "largest_index": judged.largest_index,
        "largest_distance_km": judged.largest_distance_km,
        "factors": judged.factors.tolist(),
    }
    return tested, judged, summary


def _held_out_rows(
    experiment: Experiment,
    schemes: Sequence[Split],
    applicability: Applicability,
    tables: Tables,
    quantity: Quantity,
) -> tuple[pd.DataFrame, str]:
    """Held-out sites with their errors, and whose errors these are."""
    samples = tables.samples[tables.samples[quantity.column].notna()].reset_index(drop=True)
    target, first = quantity.name, experiment.splits[0]
    try:
        clusters = pd.Series(clustered_regions(samples, REGIONS), samples["site_id"])
    except HybridmapError as error:
        raise NotJudgedError(str(error).rstrip(".")) from None
    blocks = _blocks(samples, tables.splits, first)
    kinds = {scheme.name: scheme.kind for scheme in schemes}
    own_scheme = next((name for name in experiment.splits if kinds[name] == "region"), "")
    region = _folds(samples, tables.splits, own_scheme) if own_scheme else clusters
    _check_counts(region, blocks)
    if own_scheme:
        held_out, model = _own_rows(tables.predictions, (first, own_scheme), target), experiment.name
    else:
        model = STAND_IN
        of_schemes = [folds.set_axis(samples.index) for folds in (_folds(samples, tables.splits, first), region)]
        held_out = HeldOut(*(stand_in_rows(samples, folds, quantity.column, target) for folds in of_schemes))
    sites = site_classes(samples).assign(block=blocks)
    uncertainty = experiment.uncertainty
    options = RuleOptions(uncertainty.level, uncertainty.groups, quantity.is_signed, uncertainty.counts_once)
    try:
        errors = relative_errors(held_out, sites, target, options)
    except HybridmapError as error:
        raise NotJudgedError(str(error).rstrip(".")) from None
    parts = [
        pd.DataFrame(
            {
                "site_id": rows["site_id"],
                "held_out": name,
                "region": rows["site_id"].map(region),
                "block": rows["site_id"].map(blocks),
                "observed": rows[f"observed.{target}"].astype(float),
                "predicted": rows[f"predicted.{target}"].astype(float),
                "error": absolute_errors(rows, target, is_signed=quantity.is_signed),
                "relative_error": errors[name],
            }
        ).join(distances_to_training(samples, rows, applicability))
        for name, rows in zip((VALIDATION, REGION), held_out, strict=True)
    ]
    of_site = samples.set_index("site_id")[["lon", "lat"]]
    joined = pd.concat(parts, ignore_index=True).join(of_site, on="site_id")
    is_complete = np.isfinite(joined[["error", "relative_error", *PREDICTORS]].to_numpy()).all(axis=1)
    return joined.loc[is_complete].reset_index(drop=True), model


def _own_rows(predictions: pd.DataFrame, schemes: tuple[str, str], target: str) -> HeldOut:
    """Test rows of an experiment with an observation, in its first scheme and in that of regions."""
    is_tested = (predictions["part"] == "test") & predictions[f"observed.{target}"].notna()
    return HeldOut(*(predictions[is_tested & (predictions["scheme"] == scheme)] for scheme in schemes))


def _folds(samples: pd.DataFrame, splits: pd.DataFrame, scheme: str) -> pd.Series:
    """Fold of each sample by ``site_id``."""
    of_site = splits[splits["scheme"] == scheme].drop_duplicates("site_id").set_index("site_id")["fold"]
    return of_site.loc[samples["site_id"]]


def _blocks(samples: pd.DataFrame, splits: pd.DataFrame, scheme: str) -> pd.Series:
    """Block of each sample in a scheme, or its place where the scheme has none, by ``site_id``."""
    return pd.Series(blocks_of(samples.assign(scheme=scheme), splits).to_numpy(), samples["site_id"])


def _check_counts(region: pd.Series, blocks: pd.Series) -> None:
    regions, count = int(region.nunique()), int(blocks.nunique())
    if regions < REGIONS:
        raise NotJudgedError(f"{regions} regions hold observations, and {REGIONS} are needed to hold out")
    if count < FEWEST_BLOCKS:
        raise NotJudgedError(f"{count} blocks hold observations, and {FEWEST_BLOCKS} are needed")


def _site_table(rows: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    """Held-out sites; those of regions with what was said of them without their region."""
    absent = {"inside": math.nan, "factor": math.nan, "expected": math.nan}
    if tested.empty:
        return rows.assign(**absent)
    return rows.join(tested[list(absent)].assign(inside=tested["inside"].astype(float)))
