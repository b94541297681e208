"""The files of learned relationships: a curve for each input of each output, and what they say together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.diagnose.relationships.agreement import correlated_inputs, direction, divergence, rank_correlation
from hybridmap.diagnose.relationships.learned import Curves, Learned, NotDrawnError, Relations, learn, observed_sites
from hybridmap.diagnose.relationships.response import PARAMETER
from hybridmap.evaluate.importance import shares
from hybridmap.files.reading import read_json, read_parquet
from hybridmap.files.results import RelationshipFiles
from hybridmap.files.tables import write_csv, write_json, write_parquet
from hybridmap.quantities import Quantity
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]

IDENTIFIED, LEFT, OPEN = "yes", "no", "not judged"
"""Whether a parameter means something, as the passport says."""
DIGITS = 6
"""Significant digits of the curves."""
ONE_FOLD = "there is one fold only, so how relationships differ between trainings is not judged"


class Evidence(NamedTuple):
    """Files beside the models: samples, and ``identifiability.json`` where there is one."""

    samples: Path
    passport: Path | None = None


def write_relationships(
    experiment: Experiment,
    quantities: Mapping[str, Quantity],
    evidence: Evidence,
    models: Mapping[str, Path],
    out: Path,
    relations: Relations | None = None,
) -> None:
    """Write ``relationships.csv``, ``relationships.json`` and ``relationships_sites.parquet``.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    quantities : mapping of str to Quantity
        Of the region.
    evidence : Evidence
        Files beside the models.
    models : mapping of str to Path
        Fold → folder of its model.
    out : Path
        Folder to write to.
    relations : callable, optional
        True parameters, where they are known.
    """
    files = RelationshipFiles(out)
    table = observed_sites(read_parquet(evidence.samples), [quantities[target] for target in experiment.targets])
    info = load_model(next(iter(models.values())), experiment.own_process).output_info()
    units = {name: unit for name, (unit, _) in info.items()}
    try:
        learned, curves, sites, notes = learn(experiment, table, models, relations)
    except NotDrawnError as error:
        write_csv(pd.DataFrame({"output": []}), files.table)
        write_parquet(pd.DataFrame({"site_id": []}), files.sites)
        write_json({"experiment": experiment.name, "outputs": [], "notes": [], "sentence": str(error)}, files.summary)
        LOG.info("%s", error)
        return
    notes += [ONE_FOLD] if len(learned.folds) == 1 else []
    passport = read_json(evidence.passport) if evidence.passport else {}
    outputs = _summary(learned, curves, units, passport)
    write_csv(curve_rows(learned, curves, units), files.table)
    write_parquet(_site_rows(learned, curves, sites), files.sites)
    about = {
        "experiment": experiment.name,
        "sites": len(sites),
        "folds": len(learned.folds),
        "seeds": len(learned.seeds),
    }
    write_json({**about, "outputs": outputs, "notes": notes, "sentence": _sentence(outputs)}, files.summary)
    LOG.info("%s: %s", experiment.name, _sentence(outputs))


def curve_rows(learned: Learned, curves: Curves, units: Mapping[str, str]) -> pd.DataFrame:
    """One row a point of a curve.

    Parameters
    ----------
    learned, curves
        Of an experiment.
    units : mapping of str to str
        Of the outputs.

    Returns
    -------
    DataFrame
        As ``relationships.csv``.
    """
    parts = []
    for k, place in enumerate(learned.inputs):
        effects = [fold[k] for fold in learned.folds]
        shape = np.stack([effect.effect for effect in effects])
        kind = "class" if place.kind == "class" else "ale"
        points, dependence = curves.dependence[k]
        for j, output in enumerate(learned.outputs):
            common = {"output": output, "unit": units[output], "input": place.name, "input_unit": place.unit}
            of_output = shape[:, :, j] + learned.level[j]
            parts.append(
                _rows(common | {"method": kind}, effects[0].points, of_output, _true_curve(learned, k, output))
            )
            parts[-1]["sites"] = effects[0].sites
            parts.append(_rows(common | {"method": "pd"}, points, dependence[:, :, j], None))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _rows(common: Mapping[str, str], points: Array, values: Array, true: Array | None) -> pd.DataFrame:
    columns = {"x": points, "value": values.mean(axis=0), "lowest": values.min(axis=0), "highest": values.max(axis=0)}
    columns["truth"] = np.full(len(points), np.nan) if true is None else true
    return pd.DataFrame({**common, **{name: _rounded(column) for name, column in columns.items()}})


def _rounded(values: Array) -> Array:
    """To a few significant digits: the files stay small, and sums in another order give the same text."""
    size = np.where((values == 0) | ~np.isfinite(values), 1.0, np.abs(values))
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(size)))
    return np.asarray(np.round(values * scale) / scale)


def _true_curve(learned: Learned, k: int, output: str) -> Array | None:
    truth = learned.truth
    if truth is None or output not in truth.names:
        return None
    place = truth.names.index(output)
    return np.asarray(truth.effects[k].effect[:, place] + truth.level[place])


def _site_rows(learned: Learned, curves: Curves, sites: pd.DataFrame) -> pd.DataFrame:
    """Shapley values, one row a site, output and input, with the value of the input."""
    explained, names = curves.explained, [place.name for place in learned.inputs]
    count, inputs, outputs = curves.shapley.shape
    ids = sites["site_id"].to_numpy()[explained]
    return pd.DataFrame(
        {
            "site_id": np.repeat(ids, inputs * outputs),
            "output": np.tile(learned.outputs, count * inputs),
            "input": np.tile(np.repeat(names, outputs), count),
            "x": np.repeat(learned.x[explained, :-1].ravel(), outputs).astype("float32"),
            "shapley": curves.shapley.ravel().astype("float32"),
        }
    )


def _verdicts(judged: Mapping[str, Any], learned: Learned) -> dict[str, str]:
    """Parameter → whether it is identified."""
    parameters = [name for name in learned.outputs if name.startswith(PARAMETER)]
    if not judged.get("parameters") and not judged.get("open") and judged.get("identified") is None:
        return dict.fromkeys(parameters, OPEN)
    kinds = dict.fromkeys(judged.get("open", []), OPEN) | dict.fromkeys(judged["parameters"], IDENTIFIED)
    return {name: kinds.get(name.removeprefix(PARAMETER), LEFT) for name in parameters}


def _summary(
    learned: Learned, curves: Curves, units: Mapping[str, str], passport: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What is said of every output: how much of it each input is, by three methods, and whether trainings agree."""
    folds, seeds = learned.importance(learned.folds), learned.importance(learned.seeds)
    amplitude = folds.mean(axis=0)
    measures = {
        "share": shares(amplitude),
        "share_dependence": shares(_dependence_importance(learned, curves)),
        "share_shapley": shares(np.abs(curves.shapley).mean(axis=0)),
        "amplitude": amplitude,
        "spread_folds": learned.between(learned.folds),
        "spread_seeds": learned.between(learned.seeds) if learned.seeds else np.full(amplitude.shape, np.nan),
    }
    agreement = {
        "rank_correlation_folds": rank_correlation(folds),
        "rank_correlation_seeds": rank_correlation(seeds) if learned.seeds else np.full(len(learned.outputs), np.nan),
    }
    verdicts, of_starts = _verdicts(passport, learned), passport.get("rank_correlation_starts", {})
    correlated = correlated_inputs(learned.x[:, :-1], [place.name for place in learned.inputs])
    rows = []
    for j, output in enumerate(learned.outputs):
        order = np.argsort(-np.nan_to_num(measures["share"][:, j]), kind="stable")
        rows.append(
            {
                "output": output,
                "unit": units[output],
                "identified": verdicts.get(output, ""),
                "mean": _number(learned.level[j]),
                **{name: _number(values[j]) for name, values in agreement.items()},
                "rank_correlation_starts": of_starts.get(output.removeprefix(PARAMETER)),
                **_divergences(learned, amplitude[:, [j]], output),
                "inputs": [_input_row(learned, measures, correlated, int(k), j) for k in order],
            }
        )
    return rows


