"""The threshold of the area of applicability, learned from training sites and the folds of their cross-validation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.config import Experiment, Predict, Raster
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability, Array, nearest
from hybridmap.evaluate.importance import covariate_importance
from hybridmap.experiment.layers import class_codes
from hybridmap.files.reading import read_parquet
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")
PAIR_SITES = 3000
"""Most sites among which the mean distance is taken."""


def learn_applicability(
    experiment: Experiment,
    covariates: Sequence[Raster],
    predict: Predict,
    model_path: Path,
    samples_path: Path,
    splits_path: Path,
    out: Path,
) -> None:
    """Write what ``predict --applicability`` needs.

    Parameters
    ----------
    experiment : Experiment
        The folds of its first scheme give the threshold.
    covariates : sequence of Raster
        Covariates of the region; those of kind "categorical" are classes.
    predict : Predict
        Training sites that a cell is compared with, at most, and the rule of the threshold.
    model_path : Path
        Folder of its trained model.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Numpy archive to write.

    Raises
    ------
    HybridmapError
        If a covariate of the model is not in the samples, or a site has no fold.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    model = load_model(model_path, experiment.own_process)
    inputs, forcing = model.tensors(samples)
    folds = _folds_of(samples, splits, experiment.splits[0], splits_path)
    outputs = [target for target in model.target_names if target in model.output_info()]
    importance = covariate_importance(model, inputs, forcing, outputs)
    classes = {n: c for n, c in class_codes(covariates, samples).items() if n in model.covariate_names}
    values = inputs.numpy()
    complete = np.isfinite(values).all(axis=1)
    for driver in forcing.values():
        complete &= driver.isfinite().numpy()
    if "profile_id" in samples:  # the layers of a profile are one place
        complete &= ~samples["profile_id"].duplicated().to_numpy()
    applicability = fit_applicability(
        values[complete], folds[complete], model.covariate_names, importance, classes, predict.references,
        predict.applicability_limit,
    )  # fmt: skip
    applicability.save(out)
    order = np.argsort(applicability.importance)[::-1][:3]
    LOG.info(
        "area of applicability of %s: index up to %.3f, by %d of %d sites (%.1f %% judged as by all); most weight: %s",
        experiment.name,
        applicability.threshold,
        len(applicability.references),
        applicability.sites,
        100 * applicability.agreement,
        ", ".join(f"{applicability.names[i]} {applicability.importance[i]:.2f}" for i in order),
    )


def _folds_of(samples: pd.DataFrame, splits: pd.DataFrame, scheme: str, splits_path: Path) -> NDArray[np.int64]:
    """Fold of each sample in a scheme; HybridmapError for a site without one."""
    of_site = splits[splits["scheme"] == scheme].drop_duplicates("site_id").set_index("site_id")["fold"]
    folds = of_site.reindex(samples["site_id"])
    if folds.isna().any():
        site = samples["site_id"][folds.isna().to_numpy()].iloc[0]
        raise HybridmapError(f"{splits_path}: site '{site}' has no fold in scheme '{scheme}'; run split again.")
    return folds.to_numpy("int64")


