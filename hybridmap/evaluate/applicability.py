"""Area of applicability: how far a cell's covariates lie from those that the model was trained on.

The dissimilarity index of Meyer & Pebesma (2021, doi 10.1111/2041-210X.13650): distance to the nearest training site
in standardised covariates weighted by their importance, over the mean distance among training sites. A cell is inside
where its index is no larger than that of training sites seen from other folds (upper whisker of their boxplot).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_npz
from hybridmap.files.tables import replace_durably
from hybridmap.model import TableModel

Array = NDArray[np.float32]
BLOCK = 512
"""Cells whose distances to all references are held at once: they stay in the cache."""
PAIRS = 3000
"""Most sites among which the mean distance is taken."""
SITES = 4000
"""Most sites on which importances are taken."""
VERSION = 1


@dataclass(frozen=True)
class Applicability:
    """What decides whether a cell is inside.

    Attributes
    ----------
    names : array of str, shape (covariate,)
        Covariates of the model, in its order.
    lower, upper : array, shape (covariate,)
        Smallest and largest value in training, physical units.
    column : array of int, shape (feature,)
        Covariate of each feature; a covariate of classes has a feature for each.
    code : array, shape (feature,)
        Class code of a feature, NaN for a number.
    mean, scale : array, shape (feature,)
        A number x becomes (x - mean) * scale, a class scale or 0: weights are in the scale.
    importance : array, shape (covariate,)
        Weights, the largest 1.
    references : array, shape (reference, feature)
        Scaled features of training sites, all of them or medoids.
    mean_distance, threshold : float
        Among training sites (scaled features), and of the index.
    sites : int
        Training sites that the references stand for.
    agreement : float
        Share of training sites that the references and all sites judge alike, each from other folds; 1 if exact.
    excess : float
        Mean of how much larger the index of those sites is by the references.
    """

    names: NDArray[np.str_]
    lower: Array
    upper: Array
    column: NDArray[np.int64]
    code: Array
    mean: Array
    scale: Array
    importance: Array
    references: Array
    mean_distance: float
    threshold: float
    sites: int
    agreement: float
    excess: float

    def save(self, path: Path) -> None:
        """Write as a numpy archive, whole or not at all."""
        partial = path.with_name(path.name + ".partial.npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(partial, version=VERSION, **asdict(self))
        replace_durably(partial, path)

    @classmethod
    def load(cls, path: Path) -> Applicability:
        """Read what :meth:`save` wrote; HybridmapError if it is something else."""
        stored = read_npz(path)
        if int(stored.pop("version", 0)) != VERSION or set(stored) != {f.name for f in fields(cls)}:
            raise HybridmapError(
                f"{path}: written by another version of hybridmap; run 'hybridmap applicability' again."
            )
        return cls(**{name: value if value.ndim else value.item() for name, value in stored.items()})

    def features(self, covariates: Tensor) -> Tensor:
        """Physical covariates (site, covariate) to scaled features (site, feature), float32."""
        values = covariates[:, torch.from_numpy(self.column)]
        code, scale = torch.from_numpy(self.code), torch.from_numpy(self.scale)
        numbers = (values - torch.from_numpy(self.mean)) * scale
        if not np.isfinite(self.code).any():
            return numbers
        return torch.where(code.isnan(), numbers, (values == code).float() * scale)

    def dissimilarity(self, covariates: Tensor) -> Tensor:
        """Dissimilarity index [1] of physical covariates (site, covariate), shape (site,)."""
        return nearest(self.features(covariates), torch.from_numpy(self.references)) / self.mean_distance

    def out_of_range(self, covariates: Tensor) -> Tensor:
        """Number of covariates (site, covariate) outside their range in training, shape (site,)."""
        return ((covariates < torch.from_numpy(self.lower)) | (covariates > torch.from_numpy(self.upper))).sum(1)

    def summary(self) -> dict[str, Any]:
        """For metadata: threshold, how it was found, and what the references lose."""
        return {
            "threshold": round(self.threshold, 6),
            "references": len(self.references),
            "training_sites": self.sites,
            "agreement_with_all_sites": round(self.agreement, 4),
            "mean_excess": round(self.excess, 4),
        }


def nearest(points: Tensor, references: Tensor) -> Tensor:
    """Euclidean distance of each point (point, feature) to the nearest reference (reference, feature)."""
    half = 0.5 * (references * references).sum(1)
    turned = references.T.contiguous()
    out = torch.empty(len(points), dtype=points.dtype)
    for start in range(0, len(points), BLOCK):
        some = points[start : start + BLOCK]
        closest = torch.addmm(half, some, turned, alpha=-1.0).amin(1)
        out[start : start + BLOCK] = 2.0 * closest + (some * some).sum(1)
    return out.clamp_(min=0.0).sqrt_()


def fit_applicability(
    covariates: Array,
    folds: NDArray[np.int64],
    names: Sequence[str],
    importance: Array,
    classes: Mapping[str, Sequence[float]] | None = None,
    references: int = 1000,
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
        Not negative; see :func:`covariate_importance`.
    classes : mapping of str to sequence of float, optional
        Codes of the covariates that are classes.
    references : int
        Sites to keep, as medoids; all where there are no more. Fewer are faster; the loss is measured.

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
    table = _Scaling.of(covariates.astype("float32"), names, weight, classes or {})
    x = covariates.astype("float32")
    everything = Applicability(
        names=np.array(list(names)),
        lower=x.min(0),
        upper=x.max(0),
        column=table.column,
        code=table.code,
        mean=table.mean,
        scale=table.scale,
        importance=weight,
        references=np.zeros((1, len(table.scale)), "float32"),
        mean_distance=1.0,
        threshold=0.0,
        sites=len(x),
        agreement=1.0,
        excess=0.0,
    )
    if not largest:
        return everything
    points = everything.features(torch.from_numpy(x))
    random = np.random.default_rng(0)
    some = points[torch.from_numpy(np.sort(random.permutation(len(points))[:PAIRS]))]
    mean_distance = float(torch.pdist(some.double()).mean())
    exact = _cross_validated(points, folds, np.arange(len(points))) / mean_distance
    found = replace(everything, references=points.numpy(), mean_distance=mean_distance, threshold=_whisker(exact))
    if len(points) <= references:
        return found
    kept = _medoids(points, references)
    thinned = _cross_validated(points, folds, kept) / mean_distance
    threshold = _whisker(thinned)
    return replace(
        found,
        references=points[torch.from_numpy(kept)].numpy(),
        threshold=threshold,
        agreement=float(((thinned <= threshold) == (exact <= found.threshold)).mean()),
        excess=float((thinned - exact).mean()),
    )


@dataclass(frozen=True)
class _Scaling:
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
            spread = float(x[:, i].astype("float64").std())
            rows.append((i, np.nan, float(x[:, i].astype("float64").mean()), float(weight[i]) / (spread or 1.0)))
        column, code, mean, scale = (np.array(v) for v in zip(*rows, strict=True))
        return cls(column.astype("int64"), *(v.astype("float32") for v in (code, mean, scale)))


def _cross_validated(points: Tensor, folds: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance of each site to the nearest of the kept sites of other folds."""
    out = np.full(len(points), np.nan)
    for fold in np.unique(folds):
        others = kept[folds[kept] != fold]
        here = torch.from_numpy(np.flatnonzero(folds == fold))
        if len(others):
            out[folds == fold] = nearest(points[here], points[torch.from_numpy(others)]).numpy()
    return out


