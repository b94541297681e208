"""Posteriors of parameters: exact where there is a formula, calibrated by simulation, refused where there are none."""

from collections.abc import Mapping
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hybridmap.encoders.registry import build_encoder
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, NetworkModel, Roles
from hybridmap.model.draws import ends_for_another, student_quantile, within_bounds
from hybridmap.model.members import stack
from hybridmap.model.random_prior import RandomPrior, add_random_prior, raw_prior
from hybridmap.options import UncertaintyOptions
from hybridmap.process import Parameter, ProcessModel, Variable
from hybridmap.train import Member, SiteData, TrainingOptions, fit_members
from hybridmap.train.posteriors import METHODS, Evidence
from hybridmap.train.posteriors.errors import ErrorScale, error_scale
from hybridmap.train.posteriors.laplace import posterior_draws
from hybridmap.train.posteriors.last_layer import LastLayer
from hybridmap.train.posteriors.observed import Observed
from hybridmap.train.posteriors.smoother import smooth

ERROR = 0.4


class Logits(ProcessModel):
    """Two parameters from 0 to 1; the logit of the first is seen, so that the process is straight in raw values."""

    name = "logits"
    parameters = (Parameter("a", 0.5, 0.0, 1.0, "1", "seen"), Parameter("b", 0.5, 0.0, 1.0, "1", "not seen"))
    forcing = (Variable("nothing", ("site",), "1", "nothing"),)
    outputs = (Variable("logit", ("site",), "1", "logit of a"),)

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        a = parameters["a"].double().clamp(1e-12, 1 - 1e-12)
        return {"logit": (torch.logit(a) + 0.0 * parameters["b"] + 0.0 * forcing["nothing"]).to(forcing["nothing"])}


def model_of(seed: int, shared: tuple[str, ...] = (), encoder: str = "linear", **options: object) -> HybridModel:
    torch.manual_seed(seed)
    neural = [name for name in ("a", "b") if name not in shared]
    network = build_encoder({"name": encoder, **options}, 2, len(neural))
    return HybridModel(
        Logits(), Roles(neural=neural, shared=list(shared)), network,
        covariate_names=["x", "y"], target_names=["logit"],
    ).eval()  # fmt: skip


