"""The trainer: recovers known parameters, stops, resumes bitwise, and refuses what it cannot learn from."""

import numpy as np
import pytest
import torch
from small_models import SPEC, landscape, model_of

from hybridmap.encoders import MLP
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Roles
from hybridmap.process import Parameter, ProcessModel, Variable
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit, fit_members
from hybridmap.train.group import Group
from hybridmap.train.loop import evaluate_loss
from hybridmap.train.losses import LOSSES


def test_recovers_known_parameters():
    data, true = landscape(600)
    model = model_of(SPEC | {"encoder": {"name": "mlp", "hidden": [32], "activation": "tanh", "dropout": 0.0}})
    part = torch.arange(600)
    options = TrainingOptions(learning_rate=0.02, max_epochs=300, patience=100, weight_decay=0.0)
    history = fit(model, data.rows(part[:450]), data.rows(part[450:]), options)
    learned = model.physical_parameters(data.covariates)
    for name in ("cue", "q_max"):
        r = np.corrcoef(learned[name].detach(), true[name])[0, 1]
        assert r > 0.95, name
    assert min(row["validation_loss"] for row in history) < 0.05


def test_resume_is_bitwise_equal(tmp_path):
    data, _ = landscape()
    part = torch.arange(300)
    training, validation = data.rows(part[:200]), data.rows(part[200:])
    options = TrainingOptions(max_epochs=12, batch_size=50, checkpoint_every=4)

    whole = model_of()
    expected = fit(whole, training, validation, options)

    class Killed(Exception):
        pass

    def kill(row):
        if row["epoch"] == 9:
            raise Killed

    with pytest.raises(Killed):
        fit(model_of(), training, validation, options, tmp_path / "checkpoint", kill)
    resumed = model_of(seed=99)
    seen = []
    history = fit(resumed, training, validation, options, tmp_path / "checkpoint", seen.append)
    assert seen[0]["epoch"] == 8
    assert history == expected
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_checkpoint_of_other_data_is_not_continued(tmp_path):
    data, _ = landscape()
    other, _ = landscape(seed=1)
    part = torch.arange(300)
    options = TrainingOptions(max_epochs=4, checkpoint_every=2)
    fit(model_of(), data.rows(part[:200]), data.rows(part[200:]), options, tmp_path / "checkpoint")
    seen = []
    fit(model_of(), other.rows(part[:200]), other.rows(part[200:]), options, tmp_path / "checkpoint", seen.append)
    assert [row["epoch"] for row in seen] == [0, 1, 2, 3]


def test_best_epoch_is_kept():
    data, _ = landscape()
    part = torch.arange(300)
    model = model_of()
    options = TrainingOptions(learning_rate=0.3, max_epochs=40, patience=5)
    validation = data.rows(part[200:])
    history = fit(model, data.rows(part[:200]), validation, options)
    best = min(row["validation_loss"] for row in history)
    assert evaluate_loss(model, validation)["loss"] == pytest.approx(best, rel=1e-6)
    assert len(history) < 40


def folds(n, k=3):
    """Overlapping, unequal training parts and validation parts."""
    place = torch.arange(n)
    return [(place[(place + j) % 3 != 0][j:], place[(place + j) % 3 == 0]) for j in range(k)]


TOGETHER = {
    "mlp": {"name": "mlp", "hidden": [16, 8], "activation": "gelu", "dropout": 0.2},
    "batch norm": {"name": "mlp", "hidden": [8], "activation": "leaky_relu", "dropout": 0.0, "batch_norm": True},
    "kan": {"name": "kan", "hidden": [3], "intervals": 6},
    "separate": {"name": "nam", "units": 4, "separate": True},
}


