"""Columns of a table of predictions: every sample of a fold with its part, what was observed and what was predicted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hybridmap.quantities import QUANTITIES, Quantity

POOLED = "pooled"
"""Fold that stands for the test sites of all folds together."""
SITE_COLUMNS = ["site_id", "source", "lon", "lat", "bd_source"]
"""Columns of the samples that every table of predictions has."""

AVERAGED = ("predicted.", "mean.", "lower.", "upper.", "conformal_", "climatology.")
"""How columns begin that are averaged where several models of a nested scheme tested a site."""


def fold_columns(
    samples: pd.DataFrame,
    fold: str,
    parts: pd.Series,
    predicted: Mapping[str, ArrayLike],
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> dict[str, object]:
    """Columns of one fold beside those of the sites.

    Parameters
    ----------
    samples : DataFrame
        Table of the sample stage.
    fold : str
        ``{scheme}-{k}``.
    parts : Series
        Part of each sample in the fold.
    predicted : mapping of str to array, shape (site,)
        Target → prediction in its unit.
    quantities : mapping of str to Quantity
        What the region measures, by name.

    Returns
    -------
    dict of str to column
        ``scheme``, ``fold``, ``part``, and per target ``observed.T``, ``predicted.T`` and ``mean.T``, the mean of the
        observations in the training part.
    """
    scheme, _, number = fold.rpartition("-")
    columns: dict[str, object] = {"scheme": scheme, "fold": int(number), "part": parts}
    for target, values in predicted.items():
        observed = samples[quantities[target].column]
        columns[f"observed.{target}"] = observed.astype("float32")
        columns[f"predicted.{target}"] = values
        columns[f"mean.{target}"] = np.float32(observed[parts == "train"].mean())
    return columns


def output_values(predictions: pd.DataFrame, output: str) -> pd.Series:
    """An output of the process model in a table of predictions, whether it is a target there or not."""
    return predictions[output if output in predictions else f"predicted.{output}"]


def blocks_of(predictions: pd.DataFrame, splits: pd.DataFrame) -> pd.Series:
    """Block of every row, or the group of the site in a scheme without blocks."""
    sites = splits.set_index(["scheme", "site_id"])[["block", "group_id"]]
    rows = sites.loc[pd.MultiIndex.from_frame(predictions[["scheme", "site_id"]])]
    blocks = rows["block"].where(rows["block"] != "", rows["group_id"].astype(str))
    return pd.Series(blocks.to_numpy(), index=predictions.index)


def one_row_a_site(test: pd.DataFrame) -> pd.DataFrame:
    """Where several models of a nested scheme tested a site, the mean of their predictions."""
    if not test["site_id"].duplicated().any():
        return test
    mean = [c for c in test if str(c).startswith(AVERAGED)]
    rest = [c for c in test if c not in mean and c != "site_id"]
    return test.groupby("site_id", as_index=False).agg({**dict.fromkeys(rest, "first"), **dict.fromkeys(mean, "mean")})
