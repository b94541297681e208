"""Distance to the fifth nearest place: on the sphere, and infinite where there are fewer places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from hybridmap.evaluate.site_distance import NEIGHBOURS, SiteDensity


@given(st.integers(NEIGHBOURS, 60), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_distances_are_those_of_the_sphere(places: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    lon, lat = random.uniform(-180, 180, places), random.uniform(-85, 85, places)
    here = random.uniform(-180, 180, 4), random.uniform(-85, 85, 4)
    geod = Geod(a=6371008.8, b=6371008.8)
    for x, y, measured in zip(*here, SiteDensity.of(lon, lat).distance_km(*here), strict=True):
        all_km = geod.inv(np.full(places, x), np.full(places, y), lon, lat)[2] / 1e3
        assert measured == pytest.approx(np.sort(all_km)[NEIGHBOURS - 1], rel=1e-5, abs=1e-3)


def test_one_lonely_site_does_not_make_a_place_well_known() -> None:
    dense = np.linspace(0, 1, 50)
    sites = SiteDensity.of(np.append(dense, 20.0), np.zeros(51))
    near, lonely = sites.distance_km(np.array([0.5, 20.0]), np.zeros(2))
    assert near < 10
    assert lonely > 2000
    assert SiteDensity.of(np.zeros(3), np.zeros(3)).distance_km(np.zeros(1), np.zeros(1)) == np.inf
