"""Litter: all of NPP, whatever is assumed of its pools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridmap.covariates.land_model.assumptions import Assumptions, read_assumptions
from hybridmap.covariates.land_model.litter_input import litter_inputs, wood_share

CLASSES = arrays(np.float64, 4, elements=st.sampled_from([0.0, 1.0, 5.0, 8.0, 10.0, 12.0, 17.0, float("nan")]))


@given(
    arrays(np.float64, 4, elements=st.floats(0.0, 2000.0)),
    CLASSES,
    arrays(np.float64, (4, 12), elements=st.floats(-30.0, 30.0)),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.5),
    st.sampled_from(["even", "temperature"]),
)
def test_the_litter_of_a_year_is_npp(
    npp: np.ndarray, landcover: np.ndarray, air: np.ndarray, wood: float, metabolic: float, season: str
) -> None:
    assumed = read_assumptions(
        {"wood_share_forest": wood, "metabolic_share": metabolic, "lignin_share": 0.5, "litter_season": season}
    )
    pools = litter_inputs(npp, landcover, air, assumed)
    assert all((months >= 0).all() for months in pools.values())
    np.testing.assert_allclose(sum(months.sum(axis=1) for months in pools.values()), npp, rtol=1e-12, atol=1e-12)


def test_wood_by_class() -> None:
    shares = wood_share(np.array([1.0, 5.0, 8.0, 9.0, 10.0, 0.0, np.nan]), Assumptions())
    assert shares.tolist() == [0.25, 0.25, 0.1, 0.1, 0.0, 0.0, 0.1]


def test_pools_are_those_of_clm5_and_harvest_leaves_the_field() -> None:
    npp, air = np.array([1200.0, 1200.0]), np.full((2, 12), 10.0)
    pools = litter_inputs(npp, np.array([10.0, 12.0]), air, read_assumptions({"litter_share_cropland": 0.6}))
    yearly = {name: months.sum(axis=1) for name, months in pools.items()}
    assert yearly["input_cwd"].tolist() == [0, 0]
    for name, share in (("input_litter1", 0.25), ("input_litter2", 0.5), ("input_litter3", 0.25)):
        assert yearly[name] == pytest.approx(1200.0 * share * np.array([1.0, 0.6]))


def test_litter_falls_with_warmth_if_asked() -> None:
    air = np.array([[-5.0, 0, 5, 10, 15, 20, 20, 15, 10, 5, 0, -5]])
    pools = litter_inputs(np.array([100.0]), np.array([10.0]), air, read_assumptions({"litter_season": "temperature"}))
    assert pools["input_litter2"][0].argmax() in (5, 6)
    assert pools["input_litter2"][0, 0] == 0
