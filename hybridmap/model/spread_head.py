"""What an encoder says of the spread of observations around its targets, on logarithms."""

from __future__ import annotations

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
    those of the observations.
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
        values = (self.start[..., None, :] + encoded).clamp(-6.0, 3.0).exp()
        return {name: values[..., k] for k, name in enumerate(self.names)}
