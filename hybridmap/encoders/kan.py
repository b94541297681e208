"""Kolmogorov-Arnold network: every edge from an input to an output is a learned curve that can be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hybridmap.encoders.spline import POLYNOMIALS, basis_rows, local_basis, spline_sum

BASES = ("identity", "zero", "silu")
SAMPLE = 256
"""Points of the training inputs kept with the weights, for importances and edge plots."""


class KAN(nn.Module):
    """Layers of splines on uniform grids, summed over the inputs (Liu et al. 2024, arXiv 2404.19756).

    With no hidden layer the encoder is additive: each parameter is a sum of curves, one a covariate (ScIReN,
    arXiv 2506.14054). Outside its grid a curve goes on as a straight line; :meth:`outside` says where that happens.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    hidden : sequence of int
        Widths of hidden layers.
    intervals, degree : int
        Grid cells of every edge, and degree of its splines (1 to 3).
    margin : float
        How far the grid reaches beyond the range of the training inputs on both sides, in ranges.
    base : {"identity", "zero", "silu"}
        Function added to the spline of an edge, with a weight of its own.
    affine : bool
        Give every edge a trained factor as well; offsets add up to the bias that every output has anyway.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden: Sequence[int] = (),
        intervals: int = 30,
        degree: int = 3,
        margin: float = 2.0,
        base: str = "identity",
        affine: bool = False,
    ) -> None:
        super().__init__()
        if base not in BASES:
            raise ValueError(f"no base '{base}'; there are {list(BASES)}.")
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
        self._seen: Tensor | None = None

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        self._seen = covariates.detach()
        out = covariates
        for layer in self.layers:
            out = layer(out)
        return out

    @torch.no_grad()
    def refresh_grid(self, covariates: Tensor, resample: bool = True) -> None:
        """Fit every layer's grid to the range of its inputs here, keeping the curves.

        Parameters
        ----------
        covariates : Tensor, shape (..., site, n_inputs)
            Standardised covariates of the training part.
        resample : bool
            Keep a sample of them, for importances and edge plots.
        """
        if resample:
            chosen = torch.linspace(0, covariates.shape[-2] - 1, SAMPLE).round().long()
            self.sample.copy_(covariates[..., chosen, :])
        self._seen = covariates
        out = covariates
        for layer in self.layers:
            assert isinstance(layer, KANLayer)
            layer.refresh_grid(out)
            out = layer(out)

    def outside(self, covariates: Tensor) -> Tensor:
        """Number of standardised covariates (..., site, n_inputs) outside their grid, shape (..., site)."""
        first = self.layers[0]
        assert isinstance(first, KANLayer)
        return first.outside(covariates).sum(-1)

    def edges(self, covariates: Tensor) -> list[Tensor]:
        """Values of every edge, one tensor (..., site, input, output) a layer."""
        values, out = [], covariates
        for layer in self.layers:
            assert isinstance(layer, KANLayer)
            values.append(layer.edges(out))
            out = layer(out)
        return values

    def edge(self, i: int, j: int, values: Tensor | None = None, layer: int = 0) -> tuple[Tensor, Tensor]:
        """Curve of the edge from input `i` to output `j` of a layer.

        Parameters
        ----------
        values : Tensor, shape (n,), optional
            Where; by default 101 points over the range of the training inputs.

        Returns
        -------
        x, y : Tensor, shape (n,)
        """
        chosen = self.layers[layer]
        assert isinstance(chosen, KANLayer)
        if values is None:
            low, high = chosen.data_range()
            values = torch.linspace(float(low[i]), float(high[i]), 101)
        x = values.new_zeros(len(values), chosen.n_inputs)
        x[:, i] = values
        with torch.no_grad():
            return values, chosen.edges(x)[:, i, j]

    def scores(self, covariates: Tensor) -> list[Tensor]:
        """Edge scores of every layer, (..., input, output): mean absolute deviations, handed down from the outputs.

        B = A E / N with E of an edge, N of a node's sum, A the variance of an output, then the sum of B over the
        outputs of the layer above; 0 where N is 0.
        """
        return edge_scores(self.edges(covariates))

    @torch.no_grad()
    def importance(self, covariates: Tensor | None = None) -> Tensor:
        """Share of every input in every output, shape (..., n_inputs, n_outputs); columns sum to 1.

        Parameters
        ----------
        covariates : Tensor, shape (..., site, n_inputs), optional
            Standardised; by default those of the last call, else the sample kept with the weights.
        """
        edges = self.edges(self._inputs(covariates))
        shares = []
        for j in range(edges[-1].shape[-1]):
            above = torch.zeros_like(edges[-1][..., 0, 0, :])
            above[..., j] = 1.0
            shares.append(_handed_down(edges, above)[0].sum(-1))
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
        entropy, l1 = sparsity(self.scores(self._inputs(covariates)))
        return {"entropy": entropy, "l1": l1, "smoothness": self.smoothness()}

    def sparsity(self, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Entropy and sum of the edge scores at the inputs of the last call, of which `valid` (..., site) count."""
        assert self._seen is not None
        return sparsity(edge_scores(self.edges(self._seen), valid))

    def smoothness(self) -> Tensor:
        """Sum over edges and coefficients of squared second differences of spline coefficients."""
        coefficients = [layer.effective() for layer in self.layers if isinstance(layer, KANLayer)]
        return torch.stack([roughness(c) for c in coefficients]).sum(0)

    @torch.no_grad()
    def prune(self, share: float, covariates: Tensor | None = None) -> int:
        """Remove for good the edges with less than `share` of their layer's scores; returns how many are left."""
        left = 0
        for layer, score in zip(self.layers, self.scores(self._inputs(covariates)), strict=True):
            assert isinstance(layer, KANLayer)
            layer.alive &= score >= share * score.sum((-2, -1), keepdim=True)
            layer.note_pruned()
            left += int(layer.alive.sum())
        return left

    def _inputs(self, covariates: Tensor | None) -> Tensor:
        if covariates is not None:
            return covariates
        if self._seen is not None and self._seen.ndim == self.sample.ndim:
            return self._seen
        if not bool(self.sample.any()):
            raise ValueError("this KAN has seen no inputs; give covariates, or train it first.")
        return self.sample


class KANLayer(nn.Module):
    """One layer of edges; see :class:`KAN` for the options."""

    lower: Tensor
    step: Tensor
    alive: Tensor

    def __init__(
        self, n_inputs: int, n_outputs: int, intervals: int, degree: int, margin: float, base: str, affine: bool
    ) -> None:
        super().__init__()
        self.n_inputs, self.intervals, self.degree, self.margin, self.base = n_inputs, intervals, degree, margin, base
        size = intervals + degree
        # Inputs are taken to lie in [-1, 1] until refresh_grid has seen some.
        span = 2.0 * (1.0 + 2.0 * margin)
        self.register_buffer("lower", torch.full((n_inputs,), -0.5 * span))
        self.register_buffer("step", torch.full((n_inputs,), span / intervals))
        self.register_buffer("alive", torch.ones(n_inputs, n_outputs, dtype=torch.bool))
        self.coefficients = nn.Parameter(0.02 * torch.randn(n_outputs, n_inputs, size) / math.sqrt(n_inputs))
        bound = 0.1 / math.sqrt(n_inputs)
        has_base = base != "zero"
        self.base_weight = nn.Parameter(torch.randn(n_inputs, n_outputs) * bound) if has_base else None
        self.scale = nn.Parameter(torch.ones(n_inputs, n_outputs)) if affine else None
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        self.pruned = False
        self.register_load_state_dict_post_hook(lambda layer, _: layer.note_pruned())

    def note_pruned(self) -> None:
        """Look whether any edge is pruned, once: unpruned layers then skip the mask."""
        self.pruned = not bool(self.alive.all())

    def forward(self, x: Tensor) -> Tensor:
        """(..., site, input) to (..., site, output)."""
        single = x.ndim == 2
        coefficients = self.effective()
        if single:
            x, coefficients = x[None], coefficients[None]
        lower, step = self.lower.expand(x.shape[0], -1), self.step.expand(x.shape[0], -1)
        out = spline_sum(x, coefficients, lower, step, self.intervals, self.degree)
        if single:
            x, out = x[0], out[0]
        if self.base_weight is not None:
            out = out + self._base(x) @ self._factor(self.base_weight)
        return out + self.bias[..., None, :]

    def effective(self) -> Tensor:
        """Spline coefficients (..., output, input, basis function) after factor and pruning."""
        return self._factor(self.coefficients, basis=True)

    def _factor(self, weight: Tensor, basis: bool = False) -> Tensor:
        if self.pruned:
            weight = weight * (self.alive.mT[..., None] if basis else self.alive)
        if self.scale is not None:
            weight = weight * (self.scale.mT[..., None] if basis else self.scale)
        return weight

    def _base(self, x: Tensor) -> Tensor:
        return functional.silu(x) if self.base == "silu" else x

    def edges(self, x: Tensor) -> Tensor:
        """Values of every edge (..., site, input, output) at inputs (..., site, input)."""
        single = x.ndim == 2
        points, coefficients = (x[None], self.effective()[None]) if single else (x, self.effective())
        lower, step = self.lower.expand(points.shape[0], -1), self.step.expand(points.shape[0], -1)
        cell, weight, _ = local_basis(points, lower, step, self.intervals, self.degree)
        rows = basis_rows(cell, weight, coefficients.shape[-1])
        values = torch.einsum("msik,moik->msio", rows, coefficients)
        values = values[0] if single else values
        if self.base_weight is None:
            return values
        return values + self._base(x)[..., None] * self._factor(self.base_weight)[..., None, :, :]

    def outside(self, x: Tensor) -> Tensor:
        """Whether inputs (..., site, input) lie outside the grid."""
        low = self.lower[..., None, :]
        return (x < low) | (x > low + self.intervals * self.step[..., None, :])

    def data_range(self) -> tuple[Tensor, Tensor]:
        """Range of the inputs (input,) that the grid was fitted to."""
        width = self.step * self.intervals / (1.0 + 2.0 * self.margin)
        return self.lower + self.margin * width, self.lower + (1.0 + self.margin) * width

    @torch.no_grad()
    def refresh_grid(self, x: Tensor) -> None:
        """Fit the grid to inputs (..., site, input), and the coefficients to the curves as they are."""
        low, high = x.amin(-2), x.amax(-2)
        width = (high - low).clamp(min=1e-6 * (1.0 + low.abs()))
        lower = low - self.margin * width
        step = width * (1.0 + 2.0 * self.margin) / self.intervals
        # Curves at four points a cell of the new grid pin its splines down by least squares.
        places = torch.linspace(0, self.intervals, 4 * self.intervals + 1, device=x.device, dtype=x.dtype)
        points = lower[..., None, :] + places[:, None] * step[..., None, :]
        single = points.ndim == 2
        coefficients = self.coefficients[None] if single else self.coefficients
        old = self._curves(points[None] if single else points, self.lower, self.step, coefficients)
        self.lower.copy_(lower)
        self.step.copy_(step)
        rows = self._rows(points[None] if single else points, self.lower, self.step).transpose(1, 2)
        target = old.transpose(1, 2)
        solved = torch.linalg.lstsq(rows.double().cpu(), target.double().cpu()).solution.to(coefficients)
        solved = solved.permute(0, 3, 1, 2)
        self.coefficients.copy_(solved[0] if single else solved)

    def _rows(self, points: Tensor, lower: Tensor, step: Tensor) -> Tensor:
        lower, step = lower.expand(points.shape[0], -1), step.expand(points.shape[0], -1)
        cell, weight, _ = local_basis(points, lower, step, self.intervals, self.degree)
        return basis_rows(cell, weight, self.intervals + self.degree)

    def _curves(self, points: Tensor, lower: Tensor, step: Tensor, coefficients: Tensor) -> Tensor:
        return torch.einsum("msik,moik->msio", self._rows(points, lower, step), coefficients)


def edge_scores(edges: list[Tensor], valid: Tensor | None = None) -> list[Tensor]:
    """Scores of edges whose values are given, one tensor (..., site, input, output) a layer; see :meth:`KAN.scores`."""
    last = edges[-1].sum(-2)
    return _handed_down(edges, _mean((last - _mean(last, valid, 1)[..., None, :]).square(), valid, 1), valid)


def sparsity(scores: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Entropy of the normalised scores of each layer, summed over layers, and sum of all scores."""
    entropy = torch.stack([_entropy(score) for score in scores]).sum(0)
    return entropy, torch.stack([score.sum((-2, -1)) for score in scores]).sum(0)


def roughness(coefficients: Tensor) -> Tensor:
    """Sum of squared second differences of spline coefficients (..., output, input, basis function)."""
    c = coefficients
    return (c[..., 2:] - 2 * c[..., 1:-1] + c[..., :-2]).square().sum((-3, -2, -1))


def _entropy(score: Tensor) -> Tensor:
    share = score / score.sum((-2, -1), keepdim=True).clamp(min=1e-30)
    return -torch.where(share > 0, share * torch.log(share.clamp(min=1e-30)), 0.0).sum((-2, -1))


def _handed_down(edges: list[Tensor], above: Tensor, valid: Tensor | None = None) -> list[Tensor]:
    """Scores of all layers from those of the outputs (..., output); see :meth:`KAN.scores`."""
    scores: list[Tensor] = []
    for values in reversed(edges):
        spread = _deviation(values, valid, 2)
        node = _deviation(values.sum(-2), valid, 1)
        floor = 1e-12 * spread.sum(-2)
        safe = torch.where(node > floor, node, torch.ones_like(node))
        score = torch.where((node > floor)[..., None, :], above[..., None, :] * spread / safe[..., None, :], 0.0)
        scores.insert(0, score)
        above = score.sum(-1)
    return scores


def _deviation(values: Tensor, valid: Tensor | None, after: int) -> Tensor:
    """Mean absolute deviation over the sites, which `after` more dimensions follow."""
    site = values.ndim - 1 - after
    return _mean((values - _mean(values, valid, after).unsqueeze(site)).abs(), valid, after)


def _mean(values: Tensor, valid: Tensor | None, after: int) -> Tensor:
    """Mean over the valid sites, which `after` more dimensions follow."""
    site = values.ndim - 1 - after
    if valid is None:
        return values.mean(site)
    weight = valid.view(*valid.shape, *([1] * after)).to(values)
    return (values * weight).sum(site) / weight.sum(site).clamp(min=1)
