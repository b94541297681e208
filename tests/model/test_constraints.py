"""Constraints: bounds always hold, starts are where they should be, and the published formulas."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.model import HybridModel, Roles
from hybridmap.model.constraints import CONSTRAINTS, ONE_SIDED, get_constraint, start_of
from hybridmap.process import Parameter, get_process


@pytest.mark.parametrize("name", sorted(CONSTRAINTS))
@settings(max_examples=40, deadline=None)
@given(st.floats(0.02, 0.98), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_positions_stay_between_the_bounds_and_come_back(name, start, raw):
    options = {"unit": torch.tensor([start], dtype=torch.float64)} if name in ONE_SIDED else {}
    constraint = get_constraint(name, **options).double()
    position = constraint.position(torch.tensor(raw, dtype=torch.float64)[:, None])
    assert ((position >= 0) & (position <= 1)).all()
    back = constraint.position(constraint.raw(torch.tensor([[start]], dtype=torch.float64)))
    assert float(back.detach()) == pytest.approx(start, rel=1e-6)


def test_hard_sigmoid_equals_the_vectors(shared):
    case = json.loads((shared / "vectors/metrics/dev.json").read_text())["param_violation"]
    z = torch.tensor(case["z"], dtype=torch.float64)
    constraint = get_constraint("hard_sigmoid")
    span = case["p_max"] - case["p_min"]
    np.testing.assert_allclose(case["p_min"] + span * constraint.position(z), case["hard_sigmoid"], rtol=1e-12)
    assert float(constraint.violation(z).sum()) == pytest.approx(case["sum"], rel=1e-12)
    relu = torch.relu(-z).sum()
    assert float(relu) == pytest.approx(case["relu_variant_sum"], rel=1e-12)


def test_trained_temperature_starts_in_the_middle_and_learns():
    constraint = get_constraint("sigmoid", temperature=(10.0, 109.0))
    assert float(constraint.temperature().detach()) == pytest.approx(59.5)
    constraint.position(torch.ones(4, 2)).sum().backward()
    assert constraint.t.grad != 0
    with pytest.raises(ValueError, match="temperature"):
        get_constraint("sigmoid", temperature=(5.0, 1.0))
    with pytest.raises(ValueError, match="no constraint 'tanh'"):
        get_constraint("tanh")
    with pytest.raises(ValueError, match="relu"):
        get_constraint("relu", temperature=2.0)


@pytest.mark.parametrize("constraint", [*sorted(CONSTRAINTS), {"name": "sigmoid", "temperature": [10, 109]}])
def test_neural_parameters_start_at_their_defaults_and_never_leave(constraint):
    process = get_process("respiration")
    encoder = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(encoder.weight)
    torch.nn.init.zeros_(encoder.bias)
    model = HybridModel(
        process, Roles(neural=["rb"], shared=["q10"]), encoder, constraint=constraint, covariate_names="ab"
    )
    values = model.physical_parameters(torch.randn(5, 2))
    torch.testing.assert_close(values["rb"], torch.full((5,), 3.0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(values["q10"], torch.tensor(1.5))
    for bias in (-1e7, 1e7):
        torch.nn.init.constant_(encoder.bias, bias)
        rb = model.physical_parameters(torch.randn(5, 2))["rb"].detach()
        assert ((rb >= 0) & (rb <= 20)).all()


def test_a_start_on_a_bound_is_refused():
    with pytest.raises(ValueError, match="x starts at 1, which is not strictly between its bounds"):
        start_of(Parameter("x", 1.0, 0.0, 1.0, "1", "a share"))
    assert start_of(Parameter("x", 1.0, 0.0, 1.0, "1", "a share", start=0.9)) == 0.9
