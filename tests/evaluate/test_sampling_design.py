"""Places to sample next: gains that are what a Gaussian process says, picks that spread, and starts without sense."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.evaluate.sampling_design import Likeness, Points, fit_likeness, rank_places


def points(seed: int, n: int) -> Points:
    random = np.random.default_rng(seed)
    return Points(random.normal(size=(n, 2)), random.uniform(0, 500, (n, 3)))


def left(sites: Points, cells: Points, weights: np.ndarray, likeness: Likeness) -> float:
    """Expected squared error of a map after some samples, by the textbook."""
    covariance = likeness.between(sites, sites) + likeness.noise * np.eye(len(sites.features))
    to_cells = likeness.between(sites, cells)
    told = (to_cells * np.linalg.solve(covariance, to_cells)).sum(0)
    return float(weights @ (1 - likeness.noise - told))


def joined(first: Points, second: Points) -> Points:
    return Points(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 0.8))
def test_gains_are_what_is_left_less_after_each_place(seed: int, noise: float) -> None:
    sites, cells = points(seed, 15), points(seed + 1, 40)
    weights, likeness = np.random.default_rng(seed).uniform(0, 1, 40), Likeness(1.5, 200.0, noise)
    ranked = rank_places(sites, cells, cells, weights, likeness, 6)
    before = left(sites, cells, weights, likeness)
    for k in range(6):
        after = left(joined(sites, cells.part(ranked.place[: k + 1])), cells, weights, likeness)
        assert 1 - after / before == pytest.approx(ranked.gain[: k + 1].sum(), rel=1e-4)
    # The first is the best of all that could be.
    best = min(left(joined(sites, cells.part(np.array([c]))), cells, weights, likeness) for c in range(40))
    assert 1 - best / before == pytest.approx(ranked.gain[0], rel=1e-4)
    assert len(set(ranked.place.tolist())) == 6
    assert (np.diff(ranked.gain) <= 1e-9).all()


def test_the_unsampled_corner_comes_first_and_picks_spread() -> None:
    random = np.random.default_rng(0)
    ground = np.column_stack([random.uniform(0, 1000, (400, 2)), np.zeros(400)])
    cells = Points(np.zeros((400, 1)), ground)
    sites = cells.part(np.flatnonzero((ground[:, 0] < 600) | (ground[:, 1] < 600)))
    likeness = Likeness(1.0, 150.0, 0.3)
    plain = rank_places(sites, cells, cells, np.ones(400), likeness, 8)
    assert (ground[plain.place[:3], :2] > 550).all()
    spread = rank_places(sites, cells, cells, np.ones(400), likeness, 8, spacing_km=200.0)
    apart = [
        np.mean([np.sort(np.linalg.norm(ground[r.place] - ground[p], axis=1))[1] for p in r.place])
        for r in (plain, spread)
    ]
    assert apart[1] > apart[0]
    # Where nobody cares nothing is gained.
    weights = np.where(ground[:, 0] < 300, 1.0, 0.0)
    assert (ground[rank_places(sites, cells, cells, weights, likeness, 3).place, 0] < 450).all()


def test_ranges_follow_what_values_have_in_common() -> None:
    random = np.random.default_rng(1)
    sites = Points(random.normal(size=(400, 1)), np.column_stack([random.uniform(0, 1000, (400, 2)), np.zeros(400)]))
    by_covariate = fit_likeness(sites, np.sin(2 * sites.features[:, 0]) + 0.1 * random.normal(size=400))
    by_place = fit_likeness(sites, np.sin(sites.ground_km[:, 0] / 100) + 0.1 * random.normal(size=400))
    alone = fit_likeness(sites, random.normal(size=400))
    assert by_covariate.feature_range < by_place.feature_range
    assert by_place.ground_range_km < by_covariate.ground_range_km
    assert alone.noise > max(by_place.noise, by_covariate.noise)
    assert fit_likeness(sites, np.ones(400)).noise == 0.8
    same = Points(np.zeros((30, 1)), np.zeros((30, 3)))
    assert np.isfinite(fit_likeness(same, random.normal(size=30))).all()


def test_more_places_than_there_are_gives_all() -> None:
    cells = points(0, 5)
    ranked = rank_places(points(1, 10), cells, cells, np.ones(5), Likeness(1.0, 100.0, 0.5), 50)
    assert sorted(ranked.place.tolist()) == list(range(5))
    assert set(ranked.served.tolist()) <= {-1, *range(5)}
