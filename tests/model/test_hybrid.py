"""The hybrid model: parameters start at their defaults and stay between their bounds."""

import torch
from small_models import landscape, model_of


def test_starts_at_defaults_and_stays_in_bounds():
    model = model_of()
    data, _ = landscape(20)
    model.standardise.fit(data.covariates)
    head = model.encoder.head
    torch.nn.init.zeros_(head.weight)
    values = model.physical_parameters(data.covariates)
    torch.testing.assert_close(values["cue"], torch.full((20,), 0.31))
    torch.testing.assert_close(values["km_p"], torch.tensor(150.0))
    for sign in (-1e6, 1e6):
        torch.nn.init.constant_(head.bias, sign)
        extreme = model.physical_parameters(data.covariates)
        for name in ("cue", "q_max"):
            low, high = model.bounds_of(name)
            assert ((extreme[name] >= low * (1 - 1e-6)) & (extreme[name] <= high * (1 + 1e-6))).all()
