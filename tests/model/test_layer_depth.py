"""What the depth of a layer means for process models: shares of litter, thickness, and what is seen of a column."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hybridmap.encoders import MLP
from hybridmap.model import HybridModel, Roles
from hybridmap.model.layer_depth import LayerDepth, root_share
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.process import ProcessModel, Variable, get_process
from hybridmap.process.base import Parameter, gather_inputs

ENDS = st.lists(st.floats(0.01, 3.0), min_size=2, max_size=8, unique=True).map(sorted)


class Column(ProcessModel):
    """Carbon that falls with depth in three layers."""

    name = "column"
    parameters = (Parameter("surface", 30.0, 1.0, 100.0, "kg m-3", "carbon of the uppermost layer"),)
    forcing = (Variable("mat", ("site",), "degC", "temperature", valid_range=(-40, 45)),)
    outputs = (
        Variable("soc", ("site", "layer"), "kg m-3", "carbon"),
        Variable("total", ("site",), "kg m-2", "carbon of the column"),
    )
    layer_interfaces = (0.0, 0.1, 0.3, 1.0)

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        p, f, dtype = gather_inputs(self, parameters, forcing)
        share = torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64)
        soc = (p["surface"] + 0 * f["mat"])[..., None] * share
        return {"soc": soc.to(dtype), "total": (soc @ torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)).to(dtype)}


@given(ends=ENDS, beta=st.floats(0.9, 0.99))
def test_shares_of_layers_that_touch_add_up_to_that_of_all(ends: list[float], beta: float) -> None:
    depths = torch.tensor([0.0, *ends], dtype=torch.float64)
    shares = root_share(depths[:-1], depths[1:], beta)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(), 1.0 - beta ** (100.0 * ends[-1]), rtol=1e-9)


def test_all_the_litter_of_a_column_enters_once() -> None:
    """Carbon of a five-pool soil is not linear in its litter, but what is put into its layers is the NPP, no more."""
    top = torch.arange(0.0, 20.0, 0.1, dtype=torch.float64)
    depth = LayerDepth(get_process("five_pool"), {}, 0.966)
    sites = torch.full_like(top, 500.0)
    forcing = depth.forcing_of({"npp": sites, "mat": sites / 50, "layer_top": top, "layer_bottom": top + 0.1})
    assert set(forcing) == {"npp", "mat", "depth"}
    np.testing.assert_allclose(forcing["npp"].sum(), 500.0, rtol=1e-6)
    np.testing.assert_allclose(forcing["depth"], 0.1, rtol=1e-9)
    np.testing.assert_array_equal(forcing["mat"], sites / 50)  # a temperature is not shared out


@pytest.mark.parametrize(("root_beta", "encoded"), [(None, ()), (0.966, LAYER_INPUTS)])
def test_the_encoder_of_a_layer_sees_its_depth(root_beta: float | None, encoded: tuple[str, ...]) -> None:
    constants = {"depth": 0.2} if root_beta is None else {}
    depth = LayerDepth(get_process("five_pool"), constants, root_beta)
    assert depth.encoded == encoded
    assert depth.forcing_names == ("npp", "mat", *encoded)


def hybrid(root_beta: float | None, **constants: float) -> HybridModel:
    torch.manual_seed(0)
    return HybridModel(
        Column(), Roles(neural=["surface"]), MLP(2, 1), covariate_names=["a", "b"], target_names=["soc"],
        forcing_constants=constants, root_beta=root_beta,
    ).eval()  # fmt: skip


def forcing(top: float, bottom: float) -> dict[str, Tensor]:
    ends = {name: torch.full((5,), value) for name, value in zip(LAYER_INPUTS, (top, bottom), strict=True)}
    return {"mat": torch.zeros(5), **ends}


def test_a_column_has_one_set_of_parameters_and_is_observed_on_the_interval() -> None:
    model, covariates = hybrid(0.966), torch.randn(5, 2)
    with torch.no_grad():
        upper, lower = (model(covariates, forcing(*ends)) for ends in ((0.0, 0.1), (0.2, 0.5)))
    np.testing.assert_array_equal(upper["parameter.surface"], lower["parameter.surface"])
    np.testing.assert_allclose(upper["soc"], upper["parameter.surface"], rtol=1e-6)
    np.testing.assert_allclose(lower["soc"], upper["soc"] * (0.1 * 0.5 + 0.2 * 0.2) / 0.3, rtol=1e-6)
    np.testing.assert_allclose(lower["total"], upper["total"], rtol=1e-6)


def test_a_column_of_one_interval_can_be_asked_for_another() -> None:
    model, covariates = hybrid(None, layer_top=0.0, layer_bottom=0.3), torch.randn(5, 2)
    with torch.no_grad():
        plain = model(covariates, {"mat": torch.zeros(5)})["soc"]
        np.testing.assert_allclose(plain, model(covariates, forcing(0.0, 0.3))["soc"])
        assert (model(covariates, forcing(0.5, 0.9))["soc"] < plain).all()
    assert "layer_top" not in model.forcing_names


def test_members_side_by_side_see_the_same_depths() -> None:
    from hybridmap.model.members import stack

    models = [hybrid(0.966) for _ in range(2)]
    together = stack(models)
    covariates, driven = torch.randn(5, 2), forcing(0.05, 0.4)
    out = together(covariates.expand(2, 5, 2), {name: values.expand(2, 5) for name, values in driven.items()})["soc"]
    np.testing.assert_allclose(out[1].detach(), models[1](covariates, driven)["soc"].detach(), rtol=1e-6)


def test_gradients_reach_the_parameters_through_the_interval() -> None:
    model = hybrid(0.966)
    model(torch.randn(5, 2), forcing(0.05, 0.4))["soc"].sum().backward()
    gradients: list[Any] = [p.grad for p in model.encoder.parameters()]
    assert any(g is not None and bool((g != 0).any()) for g in gradients)


def test_a_forcing_per_area_says_how_it_enters_layers() -> None:
    from dataclasses import replace

    process = get_process("five_pool")
    unsaid = tuple(replace(v, enters_by_roots=None) for v in process.forcing)
    process.forcing = unsaid
    assert LayerDepth(process, {"depth": 0.2}, None).forcing_names == ("npp", "mat")
    with pytest.raises(ValueError, match=r"'npp' is per area \[g m-2 yr-1\].*enters_by_roots=True"):
        LayerDepth(process, {}, 0.966)
    process.forcing = tuple(replace(v, enters_by_roots=False) for v in process.forcing)
    ends = {"layer_top": torch.tensor([0.1]), "layer_bottom": torch.tensor([0.3])}
    driven = {"npp": torch.tensor([500.0]), "mat": torch.tensor([5.0]), **ends}
    assert float(LayerDepth(process, {}, 0.966).forcing_of(driven)["npp"]) == 500.0


def test_a_column_is_computed_once_and_seen_at_any_depth() -> None:
    model, covariates = hybrid(0.966), torch.randn(5, 2)
    with torch.no_grad():
        _, encoded = model.encode(covariates, {"mat": torch.zeros(5)})
        column = model.column(encoded, {"mat": torch.zeros(5)})
        assert column.outputs["soc"].shape == (5, 3)
        for ends in ((0.0, 0.05), (0.05, 0.4), (0.3, 1.0)):
            seen = model.observed(column, forcing(*ends)).outputs
            whole = model(covariates, forcing(*ends))
            np.testing.assert_array_equal(seen["soc"], whole["soc"])
            np.testing.assert_array_equal(seen["parameter.surface"], whole["parameter.surface"])
