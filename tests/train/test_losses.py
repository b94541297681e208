"""Losses against 40-digit vectors, and finite gradients where the textbook formula has none."""

import json
import math

import numpy as np
import pytest
import torch

from hybridmap.train import losses


@pytest.fixture(scope="module")
def vectors(shared):
    return json.loads((shared / "vectors/metrics/dev.json").read_text())


def tensor(values, **kwargs):
    return torch.tensor([float("nan") if v is None else v for v in values], dtype=torch.float64, **kwargs)


def test_kge_loss_and_gradient(vectors):
    case = vectors["kge_loss_gradient"]
    predicted = tensor(case["pred"], requires_grad=True)
    loss = losses.kge_loss(predicted, tensor(case["obs"]))
    loss.backward()
    assert loss.item() == pytest.approx(case["loss"], rel=1e-9)
    np.testing.assert_allclose(predicted.grad.numpy(), case["dloss_dpred"], rtol=1e-8, atol=1e-12)


def test_multi_task_skips_rare_targets(vectors):
    case = vectors["multitask"]
    columns = {t: tensor([row[i] for row in case["obs"]]) for i, t in enumerate(case["targets"])}
    predicted = {t: tensor([row[i] for row in case["pred"]]) for i, t in enumerate(case["targets"])}
    result = losses.multi_task_loss(predicted, columns)
    assert list(result.terms) == ["soc", "poc", "moc"]
    assert result.total.item() == pytest.approx(0.6526867193, rel=1e-9)
    weights = dict(zip(case["targets"], (1, 0.5, 0.5, 0.25), strict=True))
    assert losses.multi_task_loss(predicted, columns, weights=weights).total.item() == pytest.approx(
        0.6575136851, rel=1e-9
    )
    assert losses.multi_task_loss(predicted, columns, n_min=9).total.item() == pytest.approx(0.7119204864, rel=1e-9)


def test_pointwise_losses(vectors):
    case = vectors["smooth_l1"]
    for beta, expected in case["mean"].items():
        value = losses.smooth_l1_loss(tensor(case["pred"]), tensor(case["obs"]), float(beta))
        assert value.item() == pytest.approx(expected, rel=1e-9)
    case = vectors["cosh_prior"]
    for tau, expected in case["mean"].items():
        position = torch.tensor(case["p"], dtype=torch.float64)
        assert losses.cosh_prior(position, float(tau)).item() == pytest.approx(expected, rel=1e-9)
    case = vectors["param_violation"]
    z = torch.tensor(case["z"], dtype=torch.float64)
    assert losses.parameter_violation(z).item() == pytest.approx(case["sum"], rel=1e-9)
    assert losses.cosh_prior(torch.ones(1, dtype=torch.float64)).item() == pytest.approx(73.2099485, rel=1e-8)
    assert losses.parameter_violation(torch.tensor([-4.0, 0.0, 5.0])).item() == pytest.approx(3.0)


@pytest.mark.parametrize("predicted", [[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]])
def test_gradient_is_finite_for_constant_and_perfect_predictions(predicted):
    p = torch.tensor(predicted, requires_grad=True)
    losses.kge_loss(p, torch.tensor([1.0, 2.0, 4.0])).backward()
    assert torch.isfinite(p.grad).all()


@pytest.mark.parametrize("known", [0, 1, 2])
def test_too_few_observations_give_no_gradient(known):
    p = torch.ones(5, requires_grad=True)
    observed = torch.full((5,), float("nan"))
    observed[:known] = torch.arange(known, dtype=torch.float32)
    result = losses.multi_task_loss({"mbc": p}, {"mbc": observed})
    assert result.total.item() == 0
    assert not result.terms


def test_missing_values_never_reach_the_gradient():
    p = torch.ones(6, requires_grad=True)
    q = p * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    observed = torch.tensor([1.0, 3.0, 2.0, float("nan"), 5.0, float("nan")])
    losses.multi_task_loss({"soc": q}, {"soc": observed}).total.backward()
    assert torch.isfinite(p.grad).all()
    assert p.grad[3] == 0


def test_learned_weighting_equals_the_vectors(vectors):
    case = vectors["multitask"]
    columns = {t: tensor([row[i] for row in case["obs"]]) for i, t in enumerate(case["targets"])}
    predicted = {t: tensor([row[i] for row in case["pred"]]) for i, t in enumerate(case["targets"])}
    s = dict(zip(case["targets"], torch.tensor([0.3, -0.2, 0.1, 1.2], dtype=torch.float64), strict=True))
    total = losses.multi_task_loss(predicted, columns, log_variance=s).total
    assert total.item() == pytest.approx(1.0497572968, rel=1e-9)


def test_variants_equal_the_scores(vectors):
    """The losses are one minus the scores of the same name, with and without a mask."""
    from hybridmap.evaluate import metrics

    case = next(c for c in vectors["regression"] if c["name"] == "lognormal")
    p, o = tensor(case["pred"]), tensor(case["obs"])
    for name, score in (("kge", "kge"), ("kge_2012", "kge_2012"), ("kge_bias_sd", "kge_bias_sd"), ("nse", "nse")):
        assert losses.LOSSES[name](p, o).item() == pytest.approx(1 - case["expected"][score], rel=1e-9)
    r, _, beta = metrics.kge_components(p, o)
    assert losses.pb_kge_loss(p, o).item() == pytest.approx(math.hypot(r - 1, beta - 1), rel=1e-9)
    known = torch.arange(len(o)) % 3 != 0
    for name, loss in losses.LOSSES.items():
        masked = loss(torch.where(known, p, torch.nan), torch.where(known, o, torch.nan), known=known)
        assert masked.item() == pytest.approx(loss(p[known], o[known]).item(), rel=1e-12), name
        members = loss(torch.stack([p, 2 * p]), torch.stack([o, o]), known=torch.stack([known, known]))
        assert members[0].item() == pytest.approx(masked.item(), rel=1e-12), name
        assert members.shape == (2,)


def test_gaussian_loss_is_the_likelihood():
    p, o = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 1.0])
    normal = torch.distributions.Normal(p, 0.7)
    expected = -normal.log_prob(o).mean() - 0.5 * math.log(2 * math.pi)
    assert losses.gaussian_loss(p, o, 0.7).item() == pytest.approx(expected.item(), rel=1e-6)
    by_site = losses.gaussian_loss(p, o, torch.tensor([0.7, 0.7]))
    assert by_site.item() == pytest.approx(expected.item(), rel=1e-6)
