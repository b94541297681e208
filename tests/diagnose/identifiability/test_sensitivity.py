"""Derivatives of predictions with respect to parameters."""

from collections.abc import Mapping

import numpy as np
import pytest
import small_models
import torch

from hybridmap.diagnose.identifiability import NotJudgedError
from hybridmap.diagnose.identifiability.sensitivity import sensitivity
from hybridmap.model import HybridModel


def test_derivatives_are_those_of_a_finite_difference() -> None:
    model, (data, _) = small_models.model_of().eval(), small_models.landscape(40)
    errors = dict.fromkeys(data.targets, 2.0)
    result = sensitivity(model, data.covariates, data.forcing, data.targets, errors)
    assert result.names == ("cue", "q_max", "km_p")
    assert result.neural == 2
    assert len(result.rows) == sum(int((~torch.isnan(v)).sum()) for v in data.targets.values())
    positions = model.learned_positions(data.covariates, data.forcing).detach().double()
    forcing = {name: values.double() for name, values in data.forcing.items()}
    step = torch.tensor([0.0, 1e-5, 0.0]).double()
    ends = [model.outputs_at(positions + sign * step, forcing)["moc"] for sign in (1, -1)]
    expected = ((ends[0] - ends[1]) / 2e-5 / 2.0).numpy()
    rows = result.rows[result.target == "moc", 1]
    np.testing.assert_allclose(rows, expected[result.site[result.target == "moc"]], rtol=1e-4)


@pytest.mark.parametrize("part", ["all of it", "one parameter"])
def test_a_detached_part_is_not_judged(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, (data, _) = small_models.model_of().eval(), small_models.landscape(40)
    assert isinstance(model, HybridModel)
    run = model._process.__class__.__call__

    def detached(self: object, parameters: Mapping[str, torch.Tensor], forcing: Mapping[str, torch.Tensor]) -> object:
        names = list(parameters) if part == "all of it" else ["q_max"]
        return run(self, {n: v.detach() if n in names else v for n, v in parameters.items()}, forcing)

    monkeypatch.setattr(model._process.__class__, "__call__", detached)
    with pytest.raises(NotJudgedError, match="detached"):
        sensitivity(model, data.covariates, data.forcing, data.targets, dict.fromkeys(data.targets, 2.0))
