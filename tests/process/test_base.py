"""Properties of every built-in process model over its whole parameter box, corners included."""

import pytest
import torch
from clm5_inputs import forcing as clm5_forcing
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.process import get_process, list_processes

POOLS = ("poc", "doc", "enz", "mbc", "moc", "soc")
MODELS = {
    "constrained": get_process("five_pool", formulation="constrained"),
    "capacity": get_process("five_pool", formulation="constrained", necromass="capacity", turnover_exponent=1.5),
    "bypass": get_process("five_pool", formulation="constrained", necromass="bypass", enzyme="implicit"),
    "clm5": get_process("clm5"),
    "clm5_simple": get_process("clm5", transport="simple_two"),
    "respiration": get_process("respiration"),
    "water_retention": get_process("water_retention"),
}
SITES = 6
places = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))


def forcing_of(name, seed):
    random = torch.Generator().manual_seed(seed)

    def uniform(low, high):
        return low + (high - low) * torch.rand(SITES, generator=random, dtype=torch.float64)

    if name.startswith("clm5"):
        f = clm5_forcing(SITES, seed, bedrock=[4.0, 9.7, 25.0][seed % 3])
        depth = torch.tensor([41.998, 0.8, 1.7, 0.0, 2.4, 41.998], dtype=torch.float64)[:, None]
        return f | {"altmax": depth.expand(SITES, 12), "altmax_lastyear": depth.expand(SITES, 12)}
    if name == "respiration":
        return {"air_temperature": uniform(-60.0, 60.0)}
    if name == "water_retention":
        return {"h": 10 ** uniform(0.0, 7.5)}
    return {"npp": uniform(5.0, 2500.0), "mat": uniform(-15.0, 30.0)}


def values_at(model, positions):
    """Parameters at a place in their box, 0 to 1, on the scale of each; the same at all sites."""
    found = {}
    for position, p in zip(positions, model.parameters, strict=False):
        log = p.scale == "log"
        value = p.lower * (p.upper / p.lower) ** position if log else p.lower + position * (p.upper - p.lower)
        found[p.name] = torch.full((SITES,), min(max(value, p.lower), p.upper), dtype=torch.float64)
    return found


def test_all_models_have_a_name():
    assert list_processes() == ["clm5", "clm5_interval", "five_pool", "respiration", "water_retention"]


boxes = st.lists(places, min_size=22, max_size=22)
every_model = pytest.mark.parametrize("name", MODELS)


@every_model
@settings(max_examples=40, deadline=None)
@given(boxes, st.integers(0, 1000))
def test_outputs_are_finite_and_amounts_not_negative(name, positions, seed):
    model = MODELS[name]
    out = model(values_at(model, positions), forcing_of(name, seed))
    for variable in model.outputs:
        assert torch.isfinite(out[variable.name]).all(), variable.name
        if not variable.name.startswith("margin"):  # feasibility margins have a sign
            assert (out[variable.name] >= 0).all(), variable.name


@every_model
@settings(max_examples=15, deadline=None)
@given(boxes, st.integers(0, 1000))
def test_gradients_are_finite(name, positions, seed):
    model = MODELS[name]
    p = {n: v.requires_grad_() for n, v in values_at(model, positions).items()}
    out = model(p, forcing_of(name, seed))
    amounts = [out[v.name] for v in model.outputs if out[v.name].requires_grad]
    gradients = torch.autograd.grad([a.sum() for a in amounts], list(p.values()), allow_unused=True)
    assert all(torch.isfinite(g).all() for g in gradients if g is not None)
    assert any((g != 0).any() for g in gradients if g is not None)


@every_model
@settings(max_examples=15, deadline=None)
@given(boxes, st.integers(0, 1000), st.permutations(range(SITES)))
def test_neighbours_order_and_batch_size_do_not_matter(name, positions, seed, order):
    model = MODELS[name]
    p, f = values_at(model, positions), forcing_of(name, seed)
    whole = model(p, f)
    permuted = model({n: v[order] for n, v in p.items()}, {n: v[order] for n, v in f.items()})
    alone = model({n: v[:1] for n, v in p.items()}, {n: v[:1] for n, v in f.items()})
    for variable in model.outputs:
        torch.testing.assert_close(permuted[variable.name], whole[variable.name][order], rtol=1e-12, atol=0)
        torch.testing.assert_close(alone[variable.name], whole[variable.name][:1], rtol=1e-12, atol=0)


