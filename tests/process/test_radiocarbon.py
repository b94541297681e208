"""Radiocarbon of pools at steady state: closed forms, another integrator, and the five pools."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from hybridmap.process import get_process
from hybridmap.process.five_pool.compartments import compartments
from hybridmap.process.radiocarbon import DECAY, atmosphere, radiocarbon

YEARS, RATIOS = (np.array(values) for values in atmosphere())
FORCING = {"npp": torch.tensor([300.0, 500.0, 900.0]), "mat": torch.tensor([3.0, 9.0, 15.0])}


def delta(rates: list[list[float]], supply: list[float], year: float) -> np.ndarray:
    matrix, source = torch.tensor([rates]).double(), torch.tensor([supply]).double()
    pools = torch.linalg.solve(matrix, source)
    return (1000 * (radiocarbon(matrix, source, torch.tensor(year)) / pools - 1))[0].numpy()


def test_curve_has_the_bomb_peak_and_comes_back() -> None:
    assert list(np.diff(YEARS)) == [10] * 9 + [1] * (2019 - 1940)
    assert YEARS[RATIOS.argmax()] == 1964
    assert 1.8 < RATIOS.max() < 1.95
    assert abs(RATIOS[-1] - 1) < 0.01
    assert abs(RATIOS[:11] - 1).max() < 0.025


@given(st.floats(1e-4, 1.0))
def test_before_the_curve_a_pool_has_the_closed_form(rate: float) -> None:
    assert delta([[rate]], [1.0], 1850.0) == pytest.approx(1000 * (rate / (rate + DECAY) - 1), abs=1e-3)


def test_fast_pool_is_the_air_of_its_year() -> None:
    for year in (1958.0, 1964.0, 1990.0, 2015.0):
        assert delta([[50.0]], [1.0], year)[0] == pytest.approx(1000 * (RATIOS[year == YEARS][0] - 1), abs=20)


@pytest.mark.parametrize("rate", [0.2, 0.02, 0.002])
def test_one_pool_agrees_with_another_integrator(rate: float) -> None:
    """The air of a year holds from its start to its end in both."""

    def change(t: float, ratio: np.ndarray) -> np.ndarray:
        return rate * RATIOS[min(np.searchsorted(YEARS, t), len(YEARS) - 1)] - (rate + DECAY) * ratio

    state, ends = np.array([rate / (rate + DECAY)]), {}
    for before, now in pairwise(YEARS):
        state = solve_ivp(change, (before + 1e-9, now), state, rtol=1e-8, atol=1e-10).y[:, -1]
        ends[now] = state[0]
    for year in (1960, 1975, 1995, 2015):
        assert delta([[rate]], [1.0], float(year))[0] == pytest.approx(1000 * (ends[year] - 1), abs=25)


def test_two_pools_in_a_row_are_older_than_one() -> None:
    single = delta([[0.01]], [1.0], 1850.0)
    first, second = delta([[0.01, 0.0], [-0.01, 0.01]], [1.0, 0.0], 1850.0)
    assert first == pytest.approx(single[0])
    assert 1 + second / 1000 == pytest.approx((1 + first / 1000) ** 2, rel=1e-9)


@pytest.mark.parametrize("formulation", ["relaxed", "constrained"])
@pytest.mark.parametrize("enzyme", ["explicit", "implicit"])
@pytest.mark.parametrize("necromass", ["none", "bypass", "capacity"])
@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_compartments_hold_the_steady_state(formulation: str, enzyme: str, necromass: str, exponent: float) -> None:
    model = get_process(
        "five_pool", formulation=formulation, enzyme=enzyme, necromass=necromass, turnover_exponent=exponent
    )
    parameters = {"a_m": torch.tensor(0.1), "a_p": torch.tensor(0.3), "f_poc": torch.tensor([0.4, 0.6, 0.8])}
    forcing = {name: values.double() for name, values in FORCING.items()}
    p, litter, _ = model._at_site(parameters, forcing)
    out = model(parameters, forcing)
    rates, supply = compartments(p, litter, out, formulation, exponent, necromass)
    pools = torch.stack([out[name] for name in ("poc", "doc", "enz", "mbc", "moc")], dim=-1)
    if enzyme == "implicit":
        pools[:, 2] = p["k_ep"] * pools[:, 3] / p["k_el"]
    np.testing.assert_allclose((rates @ pools[..., None])[..., 0], supply, rtol=1e-6, atol=1e-7)


def test_five_pool_gives_radiocarbon_of_fractions_and_its_derivative() -> None:
    model = get_process("five_pool", formulation="constrained", radiocarbon=True)
    year = torch.tensor([1950.0, 1975.0, 2010.0])
    slow = torch.tensor(0.005, dtype=torch.float64, requires_grad=True)
    out = model({"k_des": slow}, {**FORCING, "sampling_year": year})
    assert (out["radiocarbon_moc"] < out["radiocarbon_poc"]).all(), "minerals hold older carbon"
    assert (out["radiocarbon"] > out["radiocarbon_moc"]).all()
    assert out["radiocarbon"][1] > out["radiocarbon"][0]
    (slope,) = torch.autograd.grad(out["radiocarbon_moc"][0], slow)
    assert slope > 0, "faster desorption, younger carbon"
    plain = get_process("five_pool", formulation="constrained")({"k_des": slow}, FORCING)
    assert torch.equal(plain["soc"], out["soc"])
    assert "radiocarbon" not in plain
    with pytest.raises(ValueError, match="sampling_year"):
        model({}, FORCING)
