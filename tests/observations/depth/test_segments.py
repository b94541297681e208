"""Layers as flat arrays: made disjoint, their coverage and extent."""

import numpy as np

from hybridmap.observations.depth.segments import Segments, coverage_of, disjoint_segments, extent_of, slice_means


def segments(*layers: tuple[int, float, float, float], profiles: int = 3) -> Segments:
    profile, top, bottom, value = zip(*layers, strict=True)
    return disjoint_segments(Segments(np.array(profile), *(np.array(c, float) for c in (top, bottom, value)), profiles))


def test_overlaps_become_pieces_with_the_mean_of_the_layers_there() -> None:
    made = segments((1, 0, 20, 20.0), (0, 0, 30, 5.0), (1, 10, 30, 40.0), (1, 0, 10, 10.0))
    assert made.profile.tolist() == [0, 1, 1, 1]
    assert made.top.tolist() == [0, 0, 10, 20]
    assert made.bottom.tolist() == [30, 10, 20, 30]
    assert made.value.tolist() == [5, 15, 30, 40]


def test_layers_without_a_value_or_thickness_are_left_out() -> None:
    assert segments((0, 0, 10, np.nan), (0, 10, 10, 1.0), (0, 12, 11, 1.0), (0, 20, 30, 1.0)).top.tolist() == [20]


def test_coverage_counts_only_the_interval() -> None:
    made = segments((0, 0, 8, 1.0), (0, 12, 40, 1.0), (1, 25, 60, 1.0))
    coverage = coverage_of(made, 5, 20)
    assert coverage.thickness.tolist() == [11, 0, 0]
    assert coverage.widest_gap.tolist() == [4, 0, 0]


def test_extent_and_means_of_profiles_without_layers() -> None:
    made = segments((0, 5, 8, 1.0), (0, 12, 40, 2.0))
    first, last = extent_of(made)
    assert first.tolist() == [5, np.inf, np.inf]
    assert last.tolist() == [40, -np.inf, -np.inf]
    np.testing.assert_array_equal(slice_means(made, 0, 16), [(3 * 1 + 4 * 2) / 7, np.nan, np.nan])
