"""Optimisers by branch."""

import torch
from small_models import SPEC, landscape, model_of

from hybridmap.train import LossOptions, TrainingOptions
from hybridmap.train.objective import Objective
from hybridmap.train.optimisers import make_optimisers


def test_decay_never_moves_process_parameters():
    data, _ = landscape(50)
    spec = SPEC | {"constraint": {"name": "sigmoid", "temperature": [1.0, 5.0]}}
    model = model_of(spec)
    loss = LossOptions(name="gaussian", weighting="learned")
    objective = Objective(loss, data.targets, model)
    for name in ("adamw", "rmsprop", "sgd"):
        optimisers = make_optimisers(model, objective, TrainingOptions(optimiser=name, weight_decay=0.5))
        kept = [model.shared_raw, model.constraint.t, objective.log_sd, objective.log_variance]
        before, weight = [p.detach().clone() for p in kept], model.encoder.head.weight.detach().clone()
        for _ in range(1000 if name == "adamw" else 50):
            for optimiser in optimisers:
                optimiser.zero_grad()
            (0.0 * sum(p.sum() for p in [*model.parameters(), *objective.parameters()])).backward()
            for optimiser in optimisers:
                optimiser.step()
        assert all(torch.equal(p.detach(), old) for p, old in zip(kept, before, strict=True))
        assert not torch.equal(model.encoder.head.weight.detach(), weight)
