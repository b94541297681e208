"""What drives predictions: direction and size on models whose answer is known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.diagnose.drivers import BY_CLASS, FALLS, RISES, UP_AND_DOWN, drivers, sentence

NAMES = ["rain", "mat", "slope", "constant", "cover"]


class Known:
    """A model whose dependence on its inputs is written down."""

    covariate_names = NAMES
    forcing_names = ("mat", "litter")
    inputs = SimpleNamespace(class_columns=[4])

    def __init__(self, sign: float = 1.0) -> None:
        self.sign = sign

    def tensors(self, table: pd.DataFrame) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        covariates = torch.tensor(table[NAMES].to_numpy("float32"))
        return covariates, {name: torch.tensor(table[name].to_numpy("float32")) for name in self.forcing_names}

    def outputs_of(self, x: torch.Tensor, forcing: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        rain, mat, slope, _, cover = x.T
        hump = -((slope - 0.5) ** 2)
        soc = self.sign * (10 * rain - 3 * mat - 2 * forcing["mat"]) + 8 * hump + 4 * (cover == 2) + forcing["litter"]
        return {"soc": soc}


@pytest.fixture
def samples() -> pd.DataFrame:
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.uniform(0, 1, (900, 5)), columns=NAMES)
    return table.assign(constant=1.0, cover=random.integers(1, 4, 900).astype(float), litter=random.uniform(0, 1, 900))


def test_directions_and_changes_are_those_of_the_model(samples: pd.DataFrame) -> None:
    rows: dict[str, Any] = {row["input"]: row for row in drivers(Known(), samples, "soc")}  # type: ignore[arg-type]
    assert next(iter(rows)) == "rain"
    assert "constant" not in rows
    assert {name: row["direction"] for name, row in rows.items()} == {
        "rain": RISES, "mat": FALLS, "slope": UP_AND_DOWN, "cover": BY_CLASS, "litter": RISES,
    }  # fmt: skip
    assert rows["rain"]["change"] == pytest.approx(10 * 0.8, rel=0.05)
    # A covariate and a forcing of one name move together.
    assert rows["mat"]["change"] == pytest.approx(-5 * 0.8, rel=0.1)
    assert rows["cover"]["change"] is None
    text = sentence(list(rows.values()), "SOC", "kg m-3")
    assert text.startswith("SOC rises with rain (+8), falls with mat (-3.8), rises and falls with slope (±")
    assert "and differs by class of cover (±" in text


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 50))
def test_turning_the_model_round_turns_the_directions(size: float) -> None:
    table = pd.DataFrame(np.random.default_rng(1).uniform(0, 1, (60, 5)), columns=NAMES)
    table = table.assign(cover=np.arange(60) % 3 + 1.0, litter=0.5)
    up, down = (
        {r["input"]: r for r in drivers(Known(sign * size), table, "soc")}  # type: ignore[arg-type]
        for sign in (1.0, -1.0)
    )
    for name in ("rain", "mat"):
        assert up[name]["change"] == pytest.approx(-down[name]["change"], rel=1e-3)
        assert up[name]["effect"] == pytest.approx(down[name]["effect"], rel=1e-3)
        assert {up[name]["direction"], down[name]["direction"]} == {RISES, FALLS}


def test_nothing_drives_what_does_not_move(samples: pd.DataFrame) -> None:
    assert sentence([], "SOC", "kg m-3") == ""
    assert drivers(Known(), samples.assign(**dict.fromkeys(NAMES, 1.0), litter=0.0), "soc") == []  # type: ignore[arg-type]
