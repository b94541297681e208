"""The five-pool model against 40-digit vectors, closed forms and its own guarantees."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.process import get_process
from hybridmap.process.five_pool import PARAMETERS, POOLS

WIDE = {
    "cue": (0.05, 0.70), "f_poc": (0.10, 0.95), "vmax_p": (1e3, 1e6), "km_p": (1, 1e3), "vmax_u": (5, 1e3),
    "km_u": (0.01, 10), "k_mb": (0.1, 50), "k_ep": (0.005, 1), "k_el": (0.7, 90), "q_max": (5, 150),
    "k_ads": (0.1, 1e4), "k_des": (1e-4, 10), "a_p": (0, 0.5), "a_m": (0, 0.5),
    "k_leach": (0.01, 2), "k_frag": (1e-3, 0.1),
}  # fmt: skip


@pytest.fixture(scope="module")
def vectors(shared):
    with np.load(shared / "vectors/five_pool/dev.npz") as archive:
        return dict(archive)


def inputs(vectors, rows=slice(None), dtype=torch.float64, zero=()):
    parameters = {
        str(name): torch.tensor(vectors["params"][rows, i], dtype=dtype)
        for i, name in enumerate(vectors["param_names"])
    }
    parameters |= {name: torch.zeros_like(parameters[name]) for name in zero}
    forcing = {name: torch.tensor(vectors[name][rows], dtype=dtype) for name in ("npp", "mat", "depth", "phi")}
    return parameters, forcing


CASES = {
    "relaxed": {"formulation": "relaxed"},
    "relaxed_necromass_bypass": {"formulation": "relaxed", "necromass": "bypass"},
    "constrained": {"formulation": "constrained"},
    "constrained_necromass_bypass": {"formulation": "constrained", "necromass": "bypass"},
    "constrained_necromass_capacity": {"formulation": "constrained", "necromass": "capacity"},
}


@pytest.mark.parametrize("case", CASES)
def test_pools_agree_with_high_precision(vectors, case):
    out = get_process("five_pool", **CASES[case])(*inputs(vectors))
    pools = np.stack([out[name].numpy() for name in POOLS], axis=1)
    np.testing.assert_allclose(pools, vectors[case], rtol=1e-9)
    np.testing.assert_allclose(out["soc"].numpy(), vectors[case].sum(axis=1), rtol=1e-9)


def test_relaxed_diagnostics(vectors):
    out = get_process("five_pool", formulation="relaxed")(*inputs(vectors))
    np.testing.assert_allclose(out["moc_saturation"], vectors["relaxed_saturation"], rtol=1e-9)
    np.testing.assert_allclose(out["margin_uptake"], vectors["relaxed_margin_uptake"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(out["margin_poc"], vectors["relaxed_margin_poc"], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(out["feasible"].numpy().astype(bool), vectors["relaxed_feasible"])


def test_constrained_exits(vectors):
    out = get_process("five_pool", formulation="constrained")(*inputs(vectors))
    np.testing.assert_allclose(out["respiration"], vectors["constrained_respiration"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(out["leaching"], vectors["constrained_leaching"], rtol=1e-9)
    np.testing.assert_array_equal(out["extinct"].numpy().astype(bool), vectors["extinct"])


def test_float32_interface(vectors):
    rows = vectors["relaxed_feasible"]
    out = get_process("five_pool")(*inputs(vectors, rows, torch.float32))
    assert out["soc"].dtype == torch.float32
    pools = np.stack([out[name].numpy() for name in POOLS], axis=1)
    np.testing.assert_allclose(pools, vectors["relaxed"][rows], rtol=1e-4)


@pytest.mark.parametrize("case", ["relaxed", "constrained_necromass_capacity"])
def test_gradients_agree_with_high_precision(vectors, case):
    expected = vectors[f"grad_{case}"]
    parameters, forcing = inputs(vectors, slice(len(expected)))
    leaves = {**parameters, "npp": forcing["npp"], "mat": forcing["mat"]}
    for leaf in leaves.values():
        leaf.requires_grad_()
    out = get_process("five_pool", **CASES[case])(parameters, forcing)
    for o, name in enumerate(vectors["grad_output_names"]):
        grads = torch.autograd.grad(out[str(name)].sum(), list(leaves.values()), retain_graph=True, allow_unused=True)
        ours = np.stack([np.zeros(len(expected)) if g is None else g.numpy() for g in grads], axis=1)
        scale = np.abs(expected[:, o]).max(axis=1, keepdims=True)
        assert np.all(np.abs(ours - expected[:, o]) <= 1e-6 * np.abs(expected[:, o]) + 1e-10 * scale), name


@pytest.mark.parametrize(
    ("mat", "soc", "saturation"),
    [(0, 48.5996127020, 0.6321557652), (10, 36.3005178873, 0.4899406053), (20, 25.6026781570, 0.3516341815)],
)
def test_published_defaults(mat, soc, saturation):
    out = get_process("five_pool")({}, {"npp": torch.tensor([500.0], dtype=torch.float64), "mat": torch.tensor([mat])})
    assert out["soc"].item() == pytest.approx(soc, rel=1e-10)
    assert out["moc_saturation"].item() == pytest.approx(saturation, rel=1e-9)


def test_relaxed_overshoot_needs_negative_doc():
    parameters = {"km_u": 2.0, "k_ads": 2.0, "k_des": 0.02, "q_max": 20.0, "vmax_u": 3.2}
    tensors = {k: torch.tensor([v], dtype=torch.float64) for k, v in parameters.items()}
    forcing = {"npp": torch.tensor([500.0], dtype=torch.float64), "mat": torch.tensor([10.0])}
    relaxed = get_process("five_pool")(tensors, forcing)
    assert relaxed["moc_saturation"].item() == pytest.approx(1.0420, abs=5e-5)
    assert relaxed["doc"].item() == pytest.approx(-4.454, abs=5e-4)
    assert relaxed["feasible"].item() == 0
    constrained = get_process("five_pool", formulation="constrained")(tensors, forcing)
    assert 0 < constrained["moc_saturation"].item() < 1
    assert constrained["doc"].item() > 0


def draw(seed, n=256):
    rng = np.random.default_rng(seed)
    parameters = {}
    for p in PARAMETERS:
        low, high = WIDE[p.name]
        values = np.exp(rng.uniform(np.log(low), np.log(high), n)) if p.scale == "log" else rng.uniform(low, high, n)
        parameters[p.name] = torch.tensor(values)
    forcing = {"npp": torch.tensor(rng.uniform(5, 2500, n)), "mat": torch.tensor(rng.uniform(-15, 30, n))}
    return parameters, forcing


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["none", "capacity"]))
def test_constrained_guarantees(seed, necromass):
    """Every positive parameter vector has non-negative pools, MOC below capacity, and closes its carbon balance."""
    parameters, forcing = draw(seed)
    out = get_process("five_pool", formulation="constrained", necromass=necromass)(parameters, forcing)
    for name in POOLS:
        assert torch.isfinite(out[name]).all()
        assert (out[name] >= 0).all()
    assert (out["moc_saturation"] < 1).all()
    litter = forcing["npp"] * 1e-3 / 0.20
    torch.testing.assert_close(out["respiration"] + out["leaching"], litter, rtol=1e-9, atol=0)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["relaxed", "constrained"]))
def test_sites_do_not_see_each_other(seed, formulation):
    parameters, forcing = draw(seed, 32)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(seed))
    model = get_process("five_pool", formulation=formulation)
    whole = model(parameters, forcing)["soc"][order]
    permuted = model({k: v[order] for k, v in parameters.items()}, {k: v[order] for k, v in forcing.items()})["soc"]
    torch.testing.assert_close(whole, permuted, rtol=1e-12, atol=0)


def test_unknown_names_are_refused():
    model = get_process("five_pool")
    forcing = {"npp": torch.ones(1), "mat": torch.ones(1)}
    with pytest.raises(ValueError, match="no parameter"):
        model({"kue": torch.ones(1)}, forcing)
    with pytest.raises(ValueError, match="needs the forcing"):
        model({}, {"npp": torch.ones(1)})
    with pytest.raises(ValueError, match="not one of"):
        get_process("five_pool", formulation="loose")
    with pytest.raises(ValueError, match="no process model"):
        get_process("six_pool")
