"""A search on nested folds: what it may see, what it prefers, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.config import Config
from hybridmap.config.search import Search, with_values
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.search import inner_parts, search
from hybridmap.experiment.layers import ModelLayers
from hybridmap.samples.folds import roles_in_fold


def dealt(fold: Any, buffer: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [f"s{k}" for k in range(len(fold))]
    samples = pd.DataFrame({"site_id": names, "x": np.arange(len(fold)) * 10.0, "y": 0.0})
    return samples, pd.DataFrame({"site_id": names, "scheme": "block", "fold": fold, "buffer": buffer, "nested": False})


@settings(deadline=None, max_examples=20)
@given(st.integers(4, 6).flatmap(lambda n: st.lists(st.integers(0, n - 1), min_size=20, max_size=40).map(
    lambda fold: [*range(n), *fold])))  # fmt: skip
def test_no_site_of_a_test_fold_takes_part_in_its_choice(fold: list[int]) -> None:
    samples, splits = dealt(fold)
    parts = inner_parts(samples, splits, "block")
    for k, part in enumerate(parts):
        rows = np.concatenate(part)
        assert sorted(rows) == np.flatnonzero(np.array(fold) != k).tolist()
        test = (roles_in_fold(samples, splits, f"block-{k}", "block") == "test").to_numpy()
        assert not test[rows].any()
    assert len(parts) == max(fold) + 1


def test_a_buffer_is_kept_around_what_is_scored_and_three_folds_are_too_few() -> None:
    fold = np.repeat([0, 1, 2, 3], 10)
    part = inner_parts(*dealt(fold, buffer=25.0), "block")[0]
    assert np.abs(part.training[:, None] - part.predicted[None]).min() > 2
    with pytest.raises(HybridmapError, match="3 folds; 4 are needed"):
        inner_parts(*dealt(np.repeat([0, 1, 2], 5)), "block")


def test_draws_are_a_seeded_part_of_the_grid() -> None:
    over = {"seed": list(range(10)), "encoder.dropout": [0.0, 0.1]}
    grid = Search(experiments=["a"], over=over).candidates()
    first, again, other = (Search(experiments=["a"], over=over, draws=5, seed=s).candidates() for s in (1, 1, 2))
    assert len(grid) == 20
    assert first == again != other
    assert len(first) == 5
    assert all(values in grid for values in first)
    with pytest.raises(ValueError, match="2000 combinations"):
        Search(experiments=["a"], over={"seed": list(range(2000))})


def test_the_better_candidate_comes_first_whatever_the_test_folds_say(
    small_region: tuple[Config, Path], tmp_path: Path
) -> None:
    config, folder = small_region
    experiment = with_values(config.experiment("pure_network"), {"targets": ["soc"], "training.max_epochs": 15})
    samples, splits = (pd.read_parquet(folder / f"{name}.parquet") for name in ("samples", "splits"))
    number = pd.Series(np.arange(len(samples)) % 4, samples["site_id"])
    splits["fold"] = splits["site_id"].map(number)
    splits.to_parquet(tmp_path / "splits.parquet")
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    options = Search(experiments=["pure_network"], over={"training.learning_rate": [1e-9, 0.01]})
    search(experiment, options, layers, folder / "samples.parquet", tmp_path / "splits.parquet", tmp_path / "s.csv")
    table = pd.read_csv(tmp_path / "s.csv")
    assert table["training.learning_rate"].tolist() == [0.01, 1e-9]
    assert table["score"].is_monotonic_decreasing
    assert table["best_in_folds"].tolist() == [4, 0]
    assert (table["lowest_fold"] <= table["score"]).all()


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"training.rate": [1]}, "cannot have training.rate 1"),
        ({"encoder.dropout": [0.1, 2]}, "cannot have encoder.dropout 2"),
        ({}, "'over' needs a key"),
    ],
)
def test_what_an_experiment_cannot_have_is_refused_at_once(over: dict[str, Any], message: str) -> None:
    import yaml

    raw = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"search": {"experiments": ["all_neural"], "over": over}}
    with pytest.raises(ValueError, match=message):
        Config.model_validate(raw)
