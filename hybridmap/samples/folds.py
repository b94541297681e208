"""Which sites train, stop and test a fold: the one place that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError

MAP_FOLD = "all"
"""The fold that makes maps: no test sites, fold 0 of the first scheme stops the training."""


def fold_ids(schemes: dict[str, int]) -> list[str]:
    """Names of all folds, ``{scheme}-{k}`` for each scheme with its number of folds, and the map fold last.

    Examples
    --------
    >>> fold_ids({"block": 3})
    ['block-0', 'block-1', 'block-2', 'all']
    """
    return [f"{scheme}-{k}" for scheme, folds in schemes.items() for k in range(folds)] + [MAP_FOLD]


def roles_in_fold(samples: pd.DataFrame, splits: pd.DataFrame, fold: str, first_scheme: str) -> pd.Series:
    """Role of each sample in one fold.

    Parameters
    ----------
    samples : DataFrame
        With `site_id`, and `x`, `y` where the scheme has a buffer.
    splits : DataFrame
        Columns `site_id`, `scheme`, `fold`, `buffer` [units of the grid's CRS], `nested`.
    fold : str
        ``{scheme}-{k}``: fold k tests, fold k+1 (cyclic) stops the training early, the rest trains (of a nested scheme,
        run k, see :func:`held_out_folds`); or ``all``.
    first_scheme : str
        Scheme whose fold 0 stops the training of the map model.

    Returns
    -------
    Series of {"train", "validation", "test", "buffer"}
        Named "part" and indexed like `samples`; "buffer" is nearer to a test site than the scheme allows and takes no
        part.

    Raises
    ------
    HybridmapError
        If the scheme is not in `splits`, or a sample has no fold there.
    """
    scheme, _, number = fold.rpartition("-") if fold != MAP_FOLD else (first_scheme, "", "")
    rows = splits[splits["scheme"] == scheme]
    if rows.empty:
        raise HybridmapError(f"no split scheme '{scheme}' among {sorted(splits['scheme'].unique())}; run split again.")
    of_site = rows.set_index("site_id")["fold"].reindex(samples["site_id"])
    if of_site.isna().any():
        site = samples["site_id"][of_site.isna().to_numpy()].iloc[0]
        raise HybridmapError(f"site '{site}' has no fold in scheme '{scheme}'; the splits are older than the samples.")
    folds = of_site.to_numpy()
    if fold == MAP_FOLD:
        roles = np.where(folds == 0, "validation", "train")
        return pd.Series(roles, index=samples.index, name="part")
    testing, stopping = held_out_folds(int(number), int(rows["fold"].max()) + 1, bool(rows["nested"].any()))
    roles = np.select([folds == testing, folds == stopping], ["test", "validation"], "train")
    buffer = float(rows["buffer"].max())
    if buffer > 0:
        near = _distances(samples, roles != "test", roles == "test") < buffer
        roles[np.flatnonzero(roles != "test")[near]] = "buffer"
    return pd.Series(roles, index=samples.index, name="part")


def held_out_folds(run: int, folds: int, nested: bool) -> tuple[int, int]:
    """Fold that tests and fold that stops the training in one run of a scheme.

    A scheme has a run a fold, and the next fold (cyclic) stops; a nested one has a run for every pair.

    Parameters
    ----------
    run, folds : int
        Number of the run, from 0; number of folds.
    nested : bool
        Whether each test fold is trained with every other fold as the one that stops.

    Returns
    -------
    tuple of int
        Test fold and stopping fold.

    Examples
    --------
    >>> [held_out_folds(run, 3, nested=False) for run in range(3)]
    [(0, 1), (1, 2), (2, 0)]
    >>> [held_out_folds(run, 3, nested=True) for run in range(4)]
    [(0, 1), (0, 2), (1, 2), (1, 0)]
    """
    if not nested:
        return run, (run + 1) % folds
    testing, step = divmod(run, folds - 1)
    return testing, (testing + 1 + step) % folds


def _distances(samples: pd.DataFrame, of: NDArray[np.bool_], to: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of some sites to the nearest of others, in units of the grid's CRS."""
    from scipy.spatial import cKDTree

    xy = samples[["x", "y"]].to_numpy(float)
    return np.asarray(cKDTree(xy[to]).query(xy[of])[0])
