"""Terms that keep the five-pool model where soils are; each is a mean over sites, the last dimension."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.process.base import mean_over


def feasibility_penalty(outputs: Mapping[str, Tensor], margin: float = 0.05, known: Tensor | None = None) -> Tensor:
    """Mean squared shortfall of both steady-state margins of the five-pool model.

    Parameters
    ----------
    outputs : mapping of str to Tensor, shape (..., site)
        With ``margin_uptake`` and ``margin_poc``.
    margin : float
        Below which a margin is short (dimensionless).
    known : Tensor of bool, shape (..., site), optional
        Sites that count.

    Returns
    -------
    Tensor, shape (...)
    """
    short = [mean_over(torch.relu(margin - outputs[name]).square(), known) for name in ("margin_uptake", "margin_poc")]
    return short[0] + short[1]


def saturation_penalty(outputs: Mapping[str, Tensor], known: Tensor | None = None) -> Tensor:
    """Mean squared excess of MOC/Qmax over 1 (dimensionless); vanishes where DOC turned the ratio negative."""
    return mean_over(torch.relu(outputs["moc_saturation"] - 1.0).square(), known)


def dissolved_penalty(outputs: Mapping[str, Tensor], ratio: float = 0.1, known: Tensor | None = None) -> Tensor:
    """Keep DOC well below POC: mean squared log of DOC over `ratio` POC where it is larger, and squared negative DOC.

    Dimensionless for the first term, (kg m-3)^2 for the second, which acts in the relaxed formulation only.

    Parameters
    ----------
    outputs : mapping of str to Tensor, shape (..., site)
        With ``doc`` and ``poc`` [kg m-3].
    ratio : float
        Of DOC to POC that is allowed.
    known : Tensor of bool, shape (..., site), optional
        Sites that count.

    Returns
    -------
    Tensor, shape (...)
    """
    doc, poc = outputs["doc"], outputs["poc"]
    positive = (doc > 0) & (poc > 0)
    excess = torch.log(torch.where(positive, doc, 1.0) / (ratio * torch.where(positive, poc, 1.0 / ratio)))
    return mean_over(torch.where(positive, torch.relu(excess), 0.0).square() + torch.relu(-doc).square(), known)
