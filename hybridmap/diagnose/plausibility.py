"""The verdict on an experiment: could a soil be like this?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hybridmap.config import Experiment
from hybridmap.diagnose.saturation import NEARLY_FULL, VARIABLES, summarise
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_json
from hybridmap.grid.store import thinned_map
from hybridmap.grid.verified_store import open_verified
from hybridmap.model import HybridModel, Model
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")
PINNED_SHARE = 0.01
"""A parameter this near to a bound, as a share of its range, counts as lying on it."""


@dataclass(frozen=True)
class Check:
    """One requirement on a saturation summary.

    Attributes
    ----------
    name : str
        In ``verdict.json``.
    limit : float
        Share of sites or cells above which the experiment is implausible.
    value : callable
        Saturation summary → share.
    meaning : str
        What is the matter where it fails.
    """

    name: str
    limit: float
    value: Callable[[Mapping[str, Any]], float]
    meaning: str


CHECKS = (
    Check("above_capacity", 0.0, lambda s: s["above_capacity"], "MOC exceeds the capacity q_max"),
    Check("negative_saturation", 0.0, lambda s: s["negative"], "MOC is negative"),
    Check("infeasible", 0.01, lambda s: s["infeasible"], "the structure without leaks has no steady state"),
    Check(
        "full_everywhere",
        0.5,
        lambda s: s["nearly_full"],
        f"mineral surfaces are full (MOC/Qmax over {NEARLY_FULL:g}): MOC follows q_max, not the process",
    ),
)
LEAKY = ("infeasible",)
"""Checks that the constrained formulation cannot fail: its leaks give it a steady state there; told as a note."""


def diagnose(experiment: Experiment, predictions: Path, maps: Path | None, model_dir: Path, out: Path) -> None:
    """Write ``saturation.json`` and ``verdict.json`` of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Its first split scheme gives the test sites that are looked at.
    predictions : Path
        ``predictions.parquet`` of the evaluation.
    maps : Path or None
        ``maps.zarr``, if there are maps.
    model_dir : Path
        A trained model of the experiment, for bounds and formulation.
    out : Path
        The diagnostics folder.
    """
    model = load_model(model_dir, experiment.own_process)
    table = read_parquet(predictions)
    sites = table[(table["part"] == "test") & (table["scheme"] == experiment.splits[0])]
    summaries: dict[str, dict[str, Any]] = {}
    if set(VARIABLES) <= set(sites):
        summaries["sites"] = summarise({name: sites[name] for name in VARIABLES})
        if maps is not None:
            store = open_verified(maps)
            if set(VARIABLES) <= set(store.array_keys()):  # predict.maps may leave them out
                summaries["cells"] = summarise({name: thinned_map(store[name]) for name in VARIABLES})
    verdict = judge(model, summaries, sites)
    write_json(summaries, out / "saturation.json")
    write_json({"experiment": experiment.name, **verdict}, out / "verdict.json")
    LOG.info("%s: %s", experiment.name, "; ".join(verdict["reasons"]) or "plausible")


def judge(model: Model, summaries: Mapping[str, Mapping[str, Any]], sites: pd.DataFrame) -> dict[str, Any]:
    """Verdict from saturation summaries of sites and cells.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        For bounds and formulation.
    summaries : mapping of str to mapping
        "sites" or "cells" → what :func:`hybridmap.diagnose.saturation.summarise` gives for them.
    sites : DataFrame
        Test sites with the learned parameters as ``parameter.P``.

    Returns
    -------
    dict
        ``plausible`` (None for a model without a process), ``reasons`` against it, ``notes``, and ``checks`` with
        value, limit and outcome each.
    """
    if not isinstance(model, HybridModel) or not summaries:
        note = "no process model with pools to check: nothing ties its targets to each other"
        return {"plausible": None, "formulation": "", "reasons": [], "notes": [note], "checks": []}
    formulation = str(getattr(model.process, "formulation", ""))
    checks: list[dict[str, Any]] = []
    reasons: list[str] = []
    notes: list[str] = []
    for scope, summary in summaries.items():
        for check in CHECKS:
            if not summary["n"]:
                continue
            value = check.value(summary)
            passed = value <= check.limit
            checks.append({"name": check.name, "where": scope, "value": value, "limit": check.limit, "passed": passed})
            if not passed:
                finding = f"{check.meaning} at {value:.1%} of the {scope}"
                (notes if formulation == "constrained" and check.name in LEAKY else reasons).append(finding)
    notes += [f"{name} lies on a bound at {share:.0%} of the sites" for name, share in _pinned(model, sites).items()]
    return {
        "plausible": not reasons,
        "formulation": formulation,
        "reasons": reasons,
        "notes": notes,
        "checks": checks,
    }


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
