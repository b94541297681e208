"""A search on nested folds: what it may see, what it prefers, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.check.region import check
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


def demo_with(search: dict[str, Any], folds: int = 5) -> Config:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["splits"][0]["folds"] = folds
    return Config.model_validate(raw | {"search": {"experiments": ["all_neural"], **search}})


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"over": {"training.rate": [1]}}, "cannot have training.rate 1: unknown key 'training.rate'"),
        ({"over": {"encoder.dropout": [0.1, 2]}}, "cannot have encoder.dropout 2"),
        ({"over": {"splits": [["random"]]}}, "the key changes nothing of what is scored"),
        ({"over": {"targets": [["moc"]]}}, "scored by 'soc', which is no target of .* with targets"),
        ({"over": {"seed": [1]}, "target": "nothing"}, "scored by 'nothing'"),
        ({"over": {}}, "'over' needs a key"),
        ({"over": {"seed": [1]}, "experiments": []}, "at least 1 item"),
    ],
)
def test_what_an_experiment_cannot_have_is_refused_at_once(search: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        demo_with(search)


def test_too_few_folds_are_refused_at_once() -> None:
    search = {"over": {"seed": [1]}}
    assert demo_with(search, folds=4).search
    with pytest.raises(ValueError, match="split 'block' of experiment 'all_neural' has 3 folds, and 4 are needed"):
        demo_with(search, folds=3)


def test_another_kind_of_encoder_takes_none_of_the_options_of_the_first() -> None:
    config = demo_with({"over": {"encoder": [{"name": "kan"}, {"dropout": 0.3}]}})
    assert config.search
    kan, mlp = (with_values(config.experiment("all_neural"), values) for values in config.search.candidates())
    assert (kan.encoder.options()["name"], mlp.encoder.options()["name"]) == ("kan", "mlp")
    assert mlp.encoder.options()["hidden"] == [64, 32]


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"neural": [["nope"]]}, r"with neural \['nope'\]: .*nope"),
        ({"process.options.formulation": ["x"]}, "with process.options.formulation 'x'"),
    ],
)
def test_what_the_process_model_refuses_is_said_by_check(over: dict[str, Any], message: str) -> None:
    with pytest.raises(HybridmapError, match=message):
        check(demo_with({"over": over}))
