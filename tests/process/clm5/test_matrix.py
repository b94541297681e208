"""The CLM5 matrix model against extended-precision vectors, mass balance, and its own switches."""

import numpy as np
import pytest
import torch
from clm5_inputs import LOWER, MODEL, NAMES, UPPER, close, forcing, inputs, physical
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.process import get_process
from hybridmap.process.clm5.vertical import INTERFACE, THICKNESS


@pytest.fixture(scope="module")
def vectors(shared):
    with np.load(shared / "vectors/clm5/dev.npz") as archive:
        return dict(archive)


def test_parameters_are_those_of_the_vectors(vectors):
    assert [str(n).replace("-", "_") for n in vectors["para_names"]] == NAMES
    np.testing.assert_allclose(LOWER, vectors["para_min"])
    np.testing.assert_allclose(UPPER, vectors["para_max"])


def test_pools_soc_and_stock_agree_with_extended_precision(vectors):
    out = MODEL(*inputs(vectors))
    close(out["pools"], vectors["pools_hp"])
    close(out["soc"], vectors["soc_hp"])
    close(MODEL.stock(out["soc"], 9), vectors["stock_hp"])
    assert (out["pools"] >= 0).all()


def test_interpolation_to_observed_depths(vectors):
    soc = torch.tensor(vectors["soc_hp"])
    found = MODEL.at_depth(soc, torch.tensor(vectors["obs_depth"])).numpy()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(vectors["obs_depth"]))
    np.testing.assert_allclose(found, vectors["soc_obs_hp"], rtol=1e-9)
    nodes = torch.tensor(vectors["z_node"][:20]).expand(len(soc), 20)
    np.testing.assert_array_equal(MODEL.at_depth(soc, nodes), soc)


def test_operators_agree(vectors):
    parameters, forcing = inputs(vectors)
    for band, name in zip(MODEL.bands(parameters, forcing), ("V_sub", "V_diag", "V_sup"), strict=True):
        close(band.T, vectors[name], rtol=1e-12)


def test_gradients_agree(vectors):
    para = torch.tensor(vectors["para"]).requires_grad_()
    out = MODEL(physical(para), inputs(vectors)[1])
    (gradient,) = torch.autograd.grad(MODEL.stock(out["soc"], 9).sum(), para)
    expected = vectors["grad_stock_hp"].copy()
    assert (gradient[:, NAMES.index("taucwd")] == 0).all()
    expected[:, NAMES.index("taucwd")] = 0
    scale = np.abs(expected).max(axis=1, keepdims=True)
    assert (np.abs(gradient.numpy() - expected) <= 1e-6 * np.abs(expected) + 1e-10 * scale).all()


COMPONENTS = {
    "asref_hp_xi": "environment", "asref_hp_V": "transport", "asref_hp_K": "decomposition", "asref_hp_A": "transfer",
    "asref_hp_I": "allocation", "asref_hp_litter_fraction": "litter_fraction", "asref_carbon_input": "input",
}  # fmt: skip


@pytest.mark.parametrize("array", COMPONENTS)
def test_components_as_published(vectors, array):
    found = MODEL.components(*inputs(vectors))[COMPONENTS[array]].numpy()
    expected = vectors[array]
    rows = vectors["site_class"] != "frozen" if array == "asref_hp_I" else slice(None)
    np.testing.assert_allclose(found[rows], expected[rows], rtol=1e-5 if array == "asref_hp_I" else 1e-8)


def test_components_as_intended(vectors):
    """The intended formulas on the published steady state."""
    model = get_process("clm5", bedrock_leak=True, inputs_below_bedrock=True, cryoturbation_floor="3m")
    found = model.components(*inputs(vectors))
    np.testing.assert_allclose(found["decomposition"], vectors["corrected_K"], rtol=1e-8)
    np.testing.assert_allclose(found["litter_fraction"], vectors["corrected_litter_fraction"], rtol=1e-8)


@pytest.mark.parametrize("kind", ["one", "two"])
def test_simple_transport(vectors, kind):
    rows, para = vectors["simple_sites"], torch.tensor(vectors["simple_para"])
    parameters = physical(para[:, :21])
    if kind == "two":
        parameters["simple_down"] = para[:, 21]
    out = get_process("clm5", as_published=True, transport=f"simple_{kind}")(parameters, inputs(vectors, rows)[1])
    close(out["soc"], vectors[f"soc_simple_{kind}_hp"])


box = st.lists(st.floats(0.0, 1.0), min_size=21, max_size=21)


@settings(max_examples=100, deadline=None)
@given(box, st.sampled_from([0.0, 5.0, 9.7, 25.0]), st.sampled_from([0.0, 0.8, 1.7, 41.998]))
def test_respiration_equals_input_and_pools_are_positive(values, bedrock, active):
    """The default conserves mass for any parameters, bedrock and active layer; the published leak does not."""
    model = get_process("clm5")
    para = torch.tensor([values], dtype=torch.float64)
    p, f = physical(para), forcing(1, 3, bedrock, active)
    out = model(p, f)
    assert torch.isfinite(out["pools"]).all()
    assert (out["pools"] >= 0).all()
    assert respired(model, p, f, out["pools"]) == pytest.approx(total_input(f), rel=1e-12)


def respired(model, p, f, pools):
    decay, litter = model.decay({n: v.expand(len(pools)) for n, v in p.items()}, f)
    kept = {
        1: p["fl1s1"], 2: p["fl2s1"], 3: p["fl3s2"], 4: p["fs1s2"] + p["fs1s3"], 5: p["fs2s1"] + p["fs2s3"],
        6: p["fs3s1"],
    }  # fmt: skip
    tau = {1: p["taul1"], 2: p["taul2"], 3: p["taul2"], 4: p["tau4s1"], 5: p["tau4s2"], 6: p["tau4s3"]}
    total = 0.0
    for q, share in kept.items():
        rate = (litter if q < 4 else decay) / (365 * tau[q])
        total += float((THICKNESS @ (rate * pools[:, q].T) * (1 - share)).sum())
    return total


