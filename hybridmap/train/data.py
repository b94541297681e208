"""Sites as tensors on the device that trains, and how members draw batches from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SiteData:
    """Sites, on the device that trains.

    Attributes
    ----------
    covariates : Tensor, shape (site, covariate), float32
        Physical units.
    forcing : dict of str to Tensor, shape (site, ...), float32
        Units of the process model.
    targets : dict of str to Tensor, shape (site,) or (site, depth), float32
        Observed values in the unit of the output, NaN where not measured.
    """

    covariates: Tensor
    forcing: dict[str, Tensor]
    targets: dict[str, Tensor]

    def __len__(self) -> int:
        return self.covariates.shape[0]

    def rows(self, index: Tensor, valid: Tensor | None = None) -> SiteData:
        """Return the sites at `index` of any shape; where `valid` is False, as if nothing had been measured."""
        targets = {k: v[index] for k, v in self.targets.items()}
        if valid is not None:
            targets = {k: torch.where(_like(valid, v), v, torch.nan) for k, v in targets.items()}
        return SiteData(self.covariates[index], {k: v[index] for k, v in self.forcing.items()}, targets)

    def tensors(self) -> list[Tensor]:
        """All tensors in a fixed order, for fingerprints."""
        named = {"covariates": self.covariates, **self.forcing, **{f"target.{k}": v for k, v in self.targets.items()}}
        return [named[k] for k in sorted(named)]

    @classmethod
    def join(cls, first: SiteData, second: SiteData) -> SiteData:
        """Sites of both, those of `first` first."""

        def joined(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {k: torch.cat([a[k], b[k]]) for k in a}

        return cls(
            torch.cat([first.covariates, second.covariates]),
            joined(first.forcing, second.forcing),
            joined(first.targets, second.targets),
        )


def _like(mask: Tensor, values: Tensor) -> Tensor:
    return mask.view(*mask.shape, *([1] * (values.ndim - mask.ndim)))


def pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Row numbers of several members as one table, and which entries count.

    Parameters
    ----------
    rows : sequence of Tensor of int64
        One list of row numbers a member; shorter ones are filled up with their first row (or row 0).

    Returns
    -------
    index, valid : Tensor, shape (member, longest)
    """
    longest = max(1, *(len(r) for r in rows))
    index = torch.zeros(len(rows), longest, dtype=torch.int64)
    valid = torch.zeros(len(rows), longest, dtype=torch.bool)
    for k, row in enumerate(rows):
        index[k, : len(row)] = row
        index[k, len(row) :] = row[0] if len(row) else 0
        valid[k, : len(row)] = True
    return index, valid


def epoch_batches(
    rows: Sequence[Tensor], seeds: Sequence[int], epoch: int, batch_size: int
) -> list[tuple[Tensor, Tensor]]:
    """Batches of one epoch for all members: each in its own order, in batches of equal size.

    A short last batch would have a noisy KGE, so a member's sites are shared evenly by its batches. A member's batches
    depend on its own rows, seed and the epoch alone.

    Parameters
    ----------
    rows : sequence of Tensor of int64
        Training rows of every member.
    seeds : sequence of int
        One a member.
    epoch : int
        Number of the epoch.
    batch_size : int
        Sites in a batch, about.

    Returns
    -------
    list of (index, valid)
        As :func:`pad`, one pair a step; a member with fewer batches has no valid entry in the last steps.
    """
    batches = []
    for row, seed in zip(rows, seeds, strict=True):
        order = torch.randperm(len(row), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
        count = max(1, round(len(row) / batch_size))
        batches.append(torch.tensor_split(row[order], count))
    steps = max(len(parts) for parts in batches)
    return [pad([parts[s] if s < len(parts) else parts[0][:0] for parts in batches]) for s in range(steps)]
