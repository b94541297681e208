"""What is read of an encoder's source is what its class is; a mistake in it is named."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

import hybridmap.encoders
from hybridmap.config import Experiment
from hybridmap.encoders import get_encoder, list_encoders
from hybridmap.encoders.declarations import declared_encoders, descriptions


@pytest.mark.parametrize("name", list_encoders())
def test_declarations_are_the_signatures(name: str) -> None:
    declaration, encoder = declared_encoders()[name], get_encoder(name)
    assert encoder.name == name
    arguments = list(inspect.signature(encoder).parameters.values())
    assert [a.name for a in arguments[:2]] == ["n_inputs", "n_outputs"]
    hints = get_type_hints(encoder.__init__, include_extras=True)
    assert [(o.name, o.default, o.type) for o in declaration.options] == [
        (a.name, a.default, hints[a.name]) for a in arguments[2:]
    ]
    assert encoder.__doc__ is not None
    assert encoder.__doc__.startswith(declaration.summary)
    assert all(option.description for option in declaration.options)


@pytest.mark.parametrize("name", list_encoders())
def test_the_configuration_has_the_options_and_defaults_of_the_class(name: str) -> None:
    options = Experiment(name="x", encoder={"name": name}).encoder.options()
    encoder = get_encoder(name)
    defaults = {
        key: list(p.default) if isinstance(p.default, Sequence) and not isinstance(p.default, str) else p.default
        for key, p in inspect.signature(encoder).parameters.items()
        if p.default is not p.empty
    }
    assert options == {"name": name, **defaults, "separate": False, "positional": []}


SOURCE = '''
"""An encoder in a file of its own."""
from torch import Tensor

from hybridmap.encoders.interface import Encoder
from hybridmap.encoders.layers import Linear
from hybridmap.options.limits import Count


class Tiny(Encoder):
    """Two straight lines on top of each other.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    width : int
        Units between them.
    """

    name = "tiny"

    def __init__(self, n_inputs: int, n_outputs: int, width: Count = 2) -> None:
        super().__init__()
        self.first, self.head = Linear(n_inputs, width), Linear(width, n_outputs).small()

    def forward(self, covariates: Tensor) -> Tensor:
        return self.head(self.first(covariates))
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules belong to the encoders."""
    monkeypatch.setattr(hybridmap.encoders, "__path__", [*hybridmap.encoders.__path__, str(tmp_path)])
    return tmp_path


def test_a_new_encoder_is_one_file(folder: Path) -> None:
    from pydantic import TypeAdapter, ValidationError
    from small_models import SPEC, landscape, model_of

    from hybridmap.config.encoder import encoder_type
    from hybridmap.train import TrainingOptions, fit

    (folder / "tiny_encoder.py").write_text(SOURCE)
    assert "tiny" in list_encoders()
    section = TypeAdapter(encoder_type(declared_encoders()))
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        section.validate_python({"name": "tiny", "width": 0})
    encoder = section.validate_python({"name": "tiny", "width": 3}).options()
    model = model_of(SPEC | {"encoder": encoder})
    assert model.encoder.first.out_features == 3
    data, _ = landscape(100)
    torch.manual_seed(0)
    history = fit(model, data, data, TrainingOptions(max_epochs=20, learning_rate=0.05))
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert "outside_grid" not in model(data.covariates, data.forcing)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (": Count = 2", ": Tensor = 2", r"bad\.py: encoder 'tiny': the type 'Tensor' of option 'width' cannot be read"),
        (": Count = 2", " = 2", "option 'width' needs a type, a default and a line under Parameters"),
        (": Count = 2", ": Count", "option 'width' needs a type, a default"),
        ("    width : int\n        Units between them.\n", "", "option 'width' needs"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_named(folder: Path, old: str, new: str, says: str) -> None:
    (folder / "bad.py").write_text(SOURCE.replace(old, new))
    with pytest.raises(ValueError, match=says):
        declared_encoders()


def test_descriptions_of_several_parameters_and_sections() -> None:
    text = inspect.cleandoc(
        """A thing.

        Parameters
        ----------
        a, b : int
            Both of them.

            In two paragraphs.
        c : {"x", "y"}
            One: the other.

        Returns
        -------
        d : int
            Nothing of it.
        """
    )
    assert descriptions(text) == {
        "a": "Both of them. In two paragraphs.",
        "b": "Both of them. In two paragraphs.",
        "c": "One: the other.",
    }