@pytest.mark.parametrize("encoder", TOGETHER.values(), ids=TOGETHER.keys())
def test_together_equals_alone(encoder):
    data, _ = landscape(200)
    options = TrainingOptions(
        max_epochs=14,
        patience=4,
        batch_size=40,
        learning_rate=0.05,
        loss=LossOptions(penalties={"cosh_prior": 0.01, "feasibility": 1.0}),
    )
    spec = SPEC | {"encoder": encoder}

    def members():
        return [Member(model_of(spec, seed=k), *parts, seed=k) for k, parts in enumerate(folds(200))]

    together = members()
    histories = fit_members(together, data, options)
    assert len({len(h) for h in histories}) > 1 or encoder["name"] == "kan"  # they stop at different epochs
    for k, one in enumerate(members()):
        (history,) = fit_members([one], data, options)
        assert len(history) == len(histories[k])
        for a, b in zip(history, histories[k], strict=True):
            assert a == pytest.approx(b, rel=1e-4, abs=1e-5, nan_ok=True)
        for name, value in one.model.state_dict().items():
            torch.testing.assert_close(value, together[k].model.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_members_of_other_bounds_equal_those_alone():
    data, _ = landscape(120)
    options = TrainingOptions(max_epochs=4, batch_size=40, learning_rate=0.05)

    def members():
        bounds = {}, {"cue": [0.2, 0.9]}
        specs = [SPEC | {"bounds": other} for other in bounds]
        return [Member(model_of(specs[k], seed=k), *parts, seed=k) for k, parts in enumerate(folds(120, 2))]

    together = members()
    histories = fit_members(together, data, options)
    for k, one in enumerate(members()):
        assert fit_members([one], data, options)[0] == histories[k]


@pytest.mark.parametrize("optimiser", ["adamw", "rmsprop", "lbfgs"])
def test_members_resume_bitwise(tmp_path, optimiser):
    data, _ = landscape(120)
    options = TrainingOptions(
        optimiser=optimiser,
        global_optimiser=None if optimiser == "lbfgs" else "sgd",
        learning_rate=0.3 if optimiser == "lbfgs" else 0.05,
        max_epochs=9,
        patience=3,
        batch_size=30,
        checkpoint_every=2,
        schedule="cosine",
        warmup_epochs=2,
    )

    def members(shift=0):
        return [Member(model_of(seed=k + shift), *parts, seed=k) for k, parts in enumerate(folds(120))]

    whole = members()
    expected = fit_members(whole, data, options)

    class Killed(Exception):
        pass

    def kill(k, row):
        if row["epoch"] == 3 and k == 0:
            raise Killed

    with pytest.raises(Killed):
        fit_members(members(), data, options, tmp_path / "c", kill)
    # L-BFGS takes its members one after the other: those not begun start from their own weights.
    resumed = members(shift=0 if optimiser == "lbfgs" else 70)
    assert fit_members(resumed, data, options, tmp_path / "c") == expected
    for one, other in zip(whole, resumed, strict=True):
        for name, value in one.model.state_dict().items():
            assert torch.equal(value, other.model.state_dict()[name]), name


def test_resume_after_members_have_stopped(tmp_path):
    data, _ = landscape(120)
    options = TrainingOptions(learning_rate=0.3, max_epochs=30, patience=2, batch_size=30, checkpoint_every=1)

    def members(shift=0):
        return [Member(model_of(seed=k + shift), *parts, seed=k) for k, parts in enumerate(folds(120))]

    whole = members()
    expected = fit_members(whole, data, options)
    ends = sorted(len(h) for h in expected)
    assert ends[0] + 1 < ends[-1]  # one stops well before the last

    class Killed(Exception):
        pass

    def kill(k, row):
        if row["epoch"] == ends[0] + 1:
            raise Killed

    with pytest.raises(Killed):
        fit_members(members(), data, options, tmp_path / "c", kill)
    resumed = members(shift=70)
    assert fit_members(resumed, data, options, tmp_path / "c") == expected
    for one, other in zip(whole, resumed, strict=True):
        for name, value in one.model.state_dict().items():
            assert torch.equal(value, other.model.state_dict()[name]), name


def test_lbfgs_fits_global_parameters():
    data, _ = landscape(200)
    spec = SPEC | {"neural": "none", "shared": ["cue", "q_max", "km_p"], "fixed": {"f_poc": 0.6}}
    part = torch.arange(200)
    model = model_of(spec)
    options = TrainingOptions(optimiser="lbfgs", learning_rate=1.0, max_epochs=20, loss=LossOptions("mse"))
    history = fit(model, data.rows(part[:150]), data.rows(part[150:]), options)
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["gradient_norm"] < 0.01 * history[0]["gradient_norm"]  # at the optimum, in a few epochs


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_trains(name):
    data, _ = landscape(200)
    part = torch.arange(200)
    loss = LossOptions(
        name, weighting="inverse_count", penalties={"saturation": 0.1, "dissolved": 0.1, "violation": 1e-3}
    )
    options = TrainingOptions(learning_rate=0.02, max_epochs=25, loss=loss)
    history = fit(model_of(), data.rows(part[:150]), data.rows(part[150:]), options)
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert {"train_soc", "train_saturation", "train_dissolved", "train_violation", "validation_moc"} <= set(history[0])


def test_early_stopping_follows_the_named_metric():
    data, _ = landscape(200)
    part = torch.arange(200)
    train, validation = data.rows(part[:150]), data.rows(part[150:])
    options = TrainingOptions(max_epochs=12, stop_on="mae", learning_rate=0.05)
    history = fit(model := model_of(), train, validation, options)
    with torch.no_grad():
        out = model(validation.covariates, validation.forcing)
    error = [
        float((out[t] - o)[~torch.isnan(o)].abs().mean())
        for t, o in validation.targets.items()
        if (~torch.isnan(o)).sum() >= 3
    ]
    best = min(row["validation_loss"] for row in history)
    assert sum(error) / len(error) == pytest.approx(best, rel=1e-5)


def test_batch_without_targets_changes_nothing():
    data, _ = landscape(60)
    for values in data.targets.values():
        values[:40] = float("nan")
    del data.targets["mbc"]
    model = model_of(SPEC | {"encoder": SPEC["encoder"] | {"dropout": 0.0}})
    rows = torch.arange(60)
    options = TrainingOptions(max_epochs=1, batch_size=4, learning_rate=0.1)
    (history,) = fit_members([Member(model, rows, rows[40:])], data, options)
    assert history[0]["skipped_steps"] > 0
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())


