"""The core on another device: whatever it makes by itself is made where the data are. On a GPU if there is one."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from clm5_inputs import LOWER, NAMES, UPPER, forcing
from pretend_gpu import pretended_gpu
from small_models import SPEC, landscape, model_of

from hybridmap.process import get_process
from hybridmap.testing.clm5_sites import make_clm5_sites
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit_members
from hybridmap.train.losses import LOSSES


@pytest.fixture(autouse=True)
def gpu():
    with nullcontext() if torch.cuda.is_available() else pretended_gpu():
        yield


def there(values):
    return {name: value.to("cuda") for name, value in values.items()}


def test_a_forgotten_constant_is_found():
    """The pretended device refuses what a GPU refuses, and allows what it allows."""
    x = torch.ones(3, device="cuda")
    assert x.is_cuda
    with pytest.raises(RuntimeError, match=r"cuda:0 and .*cpu"):
        x + torch.ones(3)
    with pytest.raises(RuntimeError, match="cpu"):
        torch.stack([x, torch.ones(3)])
    assert (x * torch.tensor(2.0)).sum().cpu() == 6.0
    assert (x[torch.tensor([0, 2])] == 1).all()


def trained(device, spec=None, epochs=3, **options):
    """Losses by epoch and weights of two members trained side by side."""
    data, _ = landscape(120)
    if device == "cuda":
        data = SiteData(data.covariates.to("cuda"), there(data.forcing), there(data.targets))
    models = [model_of(SPEC | (spec or {}), seed).to(device) for seed in (0, 1)]
    if options.get("optimiser") == "lbfgs":
        models = models[:1]
    members = [Member(m, torch.arange(80), torch.arange(80, 120), k, f"member {k}") for k, m in enumerate(models)]
    histories = fit_members(members, data, TrainingOptions(max_epochs=epochs, **options))
    weights = torch.cat([p.detach().flatten().cpu() for m in models for p in m.parameters()])
    return [[row["validation_loss"] for row in h] for h in histories], weights


def assert_same_training(spec=None, **options):
    (losses, weights), (expected_losses, expected_weights) = (trained(d, spec, **options) for d in ("cuda", "cpu"))
    assert losses == [pytest.approx(h, rel=1e-3) for h in expected_losses]
    torch.testing.assert_close(weights, expected_weights, rtol=1e-2, atol=1e-3)


ENCODERS = (
    {"name": "linear"},
    {"name": "mlp", "hidden": [8, 8], "batch_norm": True, "dropout": 0.2, "residual": True},
    {"name": "nam"},
    {"name": "kan"},
    {"name": "kan", "hidden": [5]},
)


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_encoders_train_on_the_device_of_the_data(encoder):
    assert_same_training({"encoder": encoder})


@pytest.mark.parametrize("optimiser", ["adamw", "rmsprop", "sgd", "lbfgs"])
def test_optimisers(optimiser):
    assert_same_training(optimiser=optimiser, epochs=2)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss):
    assert_same_training(loss=LossOptions(name=loss), epochs=2)


@pytest.mark.parametrize("constraint", ["sigmoid", "hard_sigmoid", "softplus", "relu"])
def test_constraints(constraint):
    assert_same_training({"constraint": constraint}, epochs=2)


@pytest.mark.parametrize(
    "options",
    [
        {"formulation": "relaxed"},
        {"formulation": "constrained", "necromass": "bypass", "enzyme": "implicit"},
        {"formulation": "constrained", "necromass": "capacity", "turnover_exponent": 1.5},
    ],
    ids=str,
)
def test_five_pool(options):
    assert_same_training({"process": {"name": "five_pool", "options": options}}, epochs=2)


def test_clm5_interval_keeps_its_table_on_the_device(tmp_path):
    np.savez(tmp_path / "t.npz", **{k: np.asarray(v) for k, v in make_clm5_sites(5, 0).forcing.items()})
    model, on_cpu = (get_process("clm5_interval", table=str(tmp_path / "t.npz"), kernel="torch") for _ in range(2))
    cell = torch.tensor([3.0, 0.0, 4.0])
    for _ in range(2):
        found = model({}, {"clm5_cell": cell.to("cuda")})
        assert model.table["input_cwd"].is_cuda
    expected = on_cpu({}, {"clm5_cell": cell})
    for name, values in found.items():
        torch.testing.assert_close(values.cpu(), expected[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize("transport", ["mixing", "simple_one", "simple_two"])
def test_clm5_tensor_operations(transport):
    model = get_process("clm5", kernel="torch", transport=transport)
    f = forcing(4, bedrock=9.0, active=1.3)
    found = []
    for device in ("cuda", "cpu"):
        unit = torch.full((4, 21), 0.4, dtype=torch.float64, device=device).requires_grad_()
        values = LOWER.to(device) + unit * (UPPER - LOWER).to(device)
        parameters = {n: values[:, i] for i, n in enumerate(NAMES)}
        driven = {n: v.to(device) for n, v in f.items()}
        soc = model(parameters, driven)["soc"]
        stock = model.stock(soc, 9).sum() + model.at_depth(soc, torch.full((4, 2), 0.3, device=device)).sum()
        (gradient,) = torch.autograd.grad(stock, unit)
        components = model.components(parameters, driven) if transport == "mixing" else {}
        found.append((soc, gradient, *components.values()))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours.cpu(), expected, rtol=1e-9, atol=1e-9)
