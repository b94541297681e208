"""Agreement of trainings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.diagnose.identifiability.agreement import compensation, pattern_agreement, patterns, spread
from hybridmap.diagnose.identifiability.sensitivity import Sensitivity


def test_one_training_agrees_with_nobody() -> None:
    assert np.isnan(spread(np.zeros((1, 4, 2)))).all()
    assert spread(np.array([[[0.1]], [[0.3]]])) == pytest.approx(0.1414, abs=1e-3)


@given(st.integers(0, 1000))
def test_compensation_never_exceeds_one_and_independent_changes_have_none(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, sites = random.normal(size=(60, 3)), np.arange(60)
    jacobian = Sensitivity(("a", "b", "c"), 3, rows, sites, np.full(60, "soc"))
    assert compensation(jacobian, random.normal(size=(4, 60, 3))) <= 1.0
    only_one = np.zeros((2, 60, 3))
    only_one[..., seed % 3] = random.normal(size=(2, 60))
    assert compensation(jacobian, only_one) == pytest.approx(0, abs=1e-9)


def test_maps_that_are_one_map_have_one_pattern() -> None:
    random = np.random.default_rng(0)
    soc = random.normal(size=500)
    assert patterns(np.stack([soc, 2 * soc + 0.05 * random.normal(size=500), -soc], axis=1))[0] == 1
    assert patterns(random.normal(size=(500, 4)))[0] == 4
    assert patterns(np.ones((500, 4))) == (0, [])


def test_trainings_within_a_tenth_of_the_range_may_disagree_about_the_slope() -> None:
    pattern = np.linspace(-0.1, 0.1, 50)
    runs = 0.5 + np.stack([0.7 * pattern, pattern, 1.4 * pattern])
    assert spread(runs[:, :, None]).max() < 0.1
    r, lowest, highest = pattern_agreement(runs)
    assert r == 1.0
    assert (lowest, highest) == (0.5, 2.0)
    assert np.isnan(pattern_agreement(runs[:1])).all()
    assert np.isnan(pattern_agreement(np.full((2, 50), 0.5))).all()