def test_impossible_experiments_are_refused():
    data, _ = landscape(50)
    with pytest.raises(ValueError, match=r"a_p starts at 0\.5, which is not strictly between its bounds"):
        HybridModel(Edge(), Roles(neural=["a_p"]), torch.nn.Identity(), covariate_names=["a"], target_names=["y"])
    with pytest.raises(ValueError, match=r"cue starts at 0\.31"):
        model_of(SPEC | {"bounds": {"cue": [0.31, 0.5]}})
    with pytest.raises(ValueError, match="linear scale"):
        model_of(SPEC | {"neural": ["vmax_p"], "constraint": "relu"})
    with pytest.raises(HybridmapError, match="'smoothness' needs the encoder 'kan'"):
        fit(model_of(), data, data, TrainingOptions(loss=LossOptions(penalties={"smoothness": 1.0})))
    data.targets["soc"] -= data.targets["soc"].mean()
    with pytest.raises(HybridmapError, match=r"'soc' has a mean of .* use kge_bias_sd"):
        fit(model_of(), data, data, TrainingOptions(max_epochs=1))
    fit(model_of(), data, data, TrainingOptions(max_epochs=1, loss=LossOptions({"soc": "kge_bias_sd"})))
    with pytest.raises(HybridmapError, match="positive observation_sd of target 'moc'"):
        fit(model_of(), data, data, TrainingOptions(loss=LossOptions("gaussian", observation_sd={"soc": 2.0})))
    for wrong, message in (
        ({"optimiser": "adma"}, "no optimiser 'adma'"),
        ({"stop_on": "soc"}, "no stop_on 'soc'"),
        ({"schedule": "steps"}, "no schedule"),
    ):
        with pytest.raises(ValueError, match=message):
            TrainingOptions(**wrong)
    with pytest.raises(ValueError, match="no loss 'kgee'"):
        LossOptions("kgee")


def test_a_target_that_never_varies_is_told(caplog):
    data, _ = landscape(50)
    data.targets["moc"] = torch.full_like(data.targets["moc"], 7.0)
    options = TrainingOptions(max_epochs=1, loss=LossOptions({"moc": "nse"}))
    with caplog.at_level("WARNING", logger="hybridmap"):
        fit(model_of(), data, data, options)
    assert "target 'moc' is 7 at all 50 training sites: the loss 'nse' divides by its spread" in caplog.text
    assert "target 'soc'" not in caplog.text


class Edge(ProcessModel):
    """A model whose parameter starts on its bound."""

    name = "edge"
    parameters = (Parameter("a_p", 0.5, 0.0, 0.5, "1", "a share"),)
    forcing = (Variable("x", ("site",), "1", "a number"),)
    outputs = (Variable("y", ("site",), "1", "a product"),)

    def __call__(self, parameters, forcing):
        return {"y": parameters["a_p"] * forcing["x"]}


