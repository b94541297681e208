"""A trained model as a function of a table with one column for each input that can be moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.model import HybridModel, TableModel
from hybridmap.model.network import NetworkModel
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.options.position import POSITION
from hybridmap.process.clm5.interval import CELL

Array = NDArray[np.float64]

CARRIED = (*LAYER_INPUTS, *POSITION, CELL.name)
"""Forcing that says where a site is, not what it is like: it stays as it is at the site."""
PARAMETER = "parameter."
"""Prefix of the parameters among the outputs of a model."""


@dataclass(frozen=True)
class Input:
    """Something that can be moved.

    Attributes
    ----------
    name, unit : str
        Of the covariate, or of the forcing.
    kind : {"covariate", "class", "forcing"}
        A number that the encoder sees, classes without an order, or what enters the process model alone.
    columns : tuple of int
        Places in the table of covariates, then forcing; two where a covariate is a forcing too, as they move together.
    """

    name: str
    unit: str
    kind: str
    columns: tuple[int, ...]


class Response:
    """Neural parameters and targets of a model, or of an ensemble, from inputs.

    Parameters
    ----------
    model : TableModel
        Trained; with weights stacked along a member axis it is an ensemble.
    table : DataFrame
        Sites, as in the samples.
    inputs : sequence of Input
        Of :func:`inputs_of`; the columns of the function.
    """

    def __init__(self, model: TableModel, table: pd.DataFrame, inputs: Sequence[Input]) -> None:
        self.model, self.inputs = model, tuple(inputs)
        self.sites = site_values(model, table)
        self.outputs = outputs_of(model)

    @property
    def start(self) -> Array:
        """Where the inputs are at the sites, with the number of the site last, (site, input + 1)."""
        values = [self.sites[:, place.columns[0]] for place in self.inputs]
        return np.stack([*values, np.arange(len(self.sites), dtype=float)], axis=1)

    def moved(self, rows: Array) -> Array:
        """Covariates and forcing (row, covariate + forcing) where inputs are moved to `rows` (row, input + 1)."""
        values: Array = self.sites[rows[:, -1].astype(int)]
        for place, moved in enumerate(self.inputs):
            values[:, list(moved.columns)] = rows[:, place, None]
        return values

    def __call__(self, rows: Array) -> Array:
        """Outputs where inputs are moved.

        Parameters
        ----------
        rows : array, shape (row, input + 1)
            As :attr:`start`: what is not an input stays as it is at the site of the last column.

        Returns
        -------
        array, shape (row, member * output)
            In the units of the outputs; those of a member stand together.
        """
        tensor, count = torch.tensor(self.moved(rows), dtype=torch.float32), len(self.model.covariate_names)
        forcing = {name: tensor[:, count + k] for k, name in enumerate(self.model.forcing_names)}
        out = self.model.outputs_of(tensor[:, :count], forcing)
        stacked = torch.stack([out[name].double() for name in self.outputs], dim=-1).numpy()
        return np.asarray(stacked if stacked.ndim == 2 else stacked.transpose(1, 0, 2).reshape(len(rows), -1))


def outputs_of(model: TableModel) -> list[str]:
    """Neural parameters, then targets, by their names among the outputs of a model."""
    assert isinstance(model, HybridModel | NetworkModel)
    return [*(PARAMETER + name for name in model.neural_names), *model.target_names]


def site_values(model: TableModel, table: pd.DataFrame) -> Array:
    """Covariates and forcing of a model at sites, (site, covariate + forcing), in physical units."""
    covariates, forcing = model.tensors(table)
    columns = [covariates, *(forcing[name][:, None] for name in model.forcing_names)]
    return np.asarray(torch.cat(columns, dim=1).double().numpy())


def inputs_of(model: TableModel, table: pd.DataFrame) -> tuple[list[Input], list[str]]:
    """What can be moved, and notes on what cannot or moves together.

    Parameters
    ----------
    model : TableModel
        Trained.
    table : DataFrame
        Sites, as in the samples.

    Returns
    -------
    inputs : list of Input
        Covariates that vary between the sites, then forcing that is no covariate.
    notes : list of str
        A sentence on each that is the same at all sites, that stays, and that is covariate and forcing.
    """
    names = [*model.covariate_names, *model.forcing_names]
    values, count = site_values(model, table), len(model.covariate_names)
    classes = set() if model.inputs is None else set(model.inputs.class_columns)
    moved = range(count, len(names))
    inputs: list[Input] = []
    notes: list[str] = []
    joined: set[int] = set()
    for place, name in enumerate(names):
        if name in CARRIED:
            notes.append(f"'{name}' stays as it is at each site: what it does is not in the curves")
            continue
        if place in joined:
            continue
        kind = "forcing" if place >= count else "class" if place in classes else "covariate"
        if np.ptp(values[:, place]) == 0:
            notes.append(f"{kind} '{name}' is the same at all sites: nothing can be said of it")
            continue
        twins = [k for k in moved if k > place and np.allclose(values[:, k], values[:, place], rtol=1e-4)]
        notes += [f"covariate '{name}' is the forcing '{names[k]}' too: both move together" for k in twins]
        joined |= set(twins)
        inputs.append(Input(name, model.units.get(name, ""), kind, (place, *twins)))
    return inputs, notes
