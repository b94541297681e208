"""Penalties say what they need, and padding of members that train side by side does not count."""

import pytest
import torch
from small_models import SPEC, landscape, model_of

from hybridmap.errors import HybridmapError
from hybridmap.model import Run
from hybridmap.process import get_process
from hybridmap.train.penalties import PENALTIES, penalties_of


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("saturation", {"process": None}, "no penalty 'saturation' for a pure network; there are"),
        ("entropi", {}, "no penalty 'entropi' for the process model 'five_pool'; there are .*'entropy'.*'saturation'"),
        ("cosh_prior", {"neural": "none", "shared": ["cue"]}, "'cosh_prior' needs neural parameters"),
        ("smoothness", {}, "'smoothness' needs the encoder 'kan'"),
    ],
)
def test_what_a_penalty_needs_is_named(name: str, changes: dict[str, object], says: str) -> None:
    with pytest.raises(HybridmapError, match=says):
        penalties_of(model_of(SPEC | changes), [name])


@pytest.mark.parametrize("name", sorted({*PENALTIES, *get_process("five_pool").penalties}))
def test_padding_does_not_count(name: str) -> None:
    model = model_of(SPEC | {"encoder": {"name": "kan", "intervals": 4}, "constraint": "hard_sigmoid"})
    penalty = penalties_of(model, [name])[name]
    data, _ = landscape(40)
    model.fit_inputs(data.covariates)
    with torch.no_grad():
        for weights in model.encoder.parameters():
            weights.mul_(30.0)  # some raw values lie where the constraint is flat
    padded = torch.cat([torch.arange(40), torch.zeros(8, dtype=torch.int64)])
    valid = (torch.arange(48) < 40)[None]
    part = data.rows(padded[None], valid)
    run: Run = model.run(part.covariates[0], {k: v[0] for k, v in part.forcing.items()})
    with_padding = penalty.value(run, model, valid[0])
    plain = model.run(data.covariates, data.forcing)
    torch.testing.assert_close(penalty.value(plain, model, None), with_padding, rtol=1e-4, atol=1e-6)