def test_learned_observation_error_is_found():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(4000, 1, generator=g)
    truth = 0.2 + 0.05 * torch.tanh(x[:, 0])
    noise = 0.5 * torch.randn(4000, generator=g)
    data = SiteData(x, {"x": torch.full((4000,), 100.0)}, {"y": 100 * truth + noise})
    torch.manual_seed(0)
    process = Edge()
    process.parameters = (Parameter("a_p", 0.3, 0.0, 0.5, "1", "a share"),)
    model = HybridModel(
        process, Roles(neural=["a_p"]), MLP(1, 1, [16], dropout=0.0), covariate_names=["a"], target_names=["y"]
    )
    rows = torch.arange(4000)
    options = TrainingOptions(
        learning_rate=0.02, global_learning_rate=0.05, max_epochs=80, batch_size=1000, loss=LossOptions("gaussian")
    )
    group = Group([Member(model, rows[:3000], rows[3000:])], data, options, None)
    group.train()
    assert float(group.stack.objective.log_sd.detach().exp()) == pytest.approx(0.5, rel=0.1)


def test_target_without_training_observations_is_refused():
    data, _ = landscape(50)
    data.targets["mbc"].fill_(float("nan"))
    with pytest.raises(HybridmapError, match="'mbc' has 0 observations"):
        fit(model_of(), data, data, TrainingOptions(max_epochs=1))


def test_a_temperature_learns_with_the_network_of_every_member():
    data, _ = landscape(120)
    spec = SPEC | {"constraint": {"name": "sigmoid", "temperature": [1.0, 9.0]}}
    options = TrainingOptions(max_epochs=4, patience=4, batch_size=40, learning_rate=0.05)
    members = [Member(model_of(spec, seed=k), *parts, seed=k) for k, parts in enumerate(folds(120, 2))]
    fit_members(members, data, options)
    temperatures = [float(member.model.constraint.temperature().detach()) for member in members]
    assert all(abs(t - 5.0) > 1e-3 for t in temperatures)
    assert temperatures[0] != temperatures[1]


DETACHED = '''"""Carbon that follows nothing."""
from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs


class Lost(ProcessModel):
    name = "lost"
    parameters = (Parameter("turnover", 30.0, 1.0, 1000.0, "yr", "turnover", scale="log"),)
    forcing = (Variable("npp", ("site",), "g m-2 yr-1", "production", valid_range=(0, 3000)),)
    outputs = (Variable("soc", ("site",), "kg m-3", "carbon"),)

    def __call__(self, parameters, forcing):
        p, f, dtype = gather_inputs(self, parameters, forcing)
        return {"soc": (f["npp"] / 1000 * p["turnover"]LOST).to(dtype)}
'''


@pytest.mark.parametrize("optimiser", ["adamw", "lbfgs"])
@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (".detach()", "no output of the process model follows a learned parameter"),
        (".numpy()", r"process model .*lost.py, line 13: RuntimeError: Can't call numpy\(\)"),
        ('[p["age"]]', r"process model .*lost.py, line 13: KeyError: 'age'; correct the model"),
    ],
)
def test_an_own_process_without_derivatives_or_with_a_mistake_is_one_sentence(tmp_path, lost, said, optimiser):
    source = tmp_path / "lost.py"
    source.write_text(DETACHED.replace("LOST", lost))
    process = {"process": {"name": str(source), "options": {}}, "neural": ["turnover"], "shared": [], "fixed": {}}
    model = model_of(SPEC | process | {"forcing": ["npp"], "forcing_constants": {}, "targets": ["soc"]})
    data, _ = landscape(60)
    data = SiteData(data.covariates, {"npp": data.forcing["npp"]}, {"soc": data.targets["soc"]})
    with pytest.raises(HybridmapError, match=said):
        fit(model, data, data, TrainingOptions(max_epochs=2, optimiser=optimiser))


@pytest.mark.parametrize("loss", ["kge", "nse"])
def test_targets_that_are_the_same_everywhere_are_named(loss):
    data, _ = landscape(60)
    targets = {"moc": torch.full_like(data.targets["moc"], 3.0)}
    data = SiteData(data.covariates, data.forcing, targets)
    with pytest.raises(HybridmapError, match="target 'moc' is 3 at all 60 training sites, and the loss may divide by"):
        fit(model_of(SPEC | {"targets": ["moc"]}), data, data, TrainingOptions(max_epochs=2, loss=LossOptions(loss)))
