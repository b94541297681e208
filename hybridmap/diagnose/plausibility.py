"""The verdict on an experiment: could a soil be like this, and does it predict better than what needs no process?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hybridmap.config import Experiment
from hybridmap.diagnose.drivers import drivers, sentence
from hybridmap.diagnose.extent import Borders, extent_of
from hybridmap.diagnose.saturation import checked_outputs, share_name, summarise
from hybridmap.evaluate.predictions import output_values
from hybridmap.files.reading import read_json, read_parquet
from hybridmap.files.tables import write_json
from hybridmap.grid.depth_axis import maps_of
from hybridmap.grid.store import thinned_map
from hybridmap.grid.verified_store import open_verified
from hybridmap.model import HybridModel, Model
from hybridmap.process import ProcessModel
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")
PINNED_SHARE = 0.01
"""A parameter this near to a bound, as a share of its range, counts as lying on it."""


class Evidence(NamedTuple):
    """What a verdict rests on beside the model: files that an experiment may lack.

    Attributes
    ----------
    predictions : Path
        ``predictions.parquet`` of the evaluation; None where only the map is looked at.
    maps : Path or None
        ``maps.zarr``, if there are maps.
    skill : Path or None
        ``skill.json`` of the evaluation; without it nothing is said of skill.
    held_out : Path or None
        ``summary.json`` of ``hybridmap expected-error``.
    borders : Borders or None
        Countries in which the map may not apply.
    identifiability : Path or None
        ``identifiability.json``; without it nothing is said of parameters.
    samples : Path or None
        ``samples.parquet``; without it nothing is said of what drives the predictions.
    """

    predictions: Path | None
    maps: Path | None = None
    skill: Path | None = None
    held_out: Path | None = None
    borders: Borders | None = None
    identifiability: Path | None = None
    samples: Path | None = None


def diagnose(experiment: Experiment, evidence: Evidence, model_dir: Path, out: Path) -> None:
    """Write ``saturation.json`` and ``verdict.json`` of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Its first split scheme gives the test sites that are looked at.
    evidence : Evidence
        What the stages before wrote.
    model_dir : Path
        A trained model of the experiment, for its bounds and what its process model declares.
    out : Path
        The diagnostics folder.
    """
    model = load_model(model_dir, experiment.own_process)
    sites, maps = _test_sites(experiment, evidence), evidence.maps
    summaries = {} if model.process is None else _summaries(model.process, sites, maps)
    verdict = judge(model, summaries, sites) | (_skill(evidence.skill) if evidence.skill else {})
    verdict["notes"] += _scenario_notes(maps)
    verdict |= _identified(evidence.identifiability) if evidence.identifiability else {}
    extent = extent_of(maps, evidence.held_out, evidence.borders) if maps else {}
    verdict |= {"extent": extent} if extent else {}
    verdict |= _driven(model, experiment.targets[0], evidence)
    write_json(summaries, out / "saturation.json")
    write_json({"experiment": experiment.name, **verdict}, out / "verdict.json")
    physics = "; ".join(verdict["reasons"]) or f"physics: {verdict['physics']}"
    LOG.info(
        "%s: %s",
        experiment.name,
        "; ".join(
            [
                physics,
                *verdict.get("sentences", []),
                *_sentences(verdict.get("parameters"), extent, verdict.get("drivers")),
            ]
        ),
    )


def _driven(model: Model, target: str, evidence: Evidence) -> dict[str, Any]:
    """What drives the first quantity of an experiment, and the sentence about it; nothing without samples."""
    if evidence.samples is None or target not in model.output_info():
        return {}
    rows = drivers(model, read_parquet(evidence.samples), target)
    if not rows:
        return {}
    quantity = model.quantities[target]
    return {"drivers": {"target": target, "inputs": rows, "sentence": sentence(rows, quantity.label, quantity.unit)}}


def implausible(experiment: Experiment, model_dir: Path, evidence: Evidence) -> list[str]:
    """Why the physics of an experiment fails, at its test sites or on its map.

    Parameters
    ----------
    experiment : Experiment
        Its first split scheme gives the test sites.
    model_dir : Path
        A trained model of the experiment.
    evidence : Evidence
        Predictions and maps, as far as they are there.

    Returns
    -------
    list of str
        Empty where it passes, or there is nothing to check.
    """
    model = load_model(model_dir, experiment.own_process)
    if model.process is None:
        return []
    return _outcome(model.process, _summaries(model.process, _test_sites(experiment, evidence), evidence.maps))[1]


def _test_sites(experiment: Experiment, evidence: Evidence) -> pd.DataFrame:
    """Test sites of the first scheme; none without predictions."""
    if evidence.predictions is None:
        return pd.DataFrame()
    table = read_parquet(evidence.predictions)
    return table[(table["part"] == "test") & (table["scheme"] == experiment.splits[0])]


def _sentences(*parts: Mapping[str, Any] | None) -> list[str]:
    """Sentences of the parts of a verdict that there are."""
    return [part["sentence"] for part in parts if part]


def _identified(path: Path) -> dict[str, Any]:
    """Share of neural parameters that mean something, or that this is not judged; never that it passes by default."""
    judged = read_json(path)
    share = judged["identified"]
    parameters = {
        key: judged[key] for key in ("parameters", "open", "basis", "not_judged", "sentence") if key in judged
    }
    return {"identified": "not judged" if share is None else share, "parameters": parameters}


def _skill(path: Path) -> dict[str, Any]:
    """Skill and intervals of the quantity that speaks for the experiment, and the sentences and notes of all."""
    judged = read_json(path)
    quantities = judged["quantities"].values()
    return {
        "skill": {key: judged[key] for key in ("scheme", "quantity", "n", "blocks")} | judged["skill"],
        "intervals": judged["intervals"],
        "sentences": [quantity["sentence"] for quantity in quantities],
        "skill_notes": [note for quantity in quantities for note in quantity["notes"]],
    }


def _scenario_notes(maps: Path | None) -> list[str]:
    """What changes under scenarios rest on that the data did not teach."""
    store = None if maps is None else open_verified(maps)
    arrays = [] if store is None else [array for _, array in store.arrays()]
    unlearned = sorted({str(array.attrs["not_learned"]) for array in arrays if "not_learned" in array.attrs})
    return [f"changes under scenarios rest on parameters that were not learned: {text}" for text in unlearned]


def _summaries(process: ProcessModel, sites: pd.DataFrame, maps: Path | None) -> dict[str, dict[str, Any]]:
    """Of the sites, and of the cells where all that is checked is mapped; ``predict.maps`` may leave some out."""
    names = checked_outputs(process)
    if not names:
        return {}
    summaries = {}
    if len(sites):
        summaries["sites"] = summarise({name: output_values(sites, name) for name in names}, process)
    if maps is not None:
        store = open_verified(maps)
        maps_by_name = {name: maps_of(store, name) for name in names}
        if all(maps_by_name.values()):
            # Of several depths all count; what has none counts with each of them.
            cells = np.broadcast_arrays(*(np.stack([thinned_map(m) for m in maps_by_name[name]]) for name in names))
            summaries["cells"] = summarise(dict(zip(names, cells, strict=True)), process)
    return summaries


def judge(model: Model, summaries: Mapping[str, Mapping[str, Any]], sites: pd.DataFrame) -> dict[str, Any]:
    """Verdict from summaries of sites and cells.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        For bounds, and the checks of its process model.
    summaries : mapping of str to mapping
        "sites" or "cells" → what :func:`hybridmap.diagnose.saturation.summarise` gives for them.
    sites : DataFrame
        Test sites with the learned parameters as ``parameter.P``.

    Returns
    -------
    dict
        ``physics`` ("passes", "fails", or "none" for a model without a process, or without checks), ``reasons``
        against it, ``notes``, and ``checks`` with value, limit and outcome each.
    """
    if not isinstance(model, HybridModel) or model.process is None:
        note = "no process model with pools to check: nothing ties its targets to each other"
        return {"physics": "none", "formulation": "", "reasons": [], "notes": [note], "checks": []}
    process = model.process
    checks, reasons, notes = _outcome(process, summaries)
    notes = notes if process.checks else ["the process model declares no checks of its outputs"]
    notes += [f"{name} lies on a bound at {share:.0%} of the sites" for name, share in _pinned(model, sites).items()]
    return {
        "physics": ("fails" if reasons else "passes") if process.checks else "none",
        "formulation": str(process.formulation),
        "reasons": reasons,
        "notes": notes,
        "checks": checks,
    }


def _outcome(
    process: ProcessModel, summaries: Mapping[str, Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Checks with value, limit and outcome; reasons against the physics; notes of what is only told."""
    checks: list[dict[str, Any]] = []
    reasons: list[str] = []
    notes: list[str] = []
    for scope, summary in summaries.items():
        for check in process.checks if summary["n"] else ():
            value = summary[share_name(check)]
            passed = value <= check.may_fail
            checks.append(
                {"name": check.name, "where": scope, "value": value, "limit": check.may_fail, "passed": passed}
            )
            if not passed:
                (notes if check.is_note else reasons).append(f"{check.meaning} at {value:.1%} of the {scope}")
    return checks, reasons, notes


def _pinned(model: HybridModel, sites: pd.DataFrame) -> dict[str, float]:
    """Learned parameters that lie on a bound at more than a tenth of the sites, with that share."""
    shares = {}
    for name in (*model.neural_names, *model.shared_names):
        low, high = model.bounds_of(name)
        values = sites[f"parameter.{name}"].to_numpy(float)
        position = (values - low) / (high - low)
        share = float(((position < PINNED_SHARE) | (position > 1.0 - PINNED_SHARE)).mean())
        if share > 0.1:
            shares[name] = share
    return shares
