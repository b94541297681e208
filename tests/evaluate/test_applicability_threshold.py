"""Area of applicability: the published threshold, and a stated loss where sites are thinned."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.evaluate.applicability_threshold import fit_applicability, learn_applicability
from hybridmap.train import load_model


def plane(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(10, 4, (n, 3)).astype("float32"), random.integers(0, 5, n)


def test_index_and_threshold_follow_their_definition() -> None:
    x, folds = plane()
    weight = np.array([2.0, 1.0, 0.0], "float32")
    area = fit_applicability(x, folds, ["a", "b", "c"], weight)
    assert (area.agreement, area.excess, len(area.references)) == (1.0, 0.0, 400)
    scaled = (x - x.mean(0)) / x.std(0) * weight / 2.0
    pairs = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    mean = pairs[np.triu_indices(len(x), 1)].mean()
    assert area.mean_distance == pytest.approx(mean, rel=1e-5)
    held = np.array([pairs[i, folds != folds[i]].min() for i in range(len(x))]) / mean
    low, high = np.quantile(held, [0.25, 0.75])
    fence = high + 1.5 * (high - low)
    assert held.max() > fence
    assert area.threshold == pytest.approx(fence, rel=1e-3)
    whisker = fit_applicability(x, folds, ["a", "b", "c"], weight, limit="whisker")
    assert whisker.threshold == pytest.approx(held[held <= fence].max(), rel=1e-3)
    assert whisker.threshold < area.threshold
    # A covariate that moves nothing does not count, and a training site has index 0.
    moved = torch.from_numpy(x + np.array([0, 0, 50], "float32"))
    assert area.dissimilarity(moved).max() < 1e-3
    far = area.dissimilarity(torch.from_numpy(x + np.array([80, 0, 0], "float32")))
    assert (far > area.threshold).all()


def test_the_threshold_is_at_most_the_largest_index() -> None:
    """Evenly spread sites have no outliers: the fence lies beyond the largest of them, which nothing exceeds."""
    place = np.cumsum(np.random.default_rng(0).uniform(1, 2, 60))
    folds = np.arange(60) % 2
    area = fit_applicability(place[:, None].astype("float32"), folds, ["a"], np.ones(1, "float32"))
    pairs = np.abs(place[:, None] - place)
    held = np.where(folds[:, None] != folds, pairs, np.inf).min(1) / pairs[np.triu_indices(60, 1)].mean()
    low, high = np.quantile(held, [0.25, 0.75])
    assert held.max() < high + 1.5 * (high - low)
    assert area.threshold == pytest.approx(held.max(), rel=1e-3)


def test_classes_are_equal_or_not() -> None:
    random = np.random.default_rng(0)
    x = np.column_stack([random.integers(1, 4, 300), random.normal(0, 1, 300)]).astype("float32")
    area = fit_applicability(x, np.arange(300) % 3, ["c", "n"], np.ones(2, "float32"), {"c": [1, 2, 3]})
    one = area.features(torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [7.0, 0.0]]))
    distance = torch.cdist(one, one)
    assert distance[0, 1] == pytest.approx(1.0)
    assert distance[0, 2] == pytest.approx(1.0)  # class 3 is no farther from 1 than class 2
    assert distance[0, 3] > 0


def test_thinned_references_say_what_they_lose() -> None:
    random = np.random.default_rng(1)
    x = (random.normal(0, 1, (3000, 4)) @ random.normal(0, 1, (4, 12))).astype("float32")
    folds = random.integers(0, 5, 3000)
    names = [f"c{i}" for i in range(12)]
    exact = fit_applicability(x, folds, names, np.ones(12, "float32"), references=3000)
    thin = fit_applicability(x, folds, names, np.ones(12, "float32"), references=400)
    assert len(thin.references) <= 400
    assert 0.9 < thin.agreement < 1
    assert thin.excess > 0
    cells = torch.from_numpy((random.normal(0, 1.6, (2000, 4)) @ random.normal(0, 1, (4, 12))).astype("float32"))
    assert (thin.dissimilarity(cells) >= exact.dissimilarity(cells) - 1e-3).all()


def test_too_few_folds_are_named() -> None:
    x, _ = plane()
    with pytest.raises(HybridmapError, match="at least two folds"):
        fit_applicability(x, np.zeros(400, int), ["a", "b", "c"], np.ones(3, "float32"))


def test_a_model_that_ignores_covariates_applies_everywhere() -> None:
    x, folds = plane()
    area = fit_applicability(x, folds, ["a", "b", "c"], np.zeros(3, "float32"))
    far = torch.from_numpy(x + 1000)
    assert (area.dissimilarity(far) <= area.threshold).all()
    assert (area.out_of_range(far) == 3).all()


def test_the_area_of_a_trained_model(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    model = trained / "some_neural/all/model"
    tables = folder / "samples.parquet", folder / "splits.parquet"
    arguments = config.experiment("some_neural"), config.covariates, config.predict, model, *tables
    for name in ("one.npz", "two.npz"):
        learn_applicability(*arguments, tmp_path / name)
    area, again = (Applicability.load(tmp_path / n) for n in ("one.npz", "two.npz"))
    np.testing.assert_array_equal(area.references, again.references)
    assert area.threshold == again.threshold > 0
    trained_model = load_model(model)
    assert tuple(area.names) == trained_model.covariate_names
    assert area.importance.max() == 1.0
    assert area.importance.min() >= 0.0