def _dependence_importance(learned: Learned, curves: Curves) -> Array:
    """Standard deviation of the mean partial dependence; of classes that of their effects, (input, output)."""
    rows = [
        values.mean(axis=0).std(axis=0, ddof=1) if len(points) else learned.folds[0][k].amplitude
        for k, (points, values) in enumerate(curves.dependence)
    ]
    return np.stack(rows)


def _input_row(
    learned: Learned, measures: Mapping[str, Array], correlated: Mapping[str, Any], k: int, j: int
) -> dict[str, Any]:
    place, effect = learned.inputs[k], learned.folds[0][k]
    mean = effect._replace(effect=np.mean([fold[k].effect for fold in learned.folds], axis=0))
    return {
        "input": place.name,
        "kind": place.kind,
        "unit": place.unit,
        **{name: _number(values[k, j]) for name, values in measures.items()},
        "direction": "" if place.kind == "class" else direction(mean, j),
        "correlated": correlated[place.name],
    }


def _divergences(learned: Learned, amplitude: Array, output: str) -> dict[str, float | None]:
    """How far the learned shares are from the true ones, and what the truth itself scores on halves of the sites."""
    truth = learned.truth
    if truth is None or output not in truth.names:
        return {"kl": None, "kl_floor": None}
    place = truth.names.index(output)
    true = np.stack([effect.amplitude for effect in truth.effects])[:, [place]]
    return {"kl": _number(divergence(true, amplitude)[0]), "kl_floor": _number(truth.floor[place])}


def _sentence(rows: list[dict[str, Any]]) -> str:
    """The strongest input of every target."""
    targets = [row for row in rows if not row["output"].startswith(PARAMETER)]
    parts = [
        f"{row['output']} follows {row['inputs'][0]['input']} most ({row['inputs'][0]['share']:.0%})" for row in targets
    ]
    return "; ".join(parts)


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
