"""What an encoder says of the spread of observations around its targets, on logarithms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

SPREAD, BELOW, ABOVE = "spread", "below", "above"
OFFSET_SHARE = 0.02
"""What is added before a logarithm, of the mean of the target."""
START_SHARE = 0.7
"""Spread around an untrained model, of that of the observations."""
QUANTILE_SDS = 1.3
"""Distance of an end from the centre at the start, in spreads."""
WIDEST = 4.0
"""How many times its start a spread or distance may be. Covariates unlike those of the training part would else end in
intervals of any width, as a spread is an exponential and its ends another."""
NARROWEST = math.exp(-6.0)
"""Least spread or distance, of logarithms."""


def log_of(values: Tensor, offset: Tensor | float) -> Tensor:
    """Natural logarithm of ``values + offset``; below zero that of the offset, with a slope that leads back.

    Parameters
    ----------
    values : Tensor, shape (..., site)
        In the unit of the target.
    offset : float or Tensor, shape (...)
        Above 0, in the same unit.

    Returns
    -------
    Tensor, shape (..., site)

    Examples
    --------
    >>> log_of(torch.tensor([0.0, 1.0]), 1.0).tolist()
    [0.0, 0.6931471824645996]
    """
    shift = torch.as_tensor(offset, dtype=values.dtype, device=values.device)[..., None]
    # A model without a steady state may give negative carbon: a straight line goes on where the logarithm ends.
    return torch.where(values > 0, (values.clamp(min=0.0) + shift).log(), shift.log() + values / shift)


def exponential_of(logs: Tensor, offset: Tensor | float) -> Tensor:
    """What :func:`log_of` was taken of, at least 0; (..., site) in the unit of the target."""
    shift = torch.as_tensor(offset, dtype=logs.dtype, device=logs.device)[..., None]
    return (logs.exp() - shift).clamp(min=0.0)


def head_name(role: str, target: str) -> str:
    """Name of the output of a head, ``spread.soc``."""
    return f"{role}.{target}"


def log_offsets(targets: Mapping[str, Tensor]) -> Tensor:
    """What is added to each target before its logarithm, in its unit, (target,): a share of its mean.

    Parameters
    ----------
    targets : mapping of str to Tensor, shape (site, ...)
        Observations, NaN where there are none.

    Returns
    -------
    Tensor, shape (target,)
        Above 0.
    """
    means = torch.stack(
        [_known(values).mean() if len(_known(values)) else values.new_ones(()) for values in targets.values()]
    )
    return (OFFSET_SHARE * means).clamp(min=1e-9)


def _known(values: Tensor) -> Tensor:
    return values[~torch.isnan(values)]


class SpreadHead(nn.Module):
    """Further outputs of the encoder: of each target the spread of its logarithm, or distances to two quantiles.

    Parameters
    ----------
    names : sequence of str
        As :func:`head_name`, in the order of the encoder's outputs behind those of the model.
    target_names : sequence of str
        Targets of the model.

    Notes
    -----
    What the encoder gives is added to the logarithm of a start, so that spreads are positive and an untrained model has
    those of the observations. It is at most :data:`WIDEST` times that start.
    """

    start: Tensor
    offset: Tensor

    def __init__(self, names: Sequence[str], target_names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.target_names = tuple(target_names)
        if self.names:
            self.register_buffer("start", torch.zeros(len(self.names)))
            self.register_buffer("offset", torch.ones(len(self.target_names)))

    def __len__(self) -> int:
        return len(self.names)

    def fit(self, targets: Mapping[str, Tensor]) -> None:
        """Take the start of the spreads, and the offsets, from the observations (site,) of the training part."""
        if not self.names:
            return
        self.offset.copy_(log_offsets({name: targets[name] for name in self.target_names}))
        spreads = {}
        for k, name in enumerate(self.target_names):
            logs = (_known(targets[name]).clamp(min=0.0) + self.offset[k]).log()
            spreads[name] = START_SHARE * logs.std(correction=0).clamp(min=0.05) if len(logs) else logs.new_ones(())
        starts = []
        for name in self.names:
            role, _, target = name.partition(".")
            starts.append(spreads[target] * (1.0 if role == SPREAD else QUANTILE_SDS))
        self.start.copy_(torch.stack(starts).log())

    def outputs(self, encoded: Tensor) -> dict[str, Tensor]:
        """Spreads and distances by name, (..., site), from what the encoder says of them (..., site, head)."""
        if not self.names:
            return {}
        values = (self.start[..., None, :] + encoded.clamp(max=math.log(WIDEST))).exp().clamp(min=NARROWEST)
        return {name: values[..., k] for k, name in enumerate(self.names)}

    def distances(self, outputs: Mapping[str, Tensor], target: str, level: float) -> tuple[Tensor, Tensor]:
        """Distances of both ends of an interval from the logarithm of the centre.

        Parameters
        ----------
        outputs : mapping of str to Tensor, shape (..., site)
            Of the model.
        target : str
            Whose interval it is; one with a head.
        level : float
            Share of the observations in a normal interval; learned quantiles have their own.

        Returns
        -------
        tuple of Tensor, shape (..., site)
            Below and above, both positive.
        """
        if (name := head_name(SPREAD, target)) in outputs:
            half = float(torch.special.ndtri(torch.tensor(0.5 * (1.0 + level), dtype=torch.float64))) * outputs[name]
            return half, half
        return outputs[head_name(BELOW, target)], outputs[head_name(ABOVE, target)]

    def offset_of(self, target: str) -> Tensor:
        """What is added to a target before its logarithm, in its unit, ()."""
        return self.offset[..., self.target_names.index(target)]
