"""The five-pool model against 40-digit vectors, closed forms and its own guarantees."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.process import get_process
from hybridmap.process.five_pool.model import PARAMETERS, POOLS

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


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.floats(0.02, 0.98), min_size=len(PARAMETERS), max_size=len(PARAMETERS)),
    st.sampled_from(["relaxed", "constrained"]),
    st.sampled_from(["none", "bypass", "capacity"]),
    st.sampled_from(["explicit", "implicit"]),
    st.sampled_from([1.0, 1.3, 1.7, 2.0, 2.6]),
    st.floats(50, 1200),
    st.floats(-5, 28),
)
def test_the_differential_equations_rest_at_the_steady_state(
    positions, formulation, necromass, enzyme, exponent, npp, mat
):
    """One check for every variant: put the steady state into the equations of section 3 and nothing moves."""
    model = get_process(
        "five_pool", formulation=formulation, necromass=necromass, enzyme=enzyme, turnover_exponent=exponent
    )
    p = {}
    for position, parameter in zip(positions, model.parameters, strict=True):
        low, high = parameter.lower, parameter.upper
        value = low * (high / low) ** position if parameter.scale == "log" else low + position * (high - low)
        p[parameter.name] = torch.tensor([value], dtype=torch.float64)
    f = {"npp": torch.tensor([npp], dtype=torch.float64), "mat": torch.tensor([mat], dtype=torch.float64)}
    out = model(p, f)
    pools = {name: out[name] for name in POOLS}
    litter = npp * 1e-3 / 0.2
    # Fluxes far larger than the input cancel in DOC and MOC; rounding is relative to them.
    size = litter + float(abs(p["k_ads"] * out["doc"])) + float(abs(out["mbc"] * p["vmax_u"]))
    if formulation == "relaxed" and abs(float(out["doc"])) > 1e4 * litter:
        return  # at the pole of the algebra
    for name, rate in model.tendency(pools, p, f).items():
        assert abs(float(rate)) < 1e-8 * size, name
    assert float(out["respiration"] + out["leaching"]) == pytest.approx(litter, rel=1e-7)
    if formulation == "constrained":
        assert all(float(v) >= 0 for v in pools.values())
        if necromass != "bypass":
            assert float(out["moc"]) < float(p["q_max"])


def test_linear_turnover_makes_pools_blind_to_input_and_quadratic_does_not():
    npp = torch.tensor([300.0, 600.0], dtype=torch.float64)
    f = {"npp": npp, "mat": torch.full_like(npp, 10.0)}
    linear = get_process("five_pool", turnover_exponent=1.0)({}, f)
    for name in ("poc", "doc", "moc"):
        assert linear[name][0] == pytest.approx(float(linear[name][1]), rel=1e-12)
    assert linear["mbc"][1] == pytest.approx(2 * float(linear["mbc"][0]), rel=1e-12)
    quadratic = get_process("five_pool")({}, f)
    elasticity = {n: float(torch.log(quadratic[n][1] / quadratic[n][0])) / np.log(2) for n in ("poc", "doc", "mbc")}
    assert elasticity == pytest.approx({"poc": 0.517, "doc": 0.528, "mbc": 0.506}, abs=0.01)


def test_implicit_enzymes_equal_explicit_ones_with_the_ratio_folded_in():
    npp = torch.tensor([300.0, 800.0], dtype=torch.float64)
    f = {"npp": npp, "mat": torch.full_like(npp, 15.0)}
    explicit = get_process("five_pool")({}, f)
    ratio = torch.tensor(2.0e4 * 0.045 / 9.0, dtype=torch.float64)
    implicit = get_process("five_pool", enzyme="implicit")({"vmax_p": ratio}, f)
    for name in ("poc", "doc", "mbc", "moc", "margin_poc"):
        torch.testing.assert_close(implicit[name], explicit[name], rtol=1e-12, atol=0)
    assert (implicit["enz"] == 0).all()


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.5])
@pytest.mark.parametrize("formulation", ["relaxed", "constrained"])
def test_gradients_of_other_exponents(exponent, formulation):
    model = get_process("five_pool", formulation=formulation, turnover_exponent=exponent)
    f = {"npp": torch.tensor([500.0], dtype=torch.float64), "mat": torch.tensor([11.0], dtype=torch.float64)}
    names = ["cue", "vmax_u", "k_mb", "k_ep", "km_u", "q_max"]
    start = {p.name: torch.tensor([p.default], dtype=torch.float64, requires_grad=True) for p in model.parameters}

    def pools(*values):
        out = model(dict(zip(names, values, strict=True)), f)
        return torch.stack([out[n] for n in POOLS])

    assert torch.autograd.gradcheck(pools, [start[n] for n in names], eps=1e-7, atol=1e-5, rtol=1e-4)


def test_exponents_below_one_are_refused():
    with pytest.raises(ValueError, match=r"turnover_exponent 0\.5"):
        get_process("five_pool", turnover_exponent=0.5)


@settings(deadline=None)
@given(st.floats(0.5, 2.0), st.sampled_from(["relaxed", "constrained"]))
def test_a_scale_of_the_litter_is_that_of_its_input(scale: float, formulation: str) -> None:
    f = {"npp": torch.tensor([400.0, 600.0]), "mat": torch.tensor([5.0, 12.0])}
    scaled = get_process("five_pool", formulation=formulation, litter_scale=True)
    plain = get_process("five_pool", formulation=formulation)
    assert "litter_scale" not in {p.name for p in plain.parameters}
    expected = plain({}, f | {"npp": f["npp"] * scale})
    for name, values in scaled({"litter_scale": torch.tensor(scale)}, f).items():
        torch.testing.assert_close(values, expected[name], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(scaled({}, f)["soc"], plain({}, f)["soc"])
