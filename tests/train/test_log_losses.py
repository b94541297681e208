"""Losses on logarithms and of distributions: against scipy, and by what training with them learns."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from small_models import SPEC, landscape, model_of

from hybridmap.errors import HybridmapError
from hybridmap.options.loss import OF_SPREAD, ON_LOGARITHMS
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit, fit_members, log_losses
from hybridmap.train.objective import Objective

OFFSET = 0.5
PREDICTED = torch.tensor([3.0, 8.0, 20.0, 0.4], dtype=torch.float64)
OBSERVED = torch.tensor([2.0, 9.0, 55.0, 0.0], dtype=torch.float64)
SPREAD = torch.tensor([0.3, 0.5, 0.9, 0.2], dtype=torch.float64)
LOGS = (np.log(PREDICTED.numpy() + OFFSET), np.log(OBSERVED.numpy() + OFFSET))


def test_likelihoods_are_those_of_scipy_but_for_a_constant() -> None:
    centre, truth = LOGS
    normal = -stats.norm.logpdf(truth, centre, SPREAD).mean() - 0.5 * np.log(2 * np.pi)
    assert float(log_losses.gaussian_log_loss(PREDICTED, OBSERVED, OFFSET, SPREAD)) == pytest.approx(normal, rel=1e-12)
    freedom = log_losses.DEGREES_OF_FREEDOM
    constant = -stats.t.logpdf(0.0, freedom)
    student = -stats.t.logpdf(truth, freedom, centre, SPREAD).mean() - constant
    loss = log_losses.student_t_log_loss(PREDICTED, OBSERVED, OFFSET, SPREAD)
    assert float(loss) == pytest.approx(student, rel=1e-12)


def test_crps_is_the_integral_of_squared_differences_of_distributions() -> None:
    centre, truth = LOGS
    scores = []
    for mu, y, sd in zip(centre, truth, SPREAD.numpy(), strict=True):
        below = integrate.quad(lambda x: stats.norm.cdf(x, mu, sd) ** 2, mu - 12, y)[0]  # noqa: B023
        above = integrate.quad(lambda x: stats.norm.sf(x, mu, sd) ** 2, y, mu + 12)[0]  # noqa: B023
        scores.append(below + above)
    loss = log_losses.crps_log_loss(PREDICTED, OBSERVED, OFFSET, SPREAD)
    assert float(loss) == pytest.approx(np.mean(scores), rel=1e-6)


def test_smooth_l1_and_the_square_beside_it() -> None:
    difference = np.abs(LOGS[0] - LOGS[1])
    smooth = np.where(difference < 0.5, difference**2, difference - 0.25).mean()
    loss = log_losses.smooth_l1_log_loss(PREDICTED, OBSERVED, OFFSET)
    assert float(loss) == pytest.approx(smooth, rel=1e-12)
    square = 0.3 * np.mean(((PREDICTED - OBSERVED).numpy() / 20.0) ** 2)
    both = log_losses.log_and_square_loss(PREDICTED, OBSERVED, OFFSET, 20.0)
    assert float(both) == pytest.approx(smooth + square, rel=1e-12)


@given(st.floats(0.05, 0.95))
def test_the_quantile_has_the_least_pinball_loss(share: float) -> None:
    values = torch.linspace(0, 1, 1001, dtype=torch.float64)
    losses = [float(log_losses.pinball_loss(q.expand(1001), values, share)) for q in values[::10]]
    assert abs(float(values[::10][int(np.argmin(losses))]) - share) <= 0.011


def test_negative_carbon_has_a_slope_that_leads_back() -> None:
    below = torch.tensor([-1.0, -0.1, 0.0], requires_grad=True)
    log_losses.log_of(below, OFFSET).sum().backward()
    assert below.grad is not None
    assert torch.isfinite(below.grad).all()
    assert (below.grad > 0).all()
    near = log_losses.log_of(torch.tensor([-1e-7, 1e-7], dtype=torch.float64), OFFSET)
    assert float(near[1] - near[0]) == pytest.approx(2e-7 / OFFSET, rel=1e-3)


def options(name: str, epochs: int = 15, **more: object) -> TrainingOptions:
    loss = LossOptions(name=name, **more)  # type: ignore[arg-type]
    return TrainingOptions(
        loss=loss, learning_rate=0.02, max_epochs=epochs, patience=epochs, weight_decay=0.0, batch_size=100
    )


@pytest.mark.parametrize(
    ("name", "spread"), [*((name, "learned") for name in ON_LOGARITHMS), *((name, "neural") for name in OF_SPREAD)]
)
def test_every_loss_trains_a_hybrid(name: str, spread: str) -> None:
    settings = options(name, observation_sd=spread)
    heads = settings.loss.heads_of(SPEC["targets"])
    data, _ = landscape(300)
    model = model_of(SPEC | {"heads": heads})
    part = torch.arange(300)
    history = fit(model, data.rows(part[:200]), data.rows(part[200:]), settings)
    losses = [row["validation_loss"] for row in history]
    assert np.isfinite(losses).all()
    assert min(losses) < losses[0] - 0.25 * abs(losses[0])
    out = model.predict({"a": data.covariates[:, 0], "b": data.covariates[:, 1], **data.forcing})
    assert all((out[name] > 0).all() for name in heads)
    assert set(heads) <= set(out)


@pytest.mark.parametrize("name", ["gaussian_log", "log_quantiles"])
def test_members_side_by_side_train_as_alone(name: str) -> None:
    settings = options(name, observation_sd="neural")
    spec = SPEC | {"heads": settings.loss.heads_of(SPEC["targets"])}
    data, _ = landscape(200)
    part = torch.arange(200)
    members = [Member(model_of(spec, seed), part[:140], part[140:], seed, str(seed)) for seed in (0, 1)]
    fit_members(members, data, settings)
    alone = Member(model_of(spec, 1), part[:140], part[140:], 1, "1")
    fit_members([alone], data, settings)
    for key, value in alone.model.state_dict().items():
        torch.testing.assert_close(members[1].model.state_dict()[key], value, rtol=1e-4, atol=1e-5)


def noisy_sites(count: int = 2400) -> tuple[SiteData, torch.Tensor]:
    """Sites whose scatter grows with a covariate."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(count, 2, generator=generator)
    spread = 0.15 + 0.35 * torch.sigmoid(2 * x[:, 1])
    soc = 20 * torch.exp(0.5 * x[:, 0] + spread * torch.randn(count, generator=generator))
    return SiteData(x, {}, {"soc": soc}), spread


