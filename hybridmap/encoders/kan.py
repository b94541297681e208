"""Kolmogorov-Arnold network: every edge from an input to an output is a learned curve that can be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import get_args

import torch
from torch import Tensor, nn

from hybridmap.encoders.edge_scores import edge_scores, roughness, scores_below, sparsity
from hybridmap.encoders.interface import Curves, Encoder
from hybridmap.encoders.kan_layer import KANLayer
from hybridmap.encoders.spline import POLYNOMIALS
from hybridmap.options.encoder import Base, Degree, Reach, Widths
from hybridmap.options.limits import Count

SAMPLE = 256
"""Points of the training inputs that stay with the weights, for importances and edge plots."""


class KAN(Encoder):
    """Kolmogorov-Arnold network: layers of splines, summed over the inputs (Liu et al. 2024, arXiv 2404.19756).

    With no hidden layer the encoder is additive: each parameter is a sum of curves, one a covariate (ScIReN,
    arXiv 2506.14054). Outside its grid a curve goes on as a straight line; :meth:`outside` says where that happens.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    hidden : sequence of int
        Nodes of hidden layers; with none, every parameter is a sum of curves.
    intervals : int
        Grid cells of every curve.
    degree : {1, 2, 3}
        Degree of the splines.
    margin : float
        How far the grid reaches beyond the range of the training inputs on both sides, in ranges.
    base : {"identity", "zero", "silu"}
        Function added to every curve, with a weight of its own.
    affine : bool
        Give every curve a trained factor as well; offsets add up to the bias that every output has anyway.

    Examples
    --------
    >>> kan = KAN(2, 1)
    >>> kan.refresh_grid(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
    >>> kan.outside(torch.tensor([[0.5, 0.5], [9.0, 0.5]])).tolist()  # grids reach from -2 to 3 and from -4 to 6
    [0, 1]
    """

    name = "kan"
    regularisers = ("entropy", "l1", "smoothness")

    def __init__(  # noqa: PLR0913 - the options of a configuration
        self,
        n_inputs: int,
        n_outputs: int,
        hidden: Widths = (),
        intervals: Count = 30,
        degree: Degree = 3,
        margin: Reach = 2.0,
        base: Base = "identity",
        affine: bool = False,
    ) -> None:
        super().__init__()
        if base not in get_args(Base):
            raise ValueError(f"no base '{base}'; there are {list(get_args(Base))}.")
        if degree not in POLYNOMIALS:
            raise ValueError(f"degree {degree} must be one of {sorted(POLYNOMIALS)}.")
        if intervals < 1 or margin < 0:
            raise ValueError(f"intervals {intervals} must be at least 1 and margin {margin} at least 0.")
        widths = [n_inputs, *hidden, n_outputs]
        self.layers = nn.ModuleList(
            KANLayer(a, b, intervals, degree, margin, base, affine) for a, b in pairwise(widths)
        )
        self.register_buffer("sample", torch.zeros(SAMPLE, n_inputs))
        self.sample: Tensor
        self._inputs: Tensor | None = None

    def _layers(self) -> Iterator[KANLayer]:
        for layer in self.layers:
            assert isinstance(layer, KANLayer)
            yield layer

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        self._inputs = covariates.detach()
        out = covariates
        for layer in self.layers:
            out = layer(out)
        return out

    @torch.no_grad()
    def refresh_grid(self, covariates: Tensor, resample: bool = True) -> None:
        """Fit every layer's grid to the range of its inputs, with the same curves.

        Parameters
        ----------
        covariates : Tensor, shape (..., site, n_inputs)
            Standardised covariates of the training part.
        resample : bool
            Keep a sample of them, for importances and edge plots.
        """
        if resample:
            rows = torch.linspace(0, covariates.shape[-2] - 1, SAMPLE).round().long()
            self.sample.copy_(covariates[..., rows, :])
        self._inputs = covariates
        out = covariates
        for layer in self._layers():
            layer.refresh_grid(out)
            out = layer(out)

    @property
    def has_range(self) -> bool:
        """Grids have a range."""
        return True

    @property
    def has_deep_grids(self) -> bool:
        """Grids of hidden layers follow what training makes of their inputs."""
        return len(self.layers) > 1

    def fit_range(self, covariates: Tensor) -> None:
        """Fit the grids to the features (..., site, n_inputs) of the training part, and keep a sample of them."""
        self.refresh_grid(covariates)

    def refresh(self, covariates: Tensor) -> None:
        """Fit the grids of hidden layers to what they see of the features (..., site, n_inputs) now."""
        self.refresh_grid(covariates, resample=False)

    def outside(self, covariates: Tensor) -> Tensor:
        """Number of standardised covariates (..., site, n_inputs) outside their grid, shape (..., site)."""
        return next(self._layers()).outside(covariates).sum(-1)

    def edges(self, covariates: Tensor) -> list[Tensor]:
        """Values of every edge, one tensor (..., site, input, output) a layer."""
        values, out = [], covariates
        for layer in self._layers():
            values.append(layer.edges(out))
            out = layer(out)
        return values

    def edge(self, i: int, j: int, values: Tensor | None = None, layer: int = 0) -> tuple[Tensor, Tensor]:
        """Curve of the edge from input `i` to output `j` of a layer.

        Parameters
        ----------
        i, j : int
            Numbers of the input and of the output.
        values : Tensor, shape (n,), optional
            Where; by default 101 points over the range of the training inputs.
        layer : int
            Number of the layer, from 0.

        Returns
        -------
        x, y : Tensor, shape (n,)
            Points and values of the curve.
        """
        edges = list(self._layers())[layer]
        if values is None:
            low, high = edges.data_range()
            values = torch.linspace(float(low[i]), float(high[i]), 101)
        x = values.new_zeros(len(values), edges.n_inputs)
        x[:, i] = values
        with torch.no_grad():
            return values, edges.edges(x)[:, i, j]

    def curves(self) -> Curves | None:
        """Curves of a KAN without hidden layers."""
        return None if self.has_deep_grids else Curves(self.importance(), self.edge)

    def scores(self, covariates: Tensor) -> list[Tensor]:
        """Edge scores of every layer, (..., input, output); see :func:`hybridmap.encoders.edge_scores.edge_scores`."""
        return edge_scores(self.edges(covariates))

    @torch.no_grad()
    def importance(self, covariates: Tensor | None = None) -> Tensor:
        """Share of every input in every output, shape (..., n_inputs, n_outputs); columns sum to 1.

        Parameters
        ----------
        covariates : Tensor, shape (..., site, n_inputs), optional
            Standardised; by default those of the last call, else the sample kept with the weights.
        """
        edges = self.edges(self._points(covariates))
        shares = []
        for j in range(edges[-1].shape[-1]):
            above = torch.zeros_like(edges[-1][..., 0, 0, :])
            above[..., j] = 1.0
            shares.append(scores_below(edges, above)[0].sum(-1))
        table = torch.stack(shares, -1)
        return table / table.sum(-2, keepdim=True).clamp(min=1e-30)

    def penalties(self, covariates: Tensor | None = None) -> dict[str, Tensor]:
        """Regularisers, each of shape () or (member,), with gradients.

        ``entropy``: sum over layers of the entropy of normalised edge scores; ``l1``: sum of the scores;
        ``smoothness``: sum over edges and coefficients of squared second differences of spline coefficients.

        Parameters
        ----------
        covariates : Tensor, shape (..., site, n_inputs), optional
            As for :meth:`importance`.
        """
        entropy, l1 = sparsity(self.scores(self._points(covariates)))
        return {"entropy": entropy, "l1": l1, "smoothness": self.smoothness()}

    def sparsity(self, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Entropy and sum of the edge scores at the inputs of the last call, of which `valid` (..., site) count."""
        assert self._inputs is not None
        return sparsity(edge_scores(self.edges(self._inputs), valid))

    def regulariser(self, name: str, valid: Tensor | None = None) -> Tensor:
        """One of the penalties of :meth:`penalties` at the last call, of which the sites `valid` (..., site) count."""
        if name == "smoothness":
            return self.smoothness()
        if name in self.regularisers:
            return self.sparsity(valid)[self.regularisers.index(name)]
        return super().regulariser(name, valid)

    def smoothness(self) -> Tensor:
        """Sum over edges and coefficients of squared second differences of spline coefficients."""
        return torch.stack([roughness(layer.effective()) for layer in self._layers()]).sum(0)

    @torch.no_grad()
    def prune(self, share: float, covariates: Tensor | None = None) -> int:
        """Remove for good the edges with less than `share` of their layer's scores; returns how many are left."""
        left = 0
        for layer, score in zip(self._layers(), self.scores(self._points(covariates)), strict=True):
            layer.alive &= score >= share * score.sum((-2, -1), keepdim=True)
            layer.note_pruned()
            left += int(layer.alive.sum())
        return left

    def _points(self, covariates: Tensor | None) -> Tensor:
        """`covariates`, else the inputs of the last call, else the sample of the training inputs."""
        if covariates is not None:
            return covariates
        if self._inputs is not None and self._inputs.ndim == self.sample.ndim:
            return self._inputs
        if not bool(self.sample.any()):
            raise ValueError("this KAN has seen no inputs; give covariates, or train it first.")
        return self.sample