def _whisker(index: NDArray[np.float64]) -> float:
    """Upper whisker of the boxplot: largest value within 1.5 interquartile ranges above the third quartile."""
    known = index[np.isfinite(index)]
    low, high = np.quantile(known, [0.25, 0.75])
    return float(known[known <= high + 1.5 * (high - low)].max())


def _medoids(points: Tensor, count: int) -> NDArray[np.int64]:
    """Sites nearest to the centres of `count` clusters."""
    from sklearn.cluster import MiniBatchKMeans

    clusters = MiniBatchKMeans(count, random_state=0, n_init=1, batch_size=4096, max_iter=30).fit(points.numpy())
    centres = torch.from_numpy(clusters.cluster_centers_.astype("float32"))
    found = [torch.cdist(some, points).argmin(1) for some in centres.split(256)]
    return np.unique(torch.cat(found).numpy())


def covariate_importance(
    model: TableModel, covariates: Tensor, forcing: Mapping[str, Tensor], outputs: Sequence[str]
) -> Array:
    """How much predictions move when one covariate is shuffled among sites.

    Root mean square change over the standard deviation, mean over `outputs`.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Trained.
    covariates : Tensor, shape (site, covariate)
        Physical units.
    forcing : mapping of str to Tensor, shape (site, ...)
        In the units of the model.
    outputs : sequence of str
        Outputs of the model.

    Returns
    -------
    array, shape (covariate,)
    """
    random = np.random.default_rng(0)
    rows = torch.from_numpy(np.sort(random.permutation(len(covariates))[:SITES]))
    x, driven = covariates[rows], {name: values[rows] for name, values in forcing.items()}
    turned = torch.from_numpy(random.permutation(len(x)))
    with torch.inference_mode():
        before = model(x, driven)
        spread = {name: before[name].double().std().clamp(min=1e-12) for name in outputs}
        moved = np.zeros(x.shape[1], "float32")
        for i in range(x.shape[1]):
            shuffled = x.clone()
            shuffled[:, i] = x[turned, i]
            after = model(shuffled, driven)
            changes = [((after[n] - before[n]).double().square().nanmean().sqrt() / spread[n]) for n in outputs]
            moved[i] = float(torch.stack(changes).mean())
    return moved