def sites_of(seed: int, count: int, level: float = 0.0) -> tuple[SiteData, Tensor]:
    """Sites whose true logit follows the prior of the linear encoder, and the truth of all."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 2, generator=random)
    sd = raw_prior(model_of(0).constraint, torch.zeros(1))[1]
    centred = x - x.mean(0)
    pattern = (centred / centred.square().sum(1).mean().sqrt()) @ torch.randn(2, generator=random)
    truth = level + sd * 0.5**0.5 * (torch.randn(1, generator=random) + pattern)
    observed = truth + ERROR * torch.randn(count, generator=random)
    return SiteData(x, {"nothing": torch.zeros(count)}, {"logit": observed}), truth


def layer_of(data: SiteData, error: float = ERROR, shared: tuple[str, ...] = ()) -> LastLayer:
    return LastLayer(model_of(3, shared), data, Observed(data.targets, {"logit": ErrorScale(error)}))


def raw_draws(layer: LastLayer, weights: Tensor, x: Tensor) -> Tensor:
    forcing = {"nothing": torch.zeros(len(x))}
    with torch.no_grad():
        return torch.stack([layer.model_of(w).raw_parameters(x, forcing).double() for w in weights])


def test_weights_of_the_trained_model_give_the_trained_model() -> None:
    data, _ = sites_of(0, 30)
    layer = layer_of(data)
    copied = layer.model_of(layer.trained())
    torch.testing.assert_close(copied(data.covariates, data.forcing), layer.model(data.covariates, data.forcing))
    raw = layer.raw(layer.trained()).float()
    torch.testing.assert_close(raw, layer.model.raw_parameters(data.covariates, data.forcing), atol=1e-5, rtol=1e-4)


def test_laplace_is_the_closed_form_of_a_straight_process() -> None:
    data, _ = sites_of(1, 25)
    layer = layer_of(data)
    new = torch.tensor([[0.3, -0.5], [2.5, 2.0]])
    raw = raw_draws(layer, posterior_draws(layer, 500, 0), new)
    # Regression with the covariance function of the prior, which knows nothing of weights.
    sd = float(raw_prior(layer.model.constraint, torch.zeros(1))[1])
    mean = data.covariates.double().mean(0)
    power = (data.covariates.double() - mean).square().sum(1).mean().sqrt()
    at, elsewhere = ((x.double() - mean) / power for x in (data.covariates, new))
    of_sites, across, own = (
        sd**2 * (0.5 + 0.5 * u @ v.T) for u, v in ((at, at), (elsewhere, at), (elsewhere, elsewhere))
    )
    gain = across @ torch.linalg.inv(of_sites + ERROR**2 * torch.eye(25, dtype=torch.float64))
    centre, covariance = gain @ data.targets["logit"].double(), own - gain @ across.T
    torch.testing.assert_close(raw[:, :, 0].mean(0), centre, atol=0.05, rtol=0)
    torch.testing.assert_close(raw[:, :, 0].T.cov(), covariance, atol=0.02, rtol=0.2)
    # Of what is not seen the posterior is the prior: the middle of the range, as wide as the range.
    torch.testing.assert_close(raw[:, :, 1].var(0), own.diagonal(), atol=0, rtol=0.2)
    assert (raw[:, :, 1].mean(0).abs() < 0.15 * own.diagonal().sqrt()).all()


def test_laplace_of_a_global_parameter_is_its_closed_form() -> None:
    data, _ = sites_of(2, 40, level=1.0)
    layer = layer_of(data, shared=("a", "b"))
    draws = torch.stack([layer.model_of(w).shared_raw.detach() for w in posterior_draws(layer, 400, 0)]).double()
    sd = float(raw_prior(layer.model.constraint, torch.zeros(1))[1])
    variance = 1 / (1 / sd**2 + 40 / ERROR**2)
    assert float(draws[:, 0].mean()) == pytest.approx(
        variance * float(data.targets["logit"].sum()) / ERROR**2, abs=0.02
    )
    assert float(draws[:, 0].std()) == pytest.approx(variance**0.5, rel=0.12)
    assert float(draws[:, 1].std()) == pytest.approx(sd, rel=0.12)


def chi_squared_of_ranks(assumed_error: float, trials: int = 100, draws: int = 9) -> float:
    """Of the ranks of the truth at an unseen site among `draws`, in as many classes as there are ranks."""
    counts = np.zeros(draws + 1)
    for seed in range(trials):
        data, truth = sites_of(100 + seed, 12)
        data.targets["logit"][11] = torch.nan
        layer = layer_of(data, assumed_error)
        raw = torch.stack([layer.raw(weights)[11, 0] for weights in posterior_draws(layer, draws, seed)])
        counts[int((raw < truth[11]).sum())] += 1
    expected = trials / (draws + 1)
    return float(((counts - expected) ** 2 / expected).sum())


def test_ranks_of_the_truth_are_even_and_not_with_a_wrong_error() -> None:
    assert chi_squared_of_ranks(ERROR) < 27.9  # 0.1 % of chi-squared with 9 degrees of freedom
    assert chi_squared_of_ranks(0.25 * ERROR) > 60


def test_the_smoother_is_the_closed_form_of_a_straight_process() -> None:
    random = torch.Generator().manual_seed(0)
    matrix = torch.randn(30, 3, dtype=torch.float64, generator=random)
    matrix[:, 2] = 0.0
    observed = matrix @ torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    prior = torch.tensor([0.5, 0.0, 0.0]) + 1.5 * torch.randn(800, 3, dtype=torch.float64, generator=random)
    moved = smooth(prior, lambda member: matrix @ member, observed, random)
    precision = torch.eye(3, dtype=torch.float64) / 1.5**2 + matrix.T @ matrix
    centre = torch.linalg.solve(precision, matrix.T @ observed + torch.tensor([0.5, 0.0, 0.0]) / 1.5**2)
    torch.testing.assert_close(moved.mean(0), centre, atol=0.12, rtol=0)
    torch.testing.assert_close(moved.T.cov(), torch.linalg.inv(precision), atol=0.04, rtol=0.15)


def test_the_smoother_moves_global_parameters_alone() -> None:
    data, _ = sites_of(4, 40, level=1.5)
    model = model_of(1, ("a",))
    draws = METHODS["smoother"].draws([model], Evidence(data, data, 60, 0))
    assert len(draws) == 60
    raw = torch.stack([draw.shared_raw.detach()[0] for draw in draws])  # type: ignore[union-attr]
    assert float(raw.mean()) == pytest.approx(float(data.targets["logit"].mean()), abs=0.5)
    assert float(raw.std()) < 0.5
    for draw in draws:
        assert torch.equal(draw.encoder.head.weight, model.encoder.head.weight)  # type: ignore[union-attr]


def test_random_priors_lie_anywhere_in_the_range() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    positions = []
    for seed in range(150):
        model = model_of(seed)
        add_random_prior(model, 2, 2)
        with torch.no_grad():
            positions.append(model.learned_positions(x, {"nothing": torch.zeros(50)}).numpy())
    places = np.array(positions)
    assert places.mean() == pytest.approx(0.5, abs=0.04)
    assert places.std() == pytest.approx(12**-0.5, abs=0.04)
    assert places.std(axis=1).mean() > 0.1  # and vary between sites


def test_members_agree_where_there_are_data_and_spread_elsewhere() -> None:
    data, truth = sites_of(5, 120)
    members = []
    for seed in range(6):
        model = model_of(seed, encoder="mlp", hidden=[16], dropout=0.0)
        add_random_prior(model, 2, 2)
        rows = METHODS["randomised_priors"].rows(torch.arange(100), seed)
        members.append(Member(model, rows, torch.arange(100, 120), seed))
    prior = [model.encoder.amplitudes.clone() for model in (m.model for m in members)]  # type: ignore[union-attr]
    options = TrainingOptions(learning_rate=0.02, max_epochs=60, patience=60, batch_size=50)
    fit_members(members, data, options)
    models = [member.model for member in members]
    assert all(torch.equal(m.encoder.amplitudes, p) for m, p in zip(models, prior, strict=True))  # type: ignore[union-attr]
    raw = raw_draws_of(models, data)
    spread = raw.std(0).mean(0)
    assert spread[0] < 0.35
    assert spread[1] > 1.0
    assert (raw[:, :, 0].mean(0) - truth).abs().mean() < 0.35
    together = stack(models)
    for k, outputs in enumerate(together.outputs_of(data.covariates, data.forcing)["logit"]):
        torch.testing.assert_close(outputs, models[k].outputs_of(data.covariates, data.forcing)["logit"])


def raw_draws_of(models: list[HybridModel], data: SiteData) -> Tensor:
    with torch.no_grad():
        return torch.stack([model.raw_parameters(data.covariates, data.forcing) for model in models])


def test_a_random_prior_leaves_the_encoder_what_it_can() -> None:
    encoder = build_encoder({"name": "kan"}, 2, 2)
    both = RandomPrior(encoder, 2, torch.zeros(2), torch.ones(2))
    x = torch.rand(20, 2)
    both.fit_range(x)
    both(x)
    assert both.has_range
    assert both.regularisers == encoder.regularisers
    assert torch.equal(both.regulariser("entropy"), encoder.regulariser("entropy"))
    assert both.curves() is None  # waves are no sum of curves of single covariates


def test_names_of_methods_agree() -> None:
    assert set(get_args(get_type_hints(UncertaintyOptions)["method"])) == set(METHODS)
    counts = {name: UncertaintyOptions(method=name, members=3, passes=4, draws=5) for name in METHODS}  # type: ignore[arg-type]
    assert {name: (o.ensemble_size, o.draw_count, o.has_members, o.is_posterior) for name, o in counts.items()} == {
        "none": (1, 0, False, False), "ensemble": (3, 3, True, False), "mc_dropout": (1, 4, False, False),
        "head": (1, 0, False, False), "randomised_priors": (3, 3, True, True), "laplace": (1, 5, True, True),
        "smoother": (1, 5, True, True),
    }  # fmt: skip


def test_what_has_no_posterior_is_refused_in_one_sentence() -> None:
    pure = NetworkModel(
        build_encoder({"name": "mlp"}, 1, 1), covariate_names=["x"], forcing_names=[], target_names=["soc"]
    )
    with pytest.raises(HybridmapError, match="laplace is of the parameters of a process model"):
        METHODS["laplace"].check(pure)
    with pytest.raises(HybridmapError, match="ends in one linear layer, and KAN does not; take mlp, linear or nam"):
        METHODS["laplace"].check(model_of(0, encoder="kan"))
    with pytest.raises(HybridmapError, match="10002 weights are more than 8000; give the encoder fewer units"):
        METHODS["laplace"].check(model_of(0, encoder="mlp", hidden=[5000]))
    with pytest.raises(HybridmapError, match="smoother is of global parameters, and the experiment has none"):
        METHODS["smoother"].check(model_of(0))


def test_a_target_that_nothing_stops_on_has_no_error() -> None:
    data, _ = sites_of(6, 20)
    empty = SiteData(data.covariates, data.forcing, {"logit": torch.full((20,), torch.nan)})
    with pytest.raises(HybridmapError, match="target 'logit' has no observation in the validation part"):
        METHODS["laplace"].draws([model_of(0)], Evidence(data, empty, 5, 0))


def test_errors_are_taken_on_the_scale_where_they_are_even() -> None:
    random = torch.Generator().manual_seed(0)
    predicted = torch.linspace(1, 100, 300)
    noise = torch.randn(300, generator=random)
    assert error_scale(predicted, predicted * (0.3 * noise).exp()).offset is not None
    plain = error_scale(predicted, predicted + 20 + 0.5 * noise)
    assert plain.offset is None
    assert plain.sd == pytest.approx(20, abs=0.5)  # bias counts
    assert error_scale(predicted - 50, predicted - 50 + noise).offset is None


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 80), st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.integers(0, 999))
def test_ends_hold_another_draw_as_often_as_they_say(count: int, level: float, seed: int) -> None:
    draws = torch.randn(count + 1, 8000, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    lower, upper = ends_for_another(draws[:-1], level)
    share = float(((lower <= draws[-1]) & (draws[-1] <= upper)).double().mean())
    # Between two of few draws an end lies on a straight line, which holds a little too much.
    assert share == pytest.approx(level, abs=0.025 if count > 20 else 0.055)


def test_ends_of_parameters_stay_in_their_bounds() -> None:
    ends = torch.tensor([-1.0]), torch.tensor([2.0])
    assert [float(v) for v in within_bounds(model_of(0), "parameter.a", ends)] == [0.0, 1.0]
    assert [float(v) for v in within_bounds(model_of(0), "logit", ends)] == [-1.0, 2.0]
    assert student_quantile(0.975, 1000) == pytest.approx(1.962, abs=1e-3)
