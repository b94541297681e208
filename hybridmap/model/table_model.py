"""What every trained model can do: predict for a table of covariates and forcing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hybridmap.encoders import MixedInputs, Standardise
from hybridmap.encoders.interface import as_encoder
from hybridmap.errors import HybridmapError
from hybridmap.model.spread_head import SpreadHead
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.quantities import QUANTITIES, Quantity

OUTSIDE = "outside_grid"
"""Output of models whose encoder has a range: number of covariates outside it."""


class Run(NamedTuple):
    """One pass through a model, for the loss and its penalties.

    Attributes
    ----------
    outputs : dict of str to Tensor, shape (..., site)
        As :meth:`HybridModel.forward`.
    raw, position : Tensor, shape (..., site, neural parameter)
        Before the constraint, and between the bounds after it; empty for a pure network.
    """

    outputs: dict[str, Tensor]
    raw: Tensor
    position: Tensor


def columns_of(covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Columns of soil of layers: sites of one have equal covariates and forcing, bit by bit, but for their ends.

    Parameters
    ----------
    covariates : Tensor, shape (site, covariate)
        Of the sites.
    forcing : mapping of str to Tensor, shape (site,)
        Of the sites, with the ends of their layers.

    Returns
    -------
    first : Tensor of int64, shape (column,)
        The first site of each column, in order.
    column_of : Tensor of int64, shape (site,)
        Place of the column of every site.

    Examples
    --------
    >>> first, column_of = columns_of(torch.tensor([[7.0], [3.0], [7.0]]), {"layer_top": torch.tensor([0.0, 0.0, 0.1])})
    >>> first.tolist(), column_of.tolist()
    ([0, 1], [0, 1, 0])
    """
    shared = [values[:, None] for name, values in forcing.items() if name not in LAYER_INPUTS]
    table = torch.cat([covariates, *shared], dim=1).cpu().contiguous().numpy()
    rows = table.view(np.dtype((np.void, table.itemsize * table.shape[1])))[:, 0]
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    column_of = np.argsort(order)[inverse]
    return torch.from_numpy(first[order]).to(covariates.device), torch.from_numpy(column_of).to(covariates.device)