@every_model
@settings(max_examples=15, deadline=None)
@given(boxes, st.integers(0, 1000))
def test_single_precision_is_an_interface_not_an_arithmetic(name, positions, seed):
    """float32 in and out, float64 inside: only the last rounding differs."""
    model = MODELS[name]
    p = {n: v.float() for n, v in values_at(model, positions).items()}
    f = {n: v.float() for n, v in forcing_of(name, seed).items()}
    single = model(p, f)
    double = model({n: v.double() for n, v in p.items()}, {n: v.double() for n, v in f.items()})
    for variable in model.outputs:
        assert single[variable.name].dtype == torch.float32
        expected = double[variable.name]
        representable = (expected > 1e-30) & (expected < 1e30)
        torch.testing.assert_close(
            single[variable.name].double()[representable], expected[representable], rtol=2e-7, atol=0
        )


@settings(max_examples=30, deadline=None)
@given(boxes, st.integers(0, 1000), st.floats(0.1, 10.0))
def test_clm5_is_linear_in_its_inputs(positions, seed, factor):
    model = MODELS["clm5"]
    p, f = values_at(model, positions), forcing_of("clm5", seed)
    more = {n: v * factor if n.startswith("input_") else v for n, v in f.items()}
    torch.testing.assert_close(model(p, more)["pools"], model(p, f)["pools"] * factor, rtol=1e-9, atol=1e-200)


TRANSFERS = ("fl1s1", "fl2s1", "fl3s2", "fs1s2", "fs1s3", "fs2s1", "fs2s3", "fs3s1")


@settings(max_examples=30, deadline=None)
@given(boxes, st.integers(0, 1000), st.sampled_from(TRANSFERS), st.floats(0.0, 1.0))
def test_clm5_pools_rise_with_every_share_that_is_passed_on(positions, seed, transfer, other):
    """What is passed on instead of respired adds to every pool: the inverse of an M-matrix grows with its couplings."""
    model = MODELS["clm5"]
    p, f = values_at(model, positions), forcing_of("clm5", seed)
    bounds = next(q for q in model.parameters if q.name == transfer)
    low, high = sorted((float(p[transfer][0]), bounds.lower + other * (bounds.upper - bounds.lower)))
    fewer, more = (model(p | {transfer: torch.full_like(p[transfer], share)}, f)["pools"] for share in (low, high))
    assert (more >= fewer * (1 - 1e-9)).all()


@settings(max_examples=30, deadline=None)
@given(boxes, st.integers(0, 1000), st.sampled_from(["tau4s3", "taul1", "taucwd"]), st.floats(1.0, 1.4))
def test_clm5_without_mixing_pools_last_as_their_turnover_times(positions, seed, time, factor):
    """Where nothing moves between layers, a pool that no other returns to is its input times its turnover time."""
    model = get_process("clm5", inputs_below_bedrock=True)
    f = clm5_forcing(2, seed, active=0.0)
    p = {n: v[:2] for n, v in values_at(model, positions).items()}
    p |= {"fs3s1": torch.full_like(p["fs3s1"], 1e-4)} if time == "tau4s3" else {}
    pool = {"taucwd": 0, "taul1": 1, "tau4s3": 6}[time]
    short, long = (model(p | {time: p[time] * k}, f)["pools"][:, pool, 0] for k in (1.0, factor))
    torch.testing.assert_close(long, short * factor, rtol=1e-3 if time == "tau4s3" else 1e-6, atol=0)


@settings(max_examples=50)
@given(st.floats(0.0, 20.0), st.floats(1.0, 3.0), st.floats(-60.0, 59.0), st.floats(0.0, 1.0))
def test_respiration_rises_with_temperature_and_is_proportional_to_its_base(rb, q10, temperature, warming):
    model = MODELS["respiration"]
    air = torch.tensor([temperature, temperature + warming, temperature], dtype=torch.float64)
    p = {"rb": torch.tensor([rb, rb, 2 * rb], dtype=torch.float64), "q10": torch.tensor(q10, dtype=torch.float64)}
    reco = model(p, {"air_temperature": air})["reco"]
    assert reco[1] >= reco[0] * (1 - 1e-12)
    assert reco[2] == pytest.approx(2 * float(reco[0]), rel=1e-12)
    assert reco[1] <= reco[0] * q10 ** (warming / 10.0) * (1 + 1e-12)
