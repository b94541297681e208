"""Predictions for a table of any kind: rows that lack a layer have none, and what is unlike training is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.model.table_model import TableModel
from hybridmap.model.tables import read_table
from hybridmap.model.training_range import TableWarning, range_doubts

Outputs = Callable[[Tensor, dict[str, Tensor]], Mapping[str, Tensor]]
"""From covariates (site, covariate) and forcing (site,) to results (site, ...)."""


def predict_table(model: TableModel, table: Any, outputs_of: Outputs, beside: Sequence[str] = ()) -> Any:
    """Predict for every row of a table that has all layers; the others have NaN.

    Parameters
    ----------
    model : TableModel
        What its layers are.
    table : mapping, DataFrame, Series or Dataset
        As for :func:`hybridmap.model.tables.read_table`.
    outputs_of : callable
        What predicts.
    beside : sequence of str
        Forcing that `outputs_of` takes and the model does not.

    Returns
    -------
    dict, DataFrame, Series or Dataset
        Of the kind of the table, with its index or coordinates.

    Warns
    -----
    TableWarning
        If values lie outside the range of training, or look as if in another unit.

    Raises
    ------
    HybridmapError
        As :func:`~hybridmap.model.tables.read_table`, or if no row has all layers.
    """
    layers = [
        *(("covariate", n) for n in model.covariate_names),
        *(("forcing", n) for n in (*model.forcing_names, *beside)),
    ]
    rows = read_table(table, layers)
    is_known = np.isfinite(np.stack(list(rows.columns.values()))).all(axis=0)
    if not is_known.any():
        raise HybridmapError(f"no row of the table has a number for each of {sorted(name for _, name in layers)}.")
    complete = {layer: values[is_known] for layer, values in rows.columns.items()}
    doubts = range_doubts({name: values for (_, name), values in complete.items()}, model.ranges, model.units)
    if doubts:
        warnings.warn("; ".join(doubts) + ".", TableWarning, stacklevel=3)
    covariates = [torch.tensor(complete[layer]) for layer in layers if layer[0] == "covariate"]
    forcing = {name: torch.tensor(values) for (kind, name), values in complete.items() if kind == "forcing"}
    count = int(is_known.sum())
    stacked = torch.stack(covariates, dim=1) if covariates else torch.empty(count, 0)
    results: dict[str, NDArray[np.float32]] = {}
    for name, values in outputs_of(stacked, forcing).items():
        results |= _columns(name, values.numpy(), np.asarray(is_known))
    return rows.restore(results)


def _columns(name: str, values: NDArray[Any], is_known: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """A result at all rows; one of several depths as a column a depth, from 0."""
    if values.ndim > 1:
        parts = values.reshape(len(values), -1).T
        return {k: v for n, part in enumerate(parts) for k, v in _columns(f"{name}.{n}", part, is_known).items()}
    full = np.full(is_known.shape, np.nan, "float32")
    full[is_known] = values
    return {name: full}
