"""The trainer: recovers known parameters, stops, resumes bitwise, and refuses what it cannot learn from."""

import numpy as np
import pytest
import torch

from hybridmap.errors import HybridmapError
from hybridmap.hybrid import HybridModel, Roles, build_model, resolve_roles
from hybridmap.process import get_process
from hybridmap.train import SiteData, TrainingOptions, fit, load_model, save_model
from hybridmap.train.loop import _make_optimiser, evaluate_loss

SPEC = {
    "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
    "neural": ["cue", "q_max"],
    "shared": ["km_p"],
    "fixed": {"f_poc": 0.6},
    "bounds": {},
    "constraint": "sigmoid",
    "encoder": {"name": "mlp", "hidden": [16], "activation": "gelu", "dropout": 0.1},
    "covariates": ["a", "b"],
    "forcing": ["npp", "mat"],
    "forcing_constants": {"depth": 0.2},
    "targets": ["soc", "moc", "mbc"],
}


def landscape(n=300, seed=0):
    """Sites whose true CUE and Q_max are simple functions of two covariates."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=g)
    forcing = {"npp": 300 + 400 * torch.rand(n, generator=g), "mat": 5 + 10 * torch.rand(n, generator=g)}
    true = {
        "cue": 0.35 + 0.08 * torch.tanh(x[:, 0]),
        "q_max": 60 + 20 * torch.tanh(x[:, 1]),
        "f_poc": torch.tensor(0.6),
    }
    depth = {"depth": torch.tensor(0.2)}
    out = get_process("five_pool", formulation="constrained")(true, forcing | depth)
    targets = {t: out[t].clone() for t in SPEC["targets"]}
    targets["mbc"][torch.rand(n, generator=g) < 0.9] = float("nan")
    return SiteData(x, forcing, targets), true


def model_of(spec=SPEC, seed=0):
    torch.manual_seed(seed)
    return build_model(spec)


def test_starts_at_defaults_and_stays_in_bounds():
    model = model_of()
    data, _ = landscape(20)
    model.standardise.fit(data.covariates)
    head = model.encoder.layers[-1]
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


@pytest.mark.parametrize("process", [SPEC["process"], None])
def test_saved_model_predicts_the_same(tmp_path, process):
    data, _ = landscape(50)
    spec = SPEC | {"process": process}
    model = model_of(spec)
    fit(model, data, data, TrainingOptions(max_epochs=2))
    save_model(model, spec, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    for name, value in model(data.covariates, data.forcing).items():
        assert torch.equal(value, loaded(data.covariates, data.forcing)[name]), name
    with pytest.raises(HybridmapError, match="no trained model"):
        load_model(tmp_path / "nowhere")


def test_decay_never_moves_process_parameters():
    model = model_of()
    optimiser = _make_optimiser(model, TrainingOptions(weight_decay=0.5))
    before = model.shared_raw.detach().clone()
    for _ in range(50):
        optimiser.zero_grad()
        (0.0 * sum(p.sum() for p in model.parameters())).backward()
        optimiser.step()
    assert torch.equal(model.shared_raw.detach(), before)


def test_target_without_training_observations_is_refused():
    data, _ = landscape(50)
    data.targets["mbc"].fill_(float("nan"))
    with pytest.raises(HybridmapError, match="'mbc' has 0 observations"):
        fit(model_of(), data, data, TrainingOptions(max_epochs=1))


def test_roles():
    process = get_process("five_pool")
    assert len(resolve_roles(process, "all", "none", {}).neural) == 13
    mixed = resolve_roles(process, ["cue", "q_max"], "all", {"f_poc": 0.5})
    assert len(mixed.shared) == 10
    with pytest.raises(ValueError, match="no parameter 'kue'"):
        resolve_roles(process, ["kue"], "none", {})
    with pytest.raises(ValueError, match="two roles"):
        HybridModel(process, Roles(neural=["cue"], shared=["cue"]), torch.nn.Identity())
