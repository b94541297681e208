"""Which sites train, stop and test a fold: the one place that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError

MAP_FOLD = "all"
"""The fold that makes maps: no test sites, fold 0 of the first scheme stops the training."""


def fold_ids(schemes: dict[str, int]) -> list[str]:
    """Names of all folds, ``{scheme}-{k}`` for each scheme with its number of folds, and the map fold last."""
    return [f"{scheme}-{k}" for scheme, folds in schemes.items() for k in range(folds)] + [MAP_FOLD]


def parts_of(samples: pd.DataFrame, splits: pd.DataFrame, fold: str, first_scheme: str) -> pd.Series:
    """Return the part of each sample in one fold.

    Parameters
    ----------
    samples : DataFrame
        With `site_id`, and `x`, `y` where the scheme has a buffer.
    splits : DataFrame
        Columns `site_id`, `scheme`, `fold`, `buffer` [units of the grid's CRS], `nested`.
    fold : str
        ``{scheme}-{k}``: fold k tests, fold k+1 (cyclic) stops the training early, the rest trains (of a nested scheme,
        run k, see :func:`test_and_stop`); or ``all``.
    first_scheme : str
        Scheme whose fold 0 stops the training of the map model.

    Returns
    -------
    Series of {"train", "validation", "test", "buffer"}
        Indexed like `samples`; "buffer" is nearer to a test site than the scheme allows and takes no part.

    Raises
    ------
    HybridmapError
        If the scheme is not in `splits`, or a sample has no fold there.
    """
    scheme, _, number = fold.rpartition("-") if fold != MAP_FOLD else (first_scheme, "", "")
    chosen = splits[splits["scheme"] == scheme]
    if chosen.empty:
        raise HybridmapError(f"no split scheme '{scheme}' among {sorted(splits['scheme'].unique())}; run split again.")
    of_site = chosen.set_index("site_id")["fold"].reindex(samples["site_id"])
    if of_site.isna().any():
        site = samples["site_id"][of_site.isna().to_numpy()].iloc[0]
        raise HybridmapError(f"site '{site}' has no fold in scheme '{scheme}'; the splits are older than the samples.")
    values = of_site.to_numpy()
    if fold == MAP_FOLD:
        part = np.where(values == 0, "validation", "train")
        return pd.Series(part, index=samples.index, name="part")
    test, stop = test_and_stop(int(number), int(chosen["fold"].max()) + 1, bool(chosen["nested"].any()))
    part = np.select([values == test, values == stop], ["test", "validation"], "train")
    buffer = float(chosen["buffer"].max())
    if buffer > 0:
        near = _distances(samples, part != "test", part == "test") < buffer
        part[np.flatnonzero(part != "test")[near]] = "buffer"
    return pd.Series(part, index=samples.index, name="part")


def test_and_stop(number: int, folds: int, nested: bool) -> tuple[int, int]:
    """Fold that tests and fold that stops the training in run `number` of a scheme.

    A scheme has a run a fold, and the next fold (cyclic) stops; a nested one has a run for every pair.
    """
    if not nested:
        return number, (number + 1) % folds
    test, other = divmod(number, folds - 1)
    return test, (test + 1 + other) % folds


def _distances(samples: pd.DataFrame, of: NDArray[np.bool_], to: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of some sites to the nearest of others, in units of the grid's CRS."""
    from scipy.spatial import cKDTree

    place = samples[["x", "y"]].to_numpy(float)
    return np.asarray(cKDTree(place[to]).query(place[of])[0])