NETWORK = {**SPEC, "process": None, "targets": ["soc"], "forcing": [], "forcing_constants": {}}


def test_a_neural_spread_follows_the_scatter() -> None:
    data, spread = noisy_sites()
    part = torch.arange(2400)
    settings = options("gaussian_log", 40, observation_sd="neural")
    model = model_of(NETWORK | {"heads": ["spread.soc"]})
    fit(model, data.rows(part[:1400]), data.rows(part[1400:1600]), settings)
    learned = model.predict({"a": data.covariates[1600:, 0], "b": data.covariates[1600:, 1]})["spread.soc"]
    assert np.corrcoef(learned, spread[1600:])[0, 1] > 0.9
    assert np.mean(learned) == pytest.approx(float(spread[1600:].mean()), rel=0.15)


def test_quantiles_hold_what_they_should_where_the_scatter_is_small_and_large() -> None:
    data, spread = noisy_sites()
    part = torch.arange(2400)
    model = model_of(NETWORK | {"heads": ["below.soc", "above.soc"]})
    fit(model, data.rows(part[:1400]), data.rows(part[1400:1600]), options("log_quantiles", 40, level=0.8))
    out = model.predict({"a": data.covariates[1600:, 0], "b": data.covariates[1600:, 1]})
    offset = float(model.heads.offset[0])
    z = np.log(data.targets["soc"][1600:].numpy() + offset) - np.log(out["soc"] + offset)
    is_inside = (z > -out["below.soc"]) & (z < out["above.soc"])
    for part_of in (spread[1600:] < 0.3, spread[1600:] > 0.35):
        assert abs(is_inside[part_of.numpy()].mean() - 0.8) < 0.07


def test_what_cannot_be_is_refused() -> None:
    data, _ = landscape(50)
    targets = {**data.targets, "soc": data.targets["soc"] - 100.0}
    with pytest.raises(HybridmapError, match="'soc' has values below 0"):
        Objective(LossOptions(name="gaussian_log"), targets, model_of())
    with pytest.raises(HybridmapError, match="observation_sd: neural is for losses on logarithms"):
        Objective(LossOptions(name="gaussian", observation_sd="neural"), data.targets, model_of())
    with pytest.raises(HybridmapError, match="needs a positive observation_sd of target 'moc'"):
        Objective(LossOptions(name="crps_log", observation_sd={"soc": 0.3}), data.targets, model_of())


@pytest.mark.parametrize("name", ["gaussian", "crps_log", "log_quantiles"])
def test_training_stops_on_no_spread_that_is_not_learned(name: str) -> None:
    with pytest.raises(ValueError, match=f"stop_on: {name} needs a spread"):
        TrainingOptions(loss=LossOptions(name="mse"), stop_on=name)  # type: ignore[arg-type]
    TrainingOptions(loss=LossOptions(name=name), stop_on=name)  # type: ignore[arg-type]
