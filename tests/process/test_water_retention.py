"""Water retention against vectors, closed forms and bounds."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
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
