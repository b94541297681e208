"""Scores: predictions of every fold beside the observations, metrics per target and fold, and the mean as a floor."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from hybridmap.config import Experiment
from hybridmap.evaluate import metrics
from hybridmap.evaluate.area_table import area_table, map_areas
from hybridmap.evaluate.interval_table import interval_table
from hybridmap.evaluate.intervals import calibrate, central_predictions, interval_columns, map_calibration
from hybridmap.evaluate.predictions import POOLED, SITE_COLUMNS, blocks_of, fold_columns, one_row_a_site
from hybridmap.evaluate.strata import site_classes
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_csv, write_parquet, write_state
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.samples.folds import roles_in_fold
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")
SCORES = {
    "kge": metrics.kge,
    "nse": metrics.nse,
    "pearson": metrics.pearson,
    "ccc": metrics.lin_ccc,
    "rmse": metrics.rmse,
    "mae": metrics.mae,
    "bias": metrics.bias,
}
"""Columns of ``metrics.csv``; rmse, mae and bias in the unit of the target."""


def evaluate(
    experiment: Experiment,
    samples_path: Path,
    splits_path: Path,
    models: Mapping[str, Path],
    out: Path,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> None:
    """Predict every fold and write ``predictions.parquet``, ``metrics.csv``, ``intervals.csv``, ``area_intervals.csv``,
    ``conformal.json``.

    Parameters
    ----------
    experiment : Experiment
        The experiment of the models.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    models : mapping of str to Path
        Fold → folder of its trained model.
    out : Path
        The evaluation folder.
    quantities : mapping of str to Quantity
        What the region measures, by name.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    predictions = pd.concat(
        [_predict_fold(experiment, samples, splits, fold, folder, quantities) for fold, folder in models.items()],
        ignore_index=True,
    )
    classes = site_classes(samples).loc[predictions["site_id"]].set_axis(predictions.index)
    # Numbers in the order of the names: intervals sort by block hundreds of times.
    sites = classes.assign(block=pd.factorize(blocks_of(predictions, splits), sort=True)[0])
    calibration = map_calibration(predictions, sites, experiment, quantities)
    for note in calibration["notes"]:
        LOG.warning("%s: intervals of %s", experiment.name, note)
    predictions = calibrate(predictions, sites, experiment, quantities)
    areas = map_areas(predictions, sites, experiment)
    for target, facts in areas.items():
        if facts["note"]:
            LOG.warning("%s: intervals of areas of %s: %s", experiment.name, target, facts["note"])
    write_state(calibration | {"areas": areas}, out / "conformal.json")
    write_csv(area_table(predictions, sites, experiment), out / "area_intervals.csv")
    write_csv(interval_table(predictions, sites, experiment), out / "intervals.csv")
    table = score_table(predictions, experiment.name, [quantities[target] for target in experiment.targets])
    for row in table[(table["fold"] == POOLED) & (table["part"] == "test") & (table["model"] != "mean")].itertuples():
        LOG.info("%s %s %s: n %d, KGE %.3f, NSE %.3f", row.scheme, row.target, row.subset, row.n, row.kge, row.nse)
    write_parquet(predictions, out / "predictions.parquet")
    write_csv(table, out / "metrics.csv")


def score_table(predictions: pd.DataFrame, experiment: str, targets: Iterable[Quantity]) -> pd.DataFrame:
    """Metrics of predictions, and of the training mean, per scheme, fold, part and target.

    Parameters
    ----------
    predictions : DataFrame
        ``scheme``, ``fold``, ``part``, ``bd_source`` and ``observed.T``, ``predicted.T``, ``mean.T`` per target.
    experiment : str
        Name in the column ``model``.
    targets : iterable of Quantity
        What was predicted.

    Returns
    -------
    DataFrame
        ``experiment, scheme, fold, part, subset, target, unit, model, n`` and the scores. Fold "pooled" scores the
        test sites of all folds together; subset "measured_bulk_density" leaves out sites whose density rests on a
        pedotransfer function.
    """
    rows, names = [], {target.name: target.unit for target in targets}
    test = predictions[predictions["part"] == "test"]
    groups = [((s, str(f), p), g) for (s, f, p), g in predictions.groupby(["scheme", "fold", "part"], sort=True)]
    groups += [((s, POOLED, "test"), one_row_a_site(g)) for s, g in test.groupby("scheme", sort=True)]
    for (scheme, fold, part), group in groups:
        subsets = {"all": group}
        if fold == POOLED:
            subsets["measured_bulk_density"] = group[group["bd_source"].isin(["measured", "stock"])]
        for subset, members in subsets.items():
            for target, unit in names.items():
                for model, column in ((experiment, f"predicted.{target}"), ("mean", f"mean.{target}")):
                    observed, predicted = members[f"observed.{target}"], members[column]
                    key = [experiment, scheme, fold, part, subset, target, unit, model]
                    n = int((observed.notna() & predicted.notna()).sum())
                    rows.append([*key, n, *(score(predicted, observed) for score in SCORES.values())])
    columns = ["experiment", "scheme", "fold", "part", "subset", "target", "unit", "model", "n", *SCORES]
    return pd.DataFrame(rows, columns=columns)


def _predict_fold(
    experiment: Experiment,
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    fold: str,
    folder: Path,
    quantities: Mapping[str, Quantity],
) -> pd.DataFrame:
    model = load_model(folder, experiment.own_process)
    parts = roles_in_fold(samples, splits, fold, experiment.splits[0])
    outputs = pd.DataFrame(central_predictions(experiment, model, folder, samples), index=samples.index)
    predicted = {target: outputs[target] for target in experiment.targets}
    columns = fold_columns(samples, fold, parts, predicted, quantities)
    columns |= interval_columns(experiment, model, folder, samples)
    internals = outputs.drop(columns=list(experiment.targets))
    return pd.concat([samples[SITE_COLUMNS], pd.DataFrame(columns, index=samples.index), internals], axis=1)