def fit_applicability(
    covariates: Array,
    folds: NDArray[np.int64],
    names: Sequence[str],
    importance: Array,
    classes: Mapping[str, Sequence[float]] | None = None,
    references: int = 1000,
    limit: str = "fence",
) -> Applicability:
    """Learn the threshold from sites and the folds of their cross-validation.

    Parameters
    ----------
    covariates : array, shape (site, covariate)
        Of the training sites, physical units, no NaN.
    folds : array of int, shape (site,)
        Fold of each site: neighbours in the same fold do not count for the threshold.
    names : sequence of str
        Of the covariates.
    importance : array, shape (covariate,)
        Not negative; see :func:`hybridmap.evaluate.importance.covariate_importance`.
    classes : mapping of str to sequence of float, optional
        Codes of the covariates that are classes.
    references : int
        Sites to keep, as medoids; all where there are no more. Fewer are faster; the loss is measured.
    limit : {"fence", "whisker"}
        Which of `LIMITS` the threshold is.

    Returns
    -------
    Applicability

    Raises
    ------
    HybridmapError
        If there are fewer than two folds.

    Notes
    -----
    Where no covariate matters (all parameters global) nothing is extrapolated: the index is 0 everywhere.
    """
    if len(np.unique(folds)) < 2:
        raise HybridmapError("the area of applicability needs at least two folds with sites; check 'splits'.")
    largest = float(importance.max(initial=0.0))
    weight = (importance / (largest or 1.0)).astype("float32")
    x = covariates.astype("float32")
    scaling = _Scaling.of(x, names, weight, classes or {})
    unlimited = Applicability(
        names=np.array(list(names)),
        lower=x.min(0),
        upper=x.max(0),
        column=scaling.column,
        code=scaling.code,
        mean=scaling.mean,
        scale=scaling.scale,
        importance=weight,
        references=np.zeros((1, len(scaling.scale)), "float32"),
        mean_distance=1.0,
        threshold=0.0,
        sites=len(x),
        agreement=1.0,
        excess=0.0,
    )
    if not largest:
        return unlimited
    points = unlimited.features(torch.from_numpy(x))
    random = np.random.default_rng(0)
    drawn_points = points[torch.from_numpy(np.sort(random.permutation(len(points))[:PAIR_SITES]))]
    mean_distance = float(torch.pdist(drawn_points.double()).mean())
    limit_of = LIMITS[limit]
    exact = _cross_validated(points, folds, np.arange(len(points))) / mean_distance
    complete = replace(unlimited, references=points.numpy(), mean_distance=mean_distance, threshold=limit_of(exact))
    if len(points) <= references:
        return complete
    medoids = _medoids(points, references)
    thinned = _cross_validated(points, folds, medoids) / mean_distance
    threshold = limit_of(thinned)
    return replace(
        complete,
        references=points[torch.from_numpy(medoids)].numpy(),
        threshold=threshold,
        agreement=float(((thinned <= threshold) == (exact <= complete.threshold)).mean()),
        excess=float((thinned - exact).mean()),
    )


@dataclass(frozen=True)
class _Scaling:
    """Features of covariates, as in :class:`Applicability`."""

    column: NDArray[np.int64]
    code: Array
    mean: Array
    scale: Array

    @classmethod
    def of(cls, x: Array, names: Sequence[str], weight: Array, classes: Mapping[str, Sequence[float]]) -> _Scaling:
        rows: list[tuple[int, float, float, float]] = []
        for i, name in enumerate(names):
            if name in classes:  # two sites of different classes are one weight apart
                rows += [(i, float(code), 0.0, float(weight[i]) / np.sqrt(2.0)) for code in classes[name]]
                continue
            values = x[:, i].astype("float64")
            rows.append((i, np.nan, float(values.mean()), float(weight[i]) / (float(values.std()) or 1.0)))
        column, code, mean, scale = (np.array(v) for v in zip(*rows, strict=True))
        return cls(column.astype("int64"), *(v.astype("float32") for v in (code, mean, scale)))


def _cross_validated(points: Tensor, folds: NDArray[np.int64], references: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance of each site to the nearest reference site of another fold; NaN where there is none."""
    out = np.full(len(points), np.nan)
    for fold in np.unique(folds):
        inside = folds == fold
        outside = references[folds[references] != fold]
        if len(outside):
            out[inside] = nearest(points[torch.from_numpy(inside)], points[torch.from_numpy(outside)]).numpy()
    return out


def _fence(index: NDArray[np.float64]) -> float:
    """Upper fence of the boxplot, 1.5 interquartile ranges above the third quartile, or the largest value if less."""
    finite = index[np.isfinite(index)]
    low, high = np.quantile(finite, [0.25, 0.75])
    return float(min(high + 1.5 * (high - low), finite.max()))


def _whisker(index: NDArray[np.float64]) -> float:
    """Upper whisker of the boxplot: the largest value within its fence."""
    finite = index[np.isfinite(index)]
    return float(finite[finite <= _fence(finite)].max())


LIMITS: dict[str, Callable[[NDArray[np.float64]], float]] = {"fence": _fence, "whisker": _whisker}
"""Threshold of an index (site,): as the package CAST has it now, and as Meyer & Pebesma (2021) printed it."""


def _medoids(points: Tensor, count: int) -> NDArray[np.int64]:
    """Sites nearest to the centres of `count` clusters."""
    from sklearn.cluster import MiniBatchKMeans

    clusters = MiniBatchKMeans(count, random_state=0, n_init=1, batch_size=4096, max_iter=30).fit(points.numpy())
    centres = torch.from_numpy(clusters.cluster_centers_.astype("float32"))
    sites = [torch.cdist(centres[k : k + 256], points).argmin(1) for k in range(0, len(centres), 256)]
    return np.unique(torch.cat(sites).numpy())
