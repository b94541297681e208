"""Disjoint layers of many profiles as flat arrays: their coverage of an interval, and their means on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDING = 1e-9
"""Depths that differ by less [cm] are the same."""


@dataclass(frozen=True)
class Segments:
    """Layers of many profiles as flat arrays; those of :func:`disjoint_segments` are sorted by profile and depth.

    Attributes
    ----------
    profile : array of int, shape (segment,)
        Number of the profile.
    top, bottom : array, shape (segment,)
        Depths [cm].
    value : array, shape (segment,)
        Mean of the layers there.
    profiles : int
        Number of profiles, with those that have no segment.
    """

    profile: NDArray[np.intp]
    top: Array
    bottom: Array
    value: Array
    profiles: int

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Segments:
        """The segments at an index or mask."""
        return Segments(self.profile[index], self.top[index], self.bottom[index], self.value[index], self.profiles)

    def has_successor(self) -> NDArray[np.bool_]:
        """Whether the next segment is of the same profile, shape (segment - 1,)."""
        return np.equal(self.profile[1:], self.profile[:-1])

    def overlap(self, top_cm: float, bottom_cm: float) -> tuple[Array, Array]:
        """Upper and lower end [cm] of the part of each segment in an interval; equal where there is none."""
        return self.top.clip(top_cm, bottom_cm), self.bottom.clip(top_cm, bottom_cm)

    def profile_sum(self, values: Array) -> Array:
        """Sum over the segments of each profile, shape (profile,)."""
        return np.asarray(np.bincount(self.profile, values, self.profiles), np.float64)


def disjoint_segments(layers: Segments) -> Segments:
    """Sort layers and make them disjoint: where some overlap (replicates, campaigns), their mean counts once.

    Layers without a value, or no thicker than nothing, are left out.
    """
    layers = layers.take(np.isfinite(layers.value) & (layers.bottom > layers.top))
    layers = layers.take(np.lexsort((layers.bottom, layers.top, layers.profile)))
    is_crossed = layers.has_successor() & (layers.top[1:] < layers.bottom[:-1] - ROUNDING)
    if not is_crossed.any():
        return layers
    crossed = np.unique(layers.profile[1:][is_crossed])
    start = np.searchsorted(layers.profile, crossed)
    stop = np.searchsorted(layers.profile, crossed, side="right")
    untangled = [_without_overlaps(layers.take(np.arange(a, b))) for a, b in zip(start, stop, strict=True)]
    all_layers = _joined([layers.take(~np.isin(layers.profile, crossed)), *untangled])
    return all_layers.take(np.lexsort((all_layers.top, all_layers.profile)))


def _without_overlaps(layers: Segments) -> Segments:
    """Disjoint pieces of the overlapping layers of one profile, each with the mean of the layers there."""
    edges = np.unique(np.concatenate([layers.top, layers.bottom]))
    is_inside = (layers.top[:, None] <= edges[:-1]) & (layers.bottom[:, None] >= edges[1:])
    count = is_inside.sum(axis=0)
    is_covered = count > 0
    mean = (layers.value @ is_inside)[is_covered] / count[is_covered]
    profile = np.full(len(mean), layers.profile[0])
    return Segments(profile, edges[:-1][is_covered], edges[1:][is_covered], mean, layers.profiles)


def _joined(pieces: list[Segments]) -> Segments:
    columns = [(piece.profile, piece.top, piece.bottom, piece.value) for piece in pieces]
    profile, top, bottom, value = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Segments(profile, top, bottom, value, pieces[0].profiles)


class Coverage(NamedTuple):
    """How far the layers of profiles cover an interval.

    Attributes
    ----------
    thickness : array, shape (profile,)
        Covered thickness [cm].
    widest_gap : array, shape (profile,)
        Widest gap between covered parts [cm].
    """

    thickness: Array
    widest_gap: Array


def coverage_of(segments: Segments, top_cm: float, bottom_cm: float) -> Coverage:
    """How far disjoint layers cover an interval.

    Parameters
    ----------
    segments : Segments
        Disjoint layers.
    top_cm, bottom_cm : float
        The interval.

    Returns
    -------
    Coverage
    """
    low, high = segments.overlap(top_cm, bottom_cm)
    thickness = segments.profile_sum(high - low)
    is_inside = high > low
    profile, low, high = segments.profile[is_inside], low[is_inside], high[is_inside]
    is_neighbour = profile[1:] == profile[:-1]
    widest_gap = np.zeros(segments.profiles)
    np.maximum.at(widest_gap, profile[1:][is_neighbour], (low[1:] - high[:-1])[is_neighbour])
    return Coverage(thickness, widest_gap)


def extent_of(segments: Segments) -> tuple[Array, Array]:
    """Upper end of the first and lower end of the last layer [cm], shape (profile,); inf and -inf without layers."""
    first, last = np.full(segments.profiles, np.inf), np.full(segments.profiles, -np.inf)
    np.minimum.at(first, segments.profile, segments.top)
    np.maximum.at(last, segments.profile, segments.bottom)
    return first, last


def slice_means(segments: Segments, top_cm: float, bottom_cm: float) -> Array:
    """Thickness-weighted mean of each profile on one interval, over what is covered.

    Parameters
    ----------
    segments : Segments
        Disjoint layers.
    top_cm, bottom_cm : float
        The interval.

    Returns
    -------
    array, shape (profile,)
        NaN where nothing is covered.
    """
    low, high = segments.overlap(top_cm, bottom_cm)
    return mean_of(segments.profile_sum((high - low) * segments.value), segments.profile_sum(high - low))


def mean_of(total: Array, thickness: Array) -> Array:
    """Mean of each profile from its integral over depth and the thickness below that; NaN without thickness."""
    mean = np.full(len(total), np.nan)
    np.divide(total, thickness, out=mean, where=thickness > 0)
    return mean
