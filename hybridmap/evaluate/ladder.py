"""The ladder: one experiment between floor, ordinary models and ceiling, at the same held-out sites."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.config import Experiment
from hybridmap.evaluate.residuals import BIAS, VARIOGRAM, bias_rows, variogram_rows
from hybridmap.evaluate.rung_scores import score_rungs
from hybridmap.evaluate.rungs import held_out_sites
from hybridmap.evaluate.skill import Ladder, skill
from hybridmap.evaluate.strata import site_classes
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_csv, write_json
from hybridmap.quantities import QUANTITIES, Quantity


def write_ladder(
    experiment: Experiment,
    samples_path: Path,
    splits_path: Path,
    predictions: Path,
    baselines: Mapping[str, Path],
    out: Path,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> None:
    """Write ``ladder.csv``, ``skill.json``, ``bias.csv`` and ``variogram.csv`` of an experiment.

    Parameters
    ----------
    experiment : Experiment
        What is compared.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    predictions : Path
        ``predictions.parquet`` of its evaluation.
    baselines : mapping of str to Path
        ``predictions.parquet`` of every baseline, in the order of the ladder.
    out : Path
        The evaluation folder.
    quantities : mapping of str to Quantity
        What the region measures, by name.
    """
    table = read_parquet(predictions)
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    tests = {name: _tested(read_parquet(path)) for name, path in baselines.items()}
    ladders = []
    for scheme in experiment.splits:
        labels = site_labels(samples, splits[splits["scheme"] == scheme])
        of_scheme = {name: rows[rows["scheme"] == scheme] for name, rows in tests.items()}
        parts = table[table["scheme"] == scheme]
        for target in experiment.targets:
            sites = held_out_sites(parts, of_scheme, target, labels, experiment.uncertainty.level)
            key = {"experiment": experiment.name, "scheme": scheme}
            ladders.append(Ladder(scheme, quantities[target], sites, score_rungs(sites, quantities[target], key)))
    write_csv(pd.concat([ladder.table for ladder in ladders], ignore_index=True), out / "ladder.csv")
    keys = [
        {"experiment": experiment.name, "scheme": x.scheme, "target": x.quantity.name, "unit": x.quantity.unit}
        for x in ladders
    ]
    residuals = list(zip(ladders, keys, strict=True))
    bias = [row for x, key in residuals for row in bias_rows(x.held_out, key)]
    write_csv(pd.DataFrame(bias, columns=BIAS), out / "bias.csv")
    variogram = [row for x, key in residuals for row in variogram_rows(x.held_out, key)]
    write_csv(pd.DataFrame(variogram, columns=VARIOGRAM), out / "variogram.csv")
    write_json({"experiment": experiment.name, **skill(ladders, experiment.uncertainty.level)}, out / "skill.json")


def _tested(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["part"] == "test"]


def site_labels(samples: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """What describes the sites of one scheme, indexed by ``site_id``.

    Parameters
    ----------
    samples : DataFrame
        Table of the sample stage.
    splits : DataFrame
        Rows of one scheme.

    Returns
    -------
    DataFrame
        ``block`` (what is resampled: block, or place in a scheme without blocks), ``area`` ("" where there are no
        blocks), ``cell`` of the grid, and those of ``landcover``, ``source``, ``depth``, ``density`` (whether bulk
        density was measured), ``lon`` and ``lat`` that samples have.
    """
    labels = site_classes(samples)
    of_site = splits.set_index("site_id").loc[labels.index]
    area = of_site["block"].astype(str)
    block = area.where(area != "", of_site["group_id"].astype(str))
    cell = (samples["row"].astype(str) + " " + samples["col"].astype(str)).set_axis(labels.index)
    labels = labels.assign(area=area, block=block, cell=cell)
    labels = labels.join(samples.set_index("site_id")[[c for c in ("lon", "lat") if c in samples]])
    if "bd_source" in samples:
        is_measured = samples["bd_source"].isin(["measured", "stock"]).to_numpy()
        labels = labels.assign(density=np.where(is_measured, "measured", "estimated"))
    if "depth" in labels:
        depth = labels["depth"]
        # What lies at another depth of one cell is no scatter within it.
        labels = labels.assign(cell=cell + " " + depth, area=area.where(area == "", area + " " + depth))
    return labels
