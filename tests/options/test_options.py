"""Options stand once: choices have their code, limits hold for configuration and Python alike, no torch is needed."""

import subprocess
import sys
from dataclasses import fields
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from hybridmap.model.constraints import CONSTRAINTS
from hybridmap.options import ConstraintOptions, LossOptions, OptimisationOptions, UncertaintyOptions
from hybridmap.options.constraint import ConstraintName
from hybridmap.options.encoder import Activation, Degree
from hybridmap.options.loss import LOSS_NAMES
from hybridmap.options.optimisation import SCHEDULES, Schedule
from hybridmap.train import TrainingOptions

BLOCKS = (ConstraintOptions, LossOptions, OptimisationOptions, UncertaintyOptions)


def test_every_choice_has_its_code() -> None:
    from hybridmap.encoders.layers import ACTIVATIONS
    from hybridmap.encoders.spline import POLYNOMIALS
    from hybridmap.train.log_losses import LOG_LOSSES, QUANTILE_LOSSES
    from hybridmap.train.losses import LOSSES

    of_a_centre = ["smooth_l1_log", "log_and_square"]
    assert [*LOSSES, *of_a_centre, *LOG_LOSSES, *QUANTILE_LOSSES] == list(LOSS_NAMES)
    assert list(CONSTRAINTS) == list(get_args(ConstraintName))
    assert list(ACTIVATIONS) == list(get_args(Activation))
    assert list(POLYNOMIALS) == list(get_args(Degree))
    assert list(SCHEDULES) == list(get_args(Schedule))


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        (LossOptions, {"name": "kgee"}),
        (LossOptions, {"name": {"soc": "kgee"}}),
        (LossOptions, {"weighting": "none"}),
        (LossOptions, {"beta": 0.0}),
        (OptimisationOptions, {"optimiser": "adma"}),
        (OptimisationOptions, {"global_optimiser": "lbfgs"}),
        (OptimisationOptions, {"optimiser": "lbfgs", "global_optimiser": "sgd"}),
        (OptimisationOptions, {"stop_on": "soc"}),
        (OptimisationOptions, {"batch_size": 0}),
        (OptimisationOptions, {"weight_decay": -1.0}),
        (ConstraintOptions, {"name": "tanh"}),
        (UncertaintyOptions, {"members": 1}),
        (UncertaintyOptions, {"level": 1.0}),
    ],
    ids=str,
)
def test_python_and_configuration_refuse_the_same(block: type, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no |must be|lbfgs"):
        block(**wrong)
    with pytest.raises(ValidationError):
        TypeAdapter(block).validate_python(wrong)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_a_file_is_the_dataclass_itself(block: type) -> None:
    read = TypeAdapter(block).validate_python({})
    assert type(read) is block
    assert read == block()
    assert all(field.metadata["description"] for field in fields(block))


def test_the_trainer_adds_to_the_block_and_repeats_nothing() -> None:
    own = {field.name for field in fields(TrainingOptions)} - {field.name for field in fields(OptimisationOptions)}
    assert own == {"loss", "seed", "identity"}


def test_a_dry_run_imports_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, hybridmap, hybridmap.config.reading; print([m for m in ('torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
