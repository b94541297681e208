"""Water retention against vectors, closed forms and bounds."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from hybridmap.process import get_process


def columns(path):
    table = pd.read_csv(path).select_dtypes("number")
    return {name: torch.tensor(table[name].to_numpy(float)) for name in table}


def retention(v, **leaves):
    names = {"theta_s": "theta_s", "h_m": "h_m_cm", "sigma": "sigma", "theta_o": "theta_o", "h_d": "h_d_cm"}
    return {n: leaves.get(n, v[c]) for n, c in names.items()}


def test_retention_agrees(shared):
    v = columns(shared / "vectors/lk/dev.csv")
    model = get_process("water_retention", clamp=False)
    out = model(retention(v), {"h": v["h_cm"]})
    for name in ("theta", "theta_c", "theta_a"):
        np.testing.assert_allclose(out[name], v[name], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(model.available_water(retention(v)), v["awc"], rtol=1e-10)


def test_retention_gradients_agree(shared):
    v = columns(shared / "vectors/lk/dev.csv")
    leaves = {n: t.requires_grad_() for n, t in retention(v).items()}
    h = v["h_cm"].requires_grad_()
    theta = get_process("water_retention", clamp=False)(leaves, {"h": h})["theta"]
    wanted = {"theta_s": "theta_s", "h_m": "h_m", "sigma": "sigma", "theta_o": "theta_o"}
    grads = torch.autograd.grad(theta.sum(), [*(leaves[n] for n in wanted), h])
    for gradient, name in zip(grads, [*wanted.values(), "h"], strict=True):
        np.testing.assert_allclose(gradient, v[f"dtheta_d{name}"], rtol=1e-8, atol=1e-13)


@given(
    theta_s=st.floats(0.3, 0.7), h_m=st.floats(5, 3e4), sigma=st.floats(0.5, 5), share=st.floats(0, 0.99),
)  # fmt: skip
def test_retention_falls_from_saturation_and_stays_in_bounds(theta_s, h_m, sigma, share):
    suction = torch.logspace(0, np.log10(6.3e6), 200, dtype=torch.float64)[None]
    p = {"theta_s": theta_s, "h_m": h_m, "sigma": sigma, "theta_o": share * theta_s}
    p = {n: torch.tensor([x], dtype=torch.float64) for n, x in p.items()}
    theta = get_process("water_retention")(p, {"h": suction})["theta"][0]
    assert (theta >= 0).all()
    assert (theta <= theta_s + 1e-12).all()
    assert (torch.diff(theta) <= 1e-12).all()
    assert get_process("water_retention").available_water(p) >= 0


def test_retention_at_saturation_beyond_dryness_and_for_a_wrong_sign():
    h = torch.tensor([0.0, 1e7, -100.0], dtype=torch.float64)
    defaults = {"theta_s": torch.tensor(0.45, dtype=torch.float64)}
    with pytest.warns(RuntimeWarning, match="water_retention: 1 of 3 sites are NaN"):
        theta = get_process("water_retention")(defaults, {"h": h})["theta"]
    assert theta[0] == pytest.approx(0.45, abs=1e-12)
    assert 0 <= theta[1] < 1e-3
    assert torch.isnan(theta[2])


HEADS = {"theta_33": 33, "theta_1500": 1500}


def test_declared_suctions_give_what_the_curve_gives_there():
    random = torch.Generator().manual_seed(0)
    model = get_process("water_retention", heads_kpa=HEADS, available_between_kpa=[33, 1500])
    p = {
        v.name: v.lower + (v.upper - v.lower) * torch.rand(5, generator=random, dtype=torch.float64)
        for v in model.parameters
    }
    out = model(p, {"depth": torch.full((5,), 0.3, dtype=torch.float64)})
    for name, kpa in HEADS.items():
        suction = torch.full((5,), kpa * 10.19716, dtype=torch.float64)
        torch.testing.assert_close(out[name], get_process("water_retention")(p, {"h": suction})["theta"])
    torch.testing.assert_close(out["available_water"], out["theta_33"] - out["theta_1500"])
    torch.testing.assert_close(out["available_water_mm"], 300.0 * out["available_water"])


def test_by_default_water_is_available_from_field_capacity_to_the_wilting_point():
    model = get_process("water_retention", heads_kpa={"theta_5": 5})
    p = {"h_m": torch.tensor([50.0, 900.0], dtype=torch.float64)}
    out = model(p, {"depth": torch.tensor([0.2, 0.2], dtype=torch.float64)})
    torch.testing.assert_close(out["available_water"], model.available_water(p))


@given(
    oc=st.floats(0.1, 550), mineral=st.floats(0.9, 1.9), organic=st.floats(0.05, 0.6),
    more=st.floats(1.01, 3.0),
)  # fmt: skip
def test_more_carbon_makes_lighter_soil_with_more_pores_by_both_forms(oc, mineral, organic, more):
    assume(mineral / 2.65 > organic / 1.4 + 1e-6)  # organic matter has more pores
    one = {name: torch.tensor(v, dtype=torch.float64) for name, v in (("bd_mineral", mineral), ("bd_organic", organic))}
    content = torch.tensor([oc, min(oc * more, 580.0)], dtype=torch.float64)
    depth = torch.tensor(0.2, dtype=torch.float64)
    options = {"heads_kpa": HEADS, "available_between_kpa": [33, 1500]}
    by_content = get_process("water_retention", organic="content", **options)(one, {"oc": content, "depth": depth})
    bulk_density = by_content["bulk_density"]
    mass = 1.724e-3 * content
    torch.testing.assert_close(1.0 / bulk_density, mass / organic + (1 - mass) / mineral)
    assert bulk_density[1] < bulk_density[0] <= mineral
    assert by_content["porosity"][1] > by_content["porosity"][0]
    forcing = {"soc": content * bulk_density, "depth": depth}
    by_density = get_process("water_retention", organic="density", **options)(one, forcing)
    for name, values in by_content.items():
        torch.testing.assert_close(by_density[name], values, rtol=1e-7, atol=1e-9)


@given(oc=st.floats(0.0, 200.0), h_m=st.floats(5, 3e4), sigma=st.floats(0.5, 5))
def test_where_only_pores_respond_more_carbon_means_more_available_water(oc, h_m, sigma):
    model = get_process("water_retention", heads_kpa=HEADS, available_between_kpa=[33, 1500], organic="content")
    p = {"theta_o": 0.0, "w_organic": 0.0, "h_m_organic": h_m, "h_m": h_m, "sigma": sigma}
    p = {name: torch.tensor(v, dtype=torch.float64) for name, v in p.items()}
    depth = torch.tensor(0.2, dtype=torch.float64)
    water = model(p, {"oc": torch.tensor([oc, oc + 10.0], dtype=torch.float64), "depth": depth})["available_water_mm"]
    assert water[1] >= water[0] - 1e-12
    assert (water <= 200.0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"heads_kpa": {}}, r"heads_kpa is \{\}; expected outputs and their suctions in kPa above 0"),
        ({"heads_kpa": {"theta_33": -33}}, "expected outputs and their suctions"),
        ({"heads_kpa": [33, 1500]}, "expected outputs and their suctions"),
        ({"heads_kpa": {"porosity": 33}}, "names 'porosity', another output"),
        ({"available_between_kpa": [1500, 33]}, "expected two rising suctions"),
        ({"available_between_kpa": "33"}, "expected two rising suctions"),
        ({"organic": "carbon"}, r"organic is 'carbon'; expected one of \['content', 'density'\]"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        get_process("water_retention", **options)
