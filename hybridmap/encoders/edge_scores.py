"""How much the edges of a Kolmogorov-Arnold network matter, and how rough and how many they are."""

from __future__ import annotations

import torch
from torch import Tensor

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process


def edge_scores(edges: list[Tensor], valid: Tensor | None = None) -> list[Tensor]:
    """Scores of all edges: mean absolute deviations, handed down from the outputs.

    B = A E / N with E of an edge, N of a node's sum, A the variance of an output, then the sum of B over the
    outputs of the layer above; 0 where N is 0.

    Parameters
    ----------
    edges : list of Tensor, shape (..., site, input, output)
        Values of the edges, one a layer.
    valid : Tensor of bool, shape (..., site), optional
        Sites that count.

    Returns
    -------
    list of Tensor, shape (..., input, output)
        One a layer.
    """
    sums = edges[-1].sum(-2)
    variance = _mean((sums - _mean(sums, valid, 1)[..., None, :]).square(), valid, 1)
    return scores_below(edges, variance, valid)


def scores_below(edges: list[Tensor], above: Tensor, valid: Tensor | None = None) -> list[Tensor]:
    """Scores of all layers from those of the outputs.

    Parameters
    ----------
    edges, valid
        As for :func:`edge_scores`.
    above : Tensor, shape (..., output)
        Scores of the outputs.

    Returns
    -------
    list of Tensor, shape (..., input, output)
        One a layer.
    """
    scores: list[Tensor] = []
    for values in reversed(edges):
        edge = _deviation(values, valid, 2)
        node = _deviation(values.sum(-2), valid, 1)
        floor = 1e-12 * edge.sum(-2)
        safe = torch.where(node > floor, node, torch.ones_like(node))
        score = torch.where((node > floor)[..., None, :], above[..., None, :] * edge / safe[..., None, :], 0.0)
        scores.insert(0, score)
        above = score.sum(-1)
    return scores


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


def _deviation(values: Tensor, valid: Tensor | None, trailing: int) -> Tensor:
    """Mean absolute deviation over the sites, which `trailing` more dimensions follow."""
    site = values.ndim - 1 - trailing
    return _mean((values - _mean(values, valid, trailing).unsqueeze(site)).abs(), valid, trailing)


def _mean(values: Tensor, valid: Tensor | None, trailing: int) -> Tensor:
    """Mean over the valid sites, which `trailing` more dimensions follow."""
    site = values.ndim - 1 - trailing
    if valid is None:
        return values.mean(site)
    weight = valid.view(*valid.shape, *([1] * trailing)).to(values)
    return (values * weight).sum(site) / weight.sum(site).clamp(min=1)
