"""What is asked of encoders goes by the interface: for one network, for one network an output, and for any module."""

import re

import pytest
import torch
from conftest import ROOT
from small_models import SPEC, landscape, model_of

from hybridmap.encoders import KAN, MLP, Separate, list_encoders
from hybridmap.encoders.interface import EmptyEncoder, as_encoder
from hybridmap.encoders.registry import build_encoder, encoders_with, encoders_with_fast_form
from hybridmap.errors import HybridmapError
from hybridmap.predict.fast_encoder import make_fast
from hybridmap.train import LossOptions, TrainingOptions, fit

TYPE_TEST = re.compile(r"isinstance\([^()]*\b(KAN|MLP|NAM|LinearEncoder|Separate|EmptyEncoder|FastMLP)\b")


def test_nobody_asks_for_the_type_of_an_encoder() -> None:
    files = [*(ROOT / "hybridmap").rglob("*.py"), *(ROOT / "studies").rglob("*.py")]
    askers = [
        file.relative_to(ROOT).as_posix()
        for file in files
        if not file.is_relative_to(ROOT / "hybridmap/encoders") and TYPE_TEST.search(file.read_text())
    ]
    assert askers == []


def test_separate_kans_are_kans() -> None:
    """Grids are fitted, covariates outside are counted, penalties and curves are those of the networks."""
    torch.manual_seed(0)
    networks = [KAN(3, 1), KAN(3, 1)]
    separate = Separate(networks)
    x = 5 + torch.rand(100, 3)
    separate.fit_range(x)
    separate(x)
    assert separate.has_range
    assert separate.outside(torch.tensor([[5.5, 5.5, 5.5], [5.5, 99.0, -99.0]])).tolist() == [0, 2]
    for name in ("entropy", "l1", "smoothness"):
        expected = sum(network.regulariser(name) for network in networks)
        torch.testing.assert_close(separate.regulariser(name), expected)
    torch.testing.assert_close(networks[0].regulariser("l1"), networks[0].penalties(x)["l1"])
    curves = separate.curves()
    assert curves.share.shape == (3, 2)
    torch.testing.assert_close(curves.edge(1, 1)[1], networks[1].edge(1, 0)[1])
    assert Separate([KAN(3, 1, [2]), KAN(3, 1, [2])]).curves() is None


@pytest.mark.parametrize("hidden", [[], [2]])
def test_separate_kans_train_with_penalties(hidden: list[int]) -> None:
    data, _ = landscape(100)
    data.covariates.add_(20.0)
    spec = SPEC | {"encoder": {"name": "kan", "hidden": hidden, "intervals": 5, "separate": True}}
    model = model_of(spec)
    loss = LossOptions(penalties={"entropy": 1e-3, "smoothness": 1e-3})
    history = fit(model, data, data, TrainingOptions(max_epochs=5, learning_rate=0.02, loss=loss))
    assert history[-1]["train_smoothness"] > 0
    assert "train_entropy" in history[-1]
    count = model(data.covariates, data.forcing)["outside_grid"]
    assert count.max() == 0  # the grids were fitted to these sites
    assert model(data.covariates + 1000, data.forcing)["outside_grid"].tolist() == [2.0] * 100
    assert "outside_grid" in model.output_info()


def test_a_model_without_neural_parameters_has_an_empty_encoder() -> None:
    model = model_of(SPEC | {"neural": "none", "shared": ["cue"], "encoder": {"name": "kan"}})
    assert isinstance(model.encoder, EmptyEncoder)
    assert model.encoder(torch.zeros(4, 2)).shape == (4, 0)
    data, _ = landscape(30)
    model.fit_inputs(data.covariates)
    assert "outside_grid" not in model.eval()(data.covariates, data.forcing)
    assert as_encoder(model.encoder).curves() is None


def test_any_module_can_be_an_encoder() -> None:
    plain = as_encoder(torch.nn.Linear(2, 1))
    plain.fit_range(torch.zeros(3, 2))
    assert plain(torch.zeros(3, 2)).shape == (3, 1)
    assert (plain.has_range, plain.has_deep_grids, plain.regularisers) == (False, False, ())
    assert plain.outside(torch.zeros(3, 2)) is None
    assert plain.fast(torch.float32) is None
    kan = KAN(2, 1)
    assert as_encoder(kan) is kan


@pytest.mark.parametrize("name", list_encoders())
def test_offers_are_kept(name: str) -> None:
    torch.manual_seed(0)
    encoder = build_encoder({"name": name}, 3, 2).eval()
    x = torch.randn(60, 3)
    encoder.fit_range(x)
    encoder(x)
    for penalty in encoder.regularisers:
        assert name in encoders_with(penalty)
        assert encoder.regulariser(penalty).shape == ()
    with pytest.raises(ValueError, match="has no penalty 'wiggle'"):
        encoder.regulariser("wiggle")
    assert (encoder.outside(x) is None) != encoder.has_range
    fast = encoder.fast(torch.float32)
    assert (fast is not None) == (name in encoders_with_fast_form())
    if fast is not None:
        with torch.no_grad():
            torch.testing.assert_close(fast(x), encoder(x), rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(fast.hidden @ fast.weight.T + fast.bias, fast(x))


def test_bfloat16_needs_a_fast_form() -> None:
    with pytest.raises(HybridmapError, match="bfloat16 is for encoders of kind mlp, not KAN; use float32"):
        make_fast(model_of(SPEC | {"encoder": {"name": "kan"}}), "bfloat16")
    assert not isinstance(make_fast(model_of()).encoder, MLP)


def test_unknown_encoders_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no encoder 'kann'; there are \['kan', 'linear', 'mlp', 'nam'\]"):
        build_encoder({"name": "kann"}, 2, 1)
    with pytest.raises(ValueError, match=r"encoder 'linear': .*hidden"):
        build_encoder({"name": "linear", "hidden": [3]}, 2, 1)
