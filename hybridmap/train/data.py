"""Sites as tensors on the device that trains, and how members draw batches from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hybridmap.options.layer_depth import LAYER_INPUTS


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
    column : Tensor of int64, shape (site,), optional
        Number of the column of soil that a site is a layer of, where a model computes columns: layers of one have equal
        covariates, and equal forcing but for their ends.
    """

    covariates: Tensor
    forcing: dict[str, Tensor]
    targets: dict[str, Tensor]
    column: Tensor | None = None

    def __len__(self) -> int:
        return self.covariates.shape[0]

    def rows(self, index: Tensor, valid: Tensor | None = None) -> SiteData:
        """Return the sites at `index` of any shape; where `valid` is False, as if nothing had been measured."""
        targets = {k: v[index] for k, v in self.targets.items()}
        if valid is not None:
            targets = {k: torch.where(_like(valid, v), v, torch.nan) for k, v in targets.items()}
        column = None if self.column is None else self.column[index]
        return SiteData(self.covariates[index], {k: v[index] for k, v in self.forcing.items()}, targets, column)

    def cpu(self) -> SiteData:
        """The same sites in the memory of the processor."""
        forcing, targets = ({k: v.cpu() for k, v in values.items()} for values in (self.forcing, self.targets))
        return SiteData(self.covariates.cpu(), forcing, targets, None if self.column is None else self.column.cpu())

    def batch(self, index: Tensor, valid: Tensor) -> Batch:
        """The sites at `index` (member, site), as :meth:`rows`; of each column covariates and forcing once."""
        sites = self.rows(index, valid)
        if sites.column is None:
            return Batch(sites.covariates, sites.forcing, sites.targets)
        places, column_of = pad_columns(sites.column)
        first = index.gather(1, places)
        shared = {k: v[first] for k, v in self.forcing.items() if k not in LAYER_INPUTS}
        ends = {k: sites.forcing[k] for k in LAYER_INPUTS}
        return Batch(self.covariates[first], shared | ends, sites.targets, column_of)

    def tensors(self) -> list[Tensor]:
        """All tensors in a fixed order, for fingerprints."""
        named = {"covariates": self.covariates, **self.forcing, **{f"target.{k}": v for k, v in self.targets.items()}}
        return [named[k] for k in sorted(named)]

    @classmethod
    def join(cls, first: SiteData, second: SiteData) -> SiteData:
        """Sites of both, those of `first` first."""

        def joined(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {k: torch.cat([a[k], b[k]]) for k in a}

        column = None
        if first.column is not None and second.column is not None:
            column = torch.cat([first.column, second.column])
        return cls(
            torch.cat([first.covariates, second.covariates]),
            joined(first.forcing, second.forcing),
            joined(first.targets, second.targets),
            column,
        )


class Batch(NamedTuple):
    """Sites of one step, of all members.

    Attributes
    ----------
    covariates : Tensor, shape (member, site, covariate)
        Of the sites, or of their columns (member, column, covariate).
    forcing : dict of str to Tensor, shape (member, site, ...)
        Of the sites; where there are columns only the ends of layers are, the rest is of the columns.
    targets : dict of str to Tensor, shape (member, site, ...)
        Observations.
    column_of : Tensor of int64, shape (member, site), optional
        Place of the column of each site.
    """

    covariates: Tensor
    forcing: dict[str, Tensor]
    targets: dict[str, Tensor]
    column_of: Tensor | None = None


def pad_columns(column: Tensor) -> tuple[Tensor, Tensor]:
    """One site of every column of each member, and the place of the column of every site.

    Parameters
    ----------
    column : Tensor of int64, shape (member, site)
        Numbers of the columns.

    Returns
    -------
    places : Tensor of int64, shape (member, column)
        Of a site in `column`; members with fewer columns are filled up with their first.
    column_of : Tensor of int64, shape (member, site)
        Position in `places`.

    Examples
    --------
    >>> places, column_of = pad_columns(torch.tensor([[7, 7, 4], [3, 3, 3]]))
    >>> places.tolist(), column_of.tolist()
    ([[2, 0], [0, 0]], [[1, 1, 0], [0, 0, 0]])
    """
    firsts, inverses = [], []
    for numbers in column:
        first, inverse = _first_of_each(numbers)
        firsts.append(first)
        inverses.append(inverse)
    return torch.nn.utils.rnn.pad_sequence(firsts, batch_first=True), torch.stack(inverses)


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
    rows: Sequence[Tensor], seeds: Sequence[int], epoch: int, batch_size: int, column: Tensor | None = None
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
    column : Tensor of int64, shape (site,), optional
        Columns of which sites are layers; those of one follow each other, so that a batch has few columns.

    Returns
    -------
    list of (index, valid)
        As :func:`pad`, one pair a step; a member with fewer batches has no valid entry in the last steps.
    """
    batches = []
    for row, seed in zip(rows, seeds, strict=True):
        order = torch.randperm(len(row), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
        if column is not None:
            order = order[_together(column[row[order].to(column.device)].cpu())]
        count = max(1, round(len(row) / batch_size))
        batches.append(torch.tensor_split(row[order], count))
    steps = max(len(parts) for parts in batches)
    return [pad([parts[s] if s < len(parts) else parts[0][:0] for parts in batches]) for s in range(steps)]


def _together(column: Tensor) -> Tensor:
    """Order that puts the sites of a column (site,) behind the first of them."""
    first, inverse = _first_of_each(column)
    return torch.argsort(first[inverse], stable=True)


def _first_of_each(column: Tensor) -> tuple[Tensor, Tensor]:
    """Place of the first site of every column, by their numbers, and which of them each site (site,) is of."""
    names, inverse = torch.unique(column, return_inverse=True)
    place = torch.arange(len(column), device=column.device)
    first = place.new_full((len(names),), len(column)).scatter_reduce(0, inverse, place, "amin")
    return first, inverse
