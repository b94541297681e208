"""Scenarios in time start at rest, conserve carbon, and end at the new steady state."""

import numpy as np
import pytest
import torch

from hybridmap.errors import HybridmapError
from hybridmap.process import get_process
from hybridmap.process.five_pool.model import POOLS
from hybridmap.process.five_pool.transient import integrate


def climate(npp, mat):
    return {"npp": torch.tensor(npp, dtype=torch.float64), "mat": torch.tensor(mat, dtype=torch.float64)}


def test_warming_runs_from_one_steady_state_to_the_other():
    model = get_process("five_pool", formulation="constrained")
    before, after = climate([400.0, 700.0], [8.0, 14.0]), climate([400.0, 700.0], [10.0, 16.0])
    start, end = model({}, before), model({}, after)
    series = integrate(model, {}, lambda t: after, [0, 1, 50, 3000], start)
    np.testing.assert_allclose(series["soc"][0], start["soc"], rtol=1e-12)
    np.testing.assert_allclose(series["soc"][-1], end["soc"], rtol=1e-5)
    assert (series["soc"][-1] < series["soc"][0]).all()


def test_nothing_moves_at_the_steady_state():
    model = get_process("five_pool")
    still = climate([500.0], [10.0])
    series = integrate(model, {}, lambda t: still, [0, 10, 100], model({}, still))
    for name in POOLS:
        np.testing.assert_allclose(series[name][-1], series[name][0], rtol=1e-6)


def test_more_litter_raises_carbon_with_quadratic_turnover_only():
    more = climate([900.0], [10.0])
    for exponent, factor in ((1.0, 1.0), (2.0, 1.5)):
        model = get_process("five_pool", turnover_exponent=exponent)
        start = model({}, climate([450.0], [10.0]))
        series = integrate(model, {}, lambda t: more, [0, 5000], start)
        ratio = float(series["poc"][-1, 0] / series["poc"][0, 0])
        assert ratio == pytest.approx(1.0, rel=1e-3) if factor == 1.0 else ratio > 1.3


def test_an_impossible_start_is_refused():
    model = get_process("five_pool")
    pools = {name: torch.tensor([1.0]) for name in POOLS} | {"doc": torch.tensor([-4.0])}
    with pytest.raises(HybridmapError, match="non-negative pools"):
        integrate(model, {}, lambda t: climate([500.0], [10.0]), [0, 1], pools)
