"""The first screen of the report: the best map, three sentences, the stock, what to beware of."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.predictions import POOLED
from hybridmap.export.area_intervals import read_stock_errors
from hybridmap.export.totals import whole_map
from hybridmap.grid.depth_axis import STOCKS_CM, not_given
from hybridmap.grid.store import every_kth
from hybridmap.predict.mapped_depths import mapped_depths, modelled_interval
from hybridmap.report.linear_share import linear_share
from hybridmap.report.map_errors import error_sentence
from hybridmap.report.results import Results
from hybridmap.units import typeset

MEASURED = "measured"
MOSTLY_LINEAR = 0.9
"""Share of a known truth from which on a line leaves little to a process model."""


@dataclass(frozen=True)
class Agreement:
    """How predictions of held-out sites agree with observations: n, r, slope, RMSE [unit of the quantity], NSE."""

    n: int
    r: float
    slope: float
    rmse: float
    nse: float


def agreement(observed: np.ndarray, predicted: np.ndarray) -> Agreement:
    """Agreement of pairs.

    Parameters
    ----------
    observed, predicted : array, shape (site,)
        In one unit.

    Returns
    -------
    Agreement
        `slope` is of predictions on observations: below 1 where extremes are missed. NaN where nothing varies.

    Examples
    --------
    >>> agreement(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 2.5])).slope
    0.5
    """
    error = predicted - observed
    spread = observed - observed.mean() if len(observed) else observed
    squares = float((spread**2).sum())
    if not squares > 0:
        return Agreement(len(observed), np.nan, np.nan, np.nan, np.nan)
    around = predicted - predicted.mean()
    covariance = float((spread * around).sum())
    product = squares * float((around**2).sum())
    return Agreement(
        len(observed),
        covariance / np.sqrt(product) if product > 0 else np.nan,
        covariance / squares,
        float(np.sqrt((error**2).mean())),
        1.0 - float((error**2).sum()) / squares,
    )


def agreement_of(results: Results, experiment: str, target: str) -> Agreement:
    """Agreement on the test sites of all folds of the first scheme of an experiment.

    Parameters
    ----------
    results : Results
        Of the region.
    experiment, target : str
        Whose, of which quantity.

    Returns
    -------
    Agreement
        In the unit of the quantity.
    """
    table = results.predictions(experiment)
    rows = table[[f"observed.{target}", f"predicted.{target}"]].dropna()
    return agreement(*rows.to_numpy(float).T)


def best_experiment(results: Results) -> str | None:
    """The experiment that is shown first.

    Of those that have maps, and whose physics does not fail where there is such a one, that with the highest NSE of its
    first quantity on held-out sites of the first scheme; None where nothing is mapped.

    Parameters
    ----------
    results : Results
        Of the region.
    """
    table = results.metrics
    test = table[(table["fold"] == POOLED) & (table["part"] == "test") & (table["subset"] == "all")]
    test = test[(test["model"] == test["experiment"]) & (test["scheme"] == results.first_scheme)]
    nse = {(row["experiment"], row["target"]): row["nse"] for row in test.to_dict("records")}

    def rank(name: str) -> tuple[bool, float]:
        skill = nse.get((name, results.config.experiment(name).targets[0]), np.nan)
        return results.verdict(name).get("physics") != "fails", -np.inf if np.isnan(skill) else float(skill)

    mapped = [name for name in results.mapped if results.map_list(name)]
    return max(mapped, key=rank) if mapped else None


def first_screen(results: Results, missing: list[str], today: datetime.date | None = None) -> dict[str, Any]:
    """What the first screen says.

    Parameters
    ----------
    results : Results
        Of a region.
    missing : list of str
        What is not there yet, in sentences.
    today : date, optional
        Of the report; that of now by default.

    Returns
    -------
    dict
        ``best`` and its ``title``, ``sentences``, ``stocks``, ``not_given`` (which stocks and why), ``warnings`` and
        ``date``.
    """
    date = (today or datetime.datetime.now(datetime.UTC).date()).isoformat()
    best = best_experiment(results)
    if best is None:
        text = "No experiment of this region has maps, so this page has tables and figures of held-out sites alone."
        return {"best": None, "title": "", "sentences": [text], "stocks": [], "not_given": "",
                "warnings": missing, "date": date}  # fmt: skip
    experiment = results.config.experiment(best)
    sentences = [_skill_sentence(results, best), _trust_sentence(results, best), _meaning_sentence(results, best)]
    warnings = [*missing, *_warnings(results, best)]
    return {"best": best, "title": experiment.title or best, "sentences": sentences, "stocks": _stocks(results, best),
            "not_given": _not_given(results), "warnings": warnings, "date": date}  # fmt: skip


def _skill_sentence(results: Results, name: str) -> str:
    """What was mapped, and how good it is against which baseline."""
    target = results.config.experiment(name).targets[0]
    quantity, score = results.config.all_quantities[target], agreement_of(results, name, target)
    cells = max((entry["cells"] for entry in results.map_list(name)), default=0)
    unit = typeset(quantity.unit)
    title = f"{quantity.title[:1].upper()}{quantity.title[1:]}"
    mapped = f"{title} in {cells:,} cells, learned from {len(results.samples):,} samples."
    if np.isnan(score.nse):
        return f"{mapped} How good the map is cannot be said: no held-out observations of it vary."
    skill = next(iter(results.verdict(name).get("sentences", [])), "")
    against = skill.partition(": ")[2] or "not judged against the baselines"
    return (
        f"{mapped} At {score.n:,} held-out observations (split “{results.first_scheme}”) it has NSE {score.nse:.2f},"
        f" r {score.r:.2f}, slope {score.slope:.2f} and RMSE {score.rmse:.3g} {unit}: {against}."
    )


def _trust_sentence(results: Results, name: str) -> str:
    """How sure the map is, and where it ends."""
    verdict = results.verdict(name)
    intervals, extent = verdict.get("intervals", {}), verdict.get("extent", {}).get("sentence", "")
    if intervals.get("coverage") is None:
        sure = "How sure it is was not judged"
    else:
        sharp = {True: "are sharper than", False: "are no sharper than", None: "were not compared with"}
        sure = (
            f"Its {intervals['level']:.0%} intervals held {intervals['coverage']:.0%} of the held-out observations and"
            f" {sharp[intervals.get('sharper_than_climatology')]} those of the climatology, which knows no place"
        )
    if not extent:
        return f"{sure}; where the map ends was not judged."
    return f"{sure}. {extent[:1].upper()}{extent[1:]}. {error_sentence(results, name)}".rstrip()


def _meaning_sentence(results: Results, name: str) -> str:
    """Whether the physics holds, and what its parameters mean."""
    verdict, passport = results.verdict(name), results.passport(name)[0]
    if results.config.experiment(name).process is None:
        return "There is no process model in it, so it has no physics to check and no parameters to read."
    physics = {
        "passes": "The physics passes every check of its process model: such a soil could exist",
        "fails": f"The physics fails: {'; '.join(verdict.get('reasons', []))}",
        "none": "Its process model declares no checks, so nothing says whether such a soil could exist",
    }.get(verdict.get("physics", ""), "Its physics was not judged")
    sentence = str(passport.get("sentence", ""))
    return f"{physics}. Of its parameters: {sentence}." if sentence else f"{physics}."


def _warnings(results: Results, name: str) -> Iterator[str]:
    """What a reader must know before the map is used."""
    verdict, samples = results.verdict(name), results.samples
    if verdict.get("physics") == "fails":
        yield "The map shows a soil that cannot exist: read no pool and no parameter of it."
    skill = verdict.get("skill", {})
    if skill.get("beats_mean") is False:
        yield "It is not shown to predict better than one mean value for the whole region."
    elif skill.get("beats_best_baseline") is False:
        best = skill.get("scores", {}).get("beats_best_baseline", {}).get("against", "")
        yield f"It is not shown to predict better than an ordinary model ({best.replace('_', ' ')})."
        true_soc = results.true_field("soc")
        if true_soc is not None and (share := linear_share(true_soc, samples)) > MOSTLY_LINEAR:
            yield (
                f"Why: a straight line through the covariates explains {share:.0%} of the true SOC of this synthetic"
                " landscape, so a process model can add little to it; compare the fractions and the parameters."
            )
    yield from _shares(samples)
    yield from (f"{note}." for note in verdict.get("skill_notes", []))
    failing = [e.name for e in results.config.experiments if results.verdict(e.name).get("physics") == "fails"]
    if failing and verdict.get("physics") != "fails":
        yield f"Maps of other experiments fail their physics: {', '.join(failing)}."


def _shares(samples: pd.DataFrame) -> Iterator[str]:
    """Samples whose density rests on assumptions."""
    if not len(samples):
        return
    stones = ((samples["cf_source"] == "assumed") & (samples["bd_source"] != "stock")).mean()
    if stones > 0.05:
        yield f"{stones:.0%} of the samples have no measured coarse fragments; a fixed share is assumed for them."
    estimated = (~samples["bd_source"].isin([MEASURED, "stock"])).mean()
    if estimated > 0.05:
        yield f"{estimated:.0%} of the samples have no measured bulk density; it is estimated."


def _stocks(results: Results, name: str) -> list[dict[str, Any]]:
    """Stock of all cells, of each depth and of all together, the last one first; none where no stock is mapped."""
    config, files = results.config, results.of(name)
    quantities = [q for q, quantity in config.all_quantities.items() if quantity.has_stock]
    thickness = modelled_interval(config.build).thickness_m
    calibration = files.scores.conformal if files.scores.conformal.is_file() else None
    level = config.experiment(name).uncertainty.level
    try:
        errors = read_stock_errors(calibration, config.all_quantities, thickness)
        table = whole_map(level, files.maps, quantities, errors)
    except HybridmapError:  # no stock among the maps
        return []
    return [_stock(row, results, level) for row in table.to_dict("records")][::-1]


def _not_given(results: Results) -> str:
    """Why there are no stocks to 30 and 100 cm, where there are none: nothing is continued below what is modelled."""
    build, predict = results.config.build, results.config.predict
    intervals = mapped_depths(build, predict) or (modelled_interval(build),)
    reasons = {bottom: reason for bottom in STOCKS_CM if (reason := not_given(intervals, bottom))}
    depths = " and ".join(f"{bottom} cm" for bottom in reasons)
    words = dict.fromkeys(reason.removeprefix("not given: ") for reason in reasons.values())
    return f"Stock to {depths}: not given, {', and '.join(words)}." if reasons else ""


def _stock(row: Mapping[Any, Any], results: Results, level: float) -> dict[str, Any]:
    top, bottom = results.config.build.span_cm
    top, bottom = row.get("top_cm", top), row.get("bottom_cm", bottom)
    has_interval = np.isfinite(row["lower_Tg"])
    inside = has_interval and row["lower_Tg"] <= row["stock_Tg"] <= row["upper_Tg"]
    note = "" if inside or not has_interval else (
        "The map's own sum lies outside: held-out blocks say that it is too "
        f"{'high' if row['stock_Tg'] > row['upper_Tg'] else 'low'} on average, and the interval corrects that."
    )  # fmt: skip
    return {
        "label": results.config.all_quantities[row["quantity"]].label, "depth": f"{top:g}–{bottom:g} cm",
        "stock_Tg": row["stock_Tg"], "lower_Tg": row["lower_Tg"] if has_interval else None, "upper_Tg": row["upper_Tg"],
        "mean_kg_m2": row["mean_kg_m2"], "area_km2": row["area_km2"], "source": row["interval"], "level": level,
        "outside_Tg": row["stock_outside_applicability_Tg"], "note": note,
    }  # fmt: skip


def main_map(results: Results, name: str) -> tuple[dict[str, Any], np.ndarray] | None:
    """Entry and values (row, column) of the map that is shown first: the first quantity, of the uppermost depth.

    Parameters
    ----------
    results : Results
        Of the region.
    name : str
        The experiment.
    """
    arrays, target = results.maps(name).arrays, results.config.experiment(name).targets[0]
    entries = [e for e in results.map_list(name) if e.get("figure_subject") == target and e["name"] in arrays]
    entries = [e for e in entries if e.get("figure_group") == "quantity"]
    if not entries:
        return None
    entry = min(entries, key=lambda e: float(e.get("depth_top_cm", 0.0)))
    array = arrays[entry["name"]]
    step = max(1, int(np.ceil(np.sqrt(array.shape[0] * array.shape[1] / 1_000_000))))
    return entry, every_kth(array, step)