class TableModel(nn.Module, ABC):
    """What every trained model can do: predict for a table of covariates and forcing."""

    covariate_names: tuple[str, ...]
    forcing_names: tuple[str, ...]
    units: Mapping[str, str] = {}
    """Unit of each layer that the model was trained with, where it is known."""
    ranges: Mapping[str, tuple[float, float]] = {}
    """Lowest and highest value of each layer in training, in its unit, where they are known."""
    quantities: Mapping[str, Quantity] = MappingProxyType(QUANTITIES)
    """What its outputs may be compared with, by name."""
    standardise: Standardise
    heads: SpreadHead
    inputs: MixedInputs | None
    encoder: nn.Module
    has_columns: bool = False
    """Whether sites are layers of columns, each of which :meth:`run` can compute once."""

    def features(self, covariates: Tensor) -> Tensor:
        """What the encoder sees: standardised numbers, embedded classes, positional features; (..., site, feature)."""
        standard: Tensor = self.standardise(covariates)
        mixed: Tensor = standard if self.inputs is None else self.inputs(standard)
        return mixed

    def encoder_inputs(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """What :meth:`features` is made of, in physical units, (..., site, input): the covariates."""
        return covariates

    def fit_inputs(self, covariates: Tensor) -> None:
        """Take the statistics of the training part: encoder inputs (site, input) in physical units."""
        self.standardise.fit(covariates, () if self.inputs is None else self.inputs.raw)
        with torch.no_grad():
            as_encoder(self.encoder).fit_range(self.features(covariates))

    def fit_outputs(self, targets: Mapping[str, Tensor]) -> None:
        """Take the scale of the outputs from the observations (site,) of the training part, where a model has one."""
        return

    def process_parameters(self) -> list[nn.Parameter]:
        """What is learned beside the encoder and its inputs: global parameters and constants of the constraint."""
        return []

    @abstractmethod
    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature) and what it makes of it (..., site, output)."""

    @abstractmethod
    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From what the encoder makes of a site to everything behind it."""

    def forward(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            In physical units, columns as in `covariate_names`; with a member axis first for stacked weights.
        forcing : mapping of str to Tensor, shape (site, ...)
            In the units of the process model.

        Returns
        -------
        dict of str to Tensor, shape (site, ...)
            Process outputs and ``parameter.NAME`` for every neural and shared parameter, or the targets of a pure
            network, positive by softplus and scaled by the training mean; with an encoder that has a range, such as a
            KAN, the number of covariates outside it.
        """
        return self.run(covariates, forcing).outputs

    def run(self, covariates: Tensor, forcing: Mapping[str, Tensor], column_of: Tensor | None = None) -> Run:
        """As :meth:`forward`, with what lies between encoder and process model.

        Parameters
        ----------
        covariates, forcing
            As for :meth:`forward`.
        column_of : Tensor of int64, shape (..., site), optional
            Of a model of columns: whose layer each site is. Then covariates and forcing are those of the columns, but
            for the ends of the layers, and each column is computed once.

        Returns
        -------
        Run
            Of the sites.
        """
        if column_of is not None:
            return self.run_columns(covariates, forcing, column_of)
        features, encoded = self.encode(covariates, forcing)
        run = self.decode(encoded, forcing)
        run.outputs.update(self.extrapolation(features))
        return run

    def run_columns(self, covariates: Tensor, forcing: Mapping[str, Tensor], column_of: Tensor) -> Run:
        """As :meth:`run` with `column_of`, of models of columns.

        Parameters
        ----------
        covariates, forcing, column_of
            As for :meth:`run`.

        Returns
        -------
        Run
            Of the layers.
        """
        raise NotImplementedError(f"{type(self).__name__} has no columns.")

    def extrapolation(self, features: Tensor) -> dict[str, Tensor]:
        """How many features (..., site, feature) lie outside the encoder's range, if it has one; not in training."""
        outside = None if self.training else as_encoder(self.encoder).outside(features)
        return {} if outside is None else {OUTSIDE: outside.to(features)}

    @abstractmethod
    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every key that :meth:`forward` returns."""

    def _range_info(self) -> dict[str, tuple[str, str]]:
        if not as_encoder(self.encoder).has_range:
            return {}
        return {OUTSIDE: ("1", "number of covariates outside the range that the curves were fitted on")}

    def predict(self, table: Any) -> Any:
        """Predict for every row of a table.

        Parameters
        ----------
        table : mapping, DataFrame, Series or Dataset
            Columns are found as ``covariate.NAME`` and ``forcing.NAME``, as in ``samples.parquet``, or by the plain
            name; physical units. A Series and a dict of numbers are one row. It is not changed.

        Returns
        -------
        dict of array, DataFrame, Series or Dataset
            Of the kind of the table, with its index or coordinates, float32; what :meth:`forward` returns, units by
            :meth:`output_info`. A row that lacks a layer has NaN.

        Warns
        -----
        TableWarning
            If values lie outside the range of training, or look as if in another unit.

        Raises
        ------
        HybridmapError
            If a column is missing or has two names.
        """
        from hybridmap.model.table_prediction import predict_table

        if self.standardise.mean.ndim > 1:
            raise HybridmapError("these are all members of an ensemble at once; ask the ensemble itself to predict.")
        return predict_table(self, table, self.outputs_of)

    def sample_outputs(self, table: Any) -> dict[str, NDArray[np.float32]]:
        """Outputs at samples, each (site,), float32; of two columns the one with the prefix, no warning."""
        out = self.outputs_of(*self.tensors(table))
        return {name: values.numpy() for name, values in out.items()}

    def outputs_of(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As :meth:`forward` without gradients; where sites are layers of columns, each column is computed once.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            Physical units; of stacked weights too, whose members all see the same sites.
        forcing : mapping of str to Tensor, shape (site,)
            Units of the process model.

        Returns
        -------
        dict of str to Tensor, shape (site, ...) or (member, site, ...)
        """
        members = self.standardise.mean.shape[:-1]
        column_of = None
        if self.has_columns:
            first, column_of = columns_of(covariates, forcing)
            covariates = covariates[first]
            forcing = {name: v if name in LAYER_INPUTS else v[first] for name, v in forcing.items()}
            column_of = column_of.expand(*members, *column_of.shape)
        repeated = {name: v.expand(*members, *v.shape) for name, v in forcing.items()}
        with torch.no_grad():
            return self.run(covariates.expand(*members, *covariates.shape), repeated, column_of).outputs

    def tensors(self, table: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Covariates (site, covariate) and forcing of a table, as :meth:`predict` finds them."""

        def column(kind: str, name: str) -> Tensor:
            for key in (f"{kind}.{name}", name):
                if key in table:
                    return torch.tensor(np.asarray(table[key], dtype="float32"))
            raise HybridmapError(f"the table has no {kind} '{name}', which the model was trained with; add the column.")

        covariates = torch.stack([column("covariate", name) for name in self.covariate_names], dim=1)
        return covariates, {name: column("forcing", name) for name in self.forcing_names}