def total_input(f):
    return sum(float(f[f"input_{n}"].sum()) for n in ("cwd", "litter1", "litter2", "litter3")) / 365


def test_frozen_layers_at_the_corner_of_the_box_conserve_mass():
    """Carbon under the active layer piles up to 1e30 g m-3, so that any flux that is not balanced shows."""
    para = torch.full((1, 21), 0.5, dtype=torch.float64)
    para[0, NAMES.index("efolding")], para[0, NAMES.index("beta")], para[0, NAMES.index("w_scaling")] = 0.0, 1.0, 0.0
    p, f = physical(para), forcing(1, 3, active=0.8)
    model, published = get_process("clm5"), get_process("clm5", bedrock_leak=True)
    pools = model(p, f)["pools"]
    assert pools.max() > 1e30
    assert respired(model, p, f, pools) == pytest.approx(total_input(f), rel=1e-12)
    assert respired(published, p, f, published(p, f)["pools"]) < 0.8 * total_input(f)


def test_the_published_leak_loses_carbon_to_the_rock():
    para, f = torch.full((1, 21), 0.5, dtype=torch.float64), forcing(1, 3, bedrock=6.0)
    p = physical(para)
    leaky = get_process("clm5", bedrock_leak=True)
    lost = 1 - respired(leaky, p, f, leaky(p, f)["pools"]) / total_input(f)
    assert 1e-4 < lost < 0.35


def test_no_carbon_under_the_bedrock_unless_published():
    para, f = torch.full((1, 21), 0.5, dtype=torch.float64), forcing(1, 3, bedrock=6.0)
    para[0, NAMES.index("beta")] = 0.98
    assert get_process("clm5")(physical(para), f)["soc"][0, 7:].max() < 1e-6
    assert get_process("clm5", as_published=True)(physical(para), f)["soc"][0, 7:].min() > 1.0


def test_cryoturbation_ends_at_the_bedrock_in_the_default():
    p, f = physical(torch.full((1, 21), 0.5, dtype=torch.float64)), forcing(1, 3, bedrock=10.0, active=1.0)
    published = get_process("clm5", cryoturbation_floor="3m").bands(p, f)[0]
    floor = get_process("clm5").bands(p, f)[0]
    below = (INTERFACE[:20] > 1.0).nonzero()[1]
    assert published[below].abs() > floor[below].abs() * 1.05


@pytest.mark.parametrize("transport", ["mixing", "simple_one"])
def test_gradients_by_finite_differences_reach_the_forcing(transport):
    model = get_process("clm5", transport=transport)
    f = forcing(2, 5, bedrock=12.0, active=1.4)
    para = torch.rand((2, 21), generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.8 + 0.1
    names = ["input_litter2", "soil_temperature", "w_scalar", "o_scalar", "n_scalar"]

    def stock(para, *values):
        out = model(physical(para), {**f, **dict(zip(names, values, strict=True))})
        return model.stock(out["soc"], 9) / 1e4

    leaves = [para.requires_grad_(), *(f[n].clone().requires_grad_() for n in names)]
    torch.autograd.gradcheck(stock, leaves, eps=1e-6, atol=1e-6, rtol=1e-4, fast_mode=True)


def test_one_bad_site_is_nan_and_leaves_the_others_alone():
    f, para = forcing(4), torch.full((4, 21), 0.4, dtype=torch.float64)
    whole = get_process("clm5")(physical(para), f)["soc"]
    f = {name: values.clone() for name, values in f.items()}
    f["soil_temperature"][1, 3, 5] = torch.nan
    f["sand"] = torch.full((4, 20, 12), 40.0, dtype=torch.float64)
    f["sand"][2, 0, 0] = torch.nan
    f["altmax"][3, 4] = torch.nan
    para.requires_grad_()
    with pytest.warns(RuntimeWarning, match="3 of 4 sites are NaN"):
        soc = get_process("clm5")(physical(para), f)["soc"]
    assert torch.isnan(soc[1:]).all()
    torch.testing.assert_close(soc[0], whole[0], rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(soc[0].sum(), para)
    assert torch.isfinite(gradient).all()


def test_a_layer_that_never_decomposes_is_nan():
    f, para = forcing(2), torch.full((2, 21), 0.4, dtype=torch.float64)
    f["w_scalar"][1, 7] = 0.0
    with pytest.warns(RuntimeWarning, match="1 of 2 sites"):
        soc = get_process("clm5")(physical(para), f)["soc"]
    assert torch.isfinite(soc[0]).all()
    assert torch.isnan(soc[1]).all()


def test_sites_do_not_depend_on_their_batch():
    f, para = forcing(6), torch.rand((6, 21), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = MODEL(physical(para), f)["pools"]
    order = [4, 1, 3]
    part = MODEL(physical(para[order]), {n: v[order] for n, v in f.items()})["pools"]
    torch.testing.assert_close(part, whole[order], rtol=1e-13, atol=0)


def test_float32_interface(vectors):
    rows = vectors["para_kind"] == "prior_like"
    p, f = inputs(vectors, rows)
    single = MODEL({n: v.float() for n, v in p.items()}, {n: v.float() for n, v in f.items()})
    assert single["soc"].dtype == torch.float32
    expected = vectors["soc_hp"][rows][:, :9]
    representable = expected > 1e-30
    np.testing.assert_allclose(single["soc"][:, :9].numpy()[representable], expected[representable], rtol=2e-4)
