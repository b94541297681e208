"""Samples as tensors, and whether their forcing is in the units of the process model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.options.position import POSITION
from hybridmap.process import Variable
from hybridmap.quantities import Quantity
from hybridmap.train import SiteData

COVARIATE, FORCING = "covariate.", "forcing."
"""Prefixes of the columns of the samples."""
STEPS = (1e3, 1e-3)
"""Factors between units that are taken for each other, such as kg and g."""


def names_in(samples: pd.DataFrame, prefix: str) -> list[str]:
    """Names behind a column prefix (`COVARIATE` or `FORCING`), in the order of the table."""
    return [c.removeprefix(prefix) for c in samples.columns if c.startswith(prefix)]


def site_data(
    samples: pd.DataFrame, targets: Iterable[Quantity], device: str = "cpu", *, has_columns: bool = False
) -> SiteData:
    """Put samples on a device.

    Parameters
    ----------
    samples : DataFrame
        Of the sample stage, one row a site.
    targets : iterable of Quantity
        What is compared.
    device : str
        As torch names it.
    has_columns : bool
        Whether the model computes columns of soil, of which samples are layers.

    Returns
    -------
    SiteData
        Covariates (site, covariate), forcing (with the position [degrees]) and targets (site,), all float32.

    Raises
    ------
    HybridmapError
        If a target's column is not in the table.
    """

    def tensor(column: str) -> torch.Tensor:
        _check_column(samples, column)
        return torch.tensor(samples[column].to_numpy("float32"), device=device)

    covariates = samples[[c for c in samples.columns if c.startswith(COVARIATE)]].to_numpy("float32")
    return SiteData(
        torch.tensor(covariates, device=device),
        {
            **{name: tensor(FORCING + name) for name in names_in(samples, FORCING)},
            **{name: tensor(name) for name in POSITION if name in samples},
        },
        {quantity.name: tensor(quantity.column) for quantity in targets},
        torch.tensor(column_numbers(samples), device=device) if has_columns else None,
    )


def _check_column(samples: pd.DataFrame, column: str) -> None:
    if column not in samples:
        raise HybridmapError(f"samples have no column '{column}'; run build and sample again.")


def is_observed(samples: pd.DataFrame, targets: Iterable[Quantity]) -> NDArray[np.bool_]:
    """Whether each sample has an observation of a target.

    Parameters
    ----------
    samples : DataFrame
        Of the sample stage.
    targets : iterable of Quantity
        What counts.

    Returns
    -------
    array of bool, shape (row,)

    Raises
    ------
    HybridmapError
        If a target's column is not in the table.
    """
    columns = [quantity.column for quantity in targets]
    for column in columns:
        _check_column(samples, column)
    return np.asarray(samples[columns].notna().any(axis=1))


def column_numbers(samples: pd.DataFrame) -> NDArray[np.int64]:
    """Number the columns of soil: samples of one have equal covariates and forcing, but for the ends of their layers.

    Parameters
    ----------
    samples : DataFrame
        Of the sample stage, one row a layer.

    Returns
    -------
    array of int, shape (row,)
        In order of their first rows.

    Examples
    --------
    >>> layers = {"forcing.mat": [7.0, 3.0, 7.0], "forcing.layer_top": [0.0, 0.0, 0.1]}
    >>> column_numbers(pd.DataFrame(layers)).tolist()
    [0, 1, 0]
    """
    ends = [FORCING + name for name in LAYER_INPUTS]
    names = [c for c in samples.columns if c.startswith((COVARIATE, FORCING)) and c not in ends]
    numbers = samples.groupby(names, sort=False, dropna=False).ngroup() if names else pd.Series(0, samples.index)
    return np.asarray(numbers, dtype="int64")


def check_forcing(model: Model, samples: pd.DataFrame) -> None:
    """Raise HybridmapError where forcing lies outside what its unit allows (Kelvin for degC, kg for g)."""
    if model.process is None:
        return
    for variable in model.process.forcing:
        column = FORCING + variable.name
        if variable.valid_range is None or column not in samples:
            continue
        low, high = variable.valid_range
        outside = samples[(samples[column] < low) | (samples[column] > high)]
        if len(outside):
            site, value = outside["site_id"].iloc[0], outside[column].iloc[0]
            raise HybridmapError(
                f"forcing '{variable.name}' is {value:g} at site '{site}' ({len(outside)} sites in all), expected"
                f" {low:g} to {high:g} {variable.unit}; set scale and offset of the layer."
            )
    for variable in model.process.forcing:
        if FORCING + variable.name in samples:
            _check_median(variable, float(samples[FORCING + variable.name].median()))


def _check_median(variable: Variable, median: float) -> None:
    """Raise HybridmapError where the median of the sites shows a unit that differs by thousands."""
    if variable.typical_median is None:
        return
    low, high = variable.typical_median
    if median < low or median > high:
        factor = next((f" {step:g}" for step in STEPS if low <= median * step <= high), "")
        raise HybridmapError(
            f"forcing '{variable.name}' has a median of {median:g}, expected {low:g} to {high:g} {variable.unit};"
            f" if its layer is in another unit, set its scale:{factor}."
        )
