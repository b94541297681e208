"""Which sites train, stop and test a fold: the one place that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd

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
        With `site_id`.
    splits : DataFrame
        Columns `site_id`, `scheme`, `fold`.
    fold : str
        ``{scheme}-{k}``: fold k tests, fold k+1 (cyclic) stops the training early, the rest trains; or ``all``.
    first_scheme : str
        Scheme whose fold 0 stops the training of the map model.

    Returns
    -------
    Series of {"train", "validation", "test"}
        Indexed like `samples`.

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
    folds = int(chosen["fold"].max()) + 1
    values = of_site.to_numpy()
    if fold == MAP_FOLD:
        part = np.where(values == 0, "validation", "train")
    else:
        k = int(number)
        part = np.select([values == k, values == (k + 1) % folds], ["test", "validation"], "train")
    return pd.Series(part, index=samples.index, name="part")
