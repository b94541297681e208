"""Area of applicability: exact distances, ranges, and the file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability, nearest
from hybridmap.evaluate.applicability_threshold import fit_applicability


def plane(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(10, 4, (n, 3)).astype("float32"), random.integers(0, 5, n)


@given(st.integers(1, 700), st.integers(1, 60), st.integers(1, 9), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_distances_are_those_of_a_search_tree(points: int, references: int, features: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, r = (random.normal(0, 3, (n, features)).astype("float32") for n in (points, references))
    found = nearest(torch.from_numpy(x), torch.from_numpy(r)).numpy()
    np.testing.assert_allclose(found, cKDTree(r).query(x)[0], atol=5e-3)


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    x, folds = plane()
    area = fit_applicability(x, folds, ["a", "b", "c"], np.ones(3, "float32"))
    area.save(tmp_path / "area.npz")
    again = Applicability.load(tmp_path / "area.npz")
    assert again.threshold == area.threshold
    assert list(again.names) == ["a", "b", "c"]
    np.testing.assert_array_equal(again.references, area.references)
    assert [p.name for p in tmp_path.iterdir()] == ["area.npz"]
    (tmp_path / "bad.npz").write_text("no archive")
    with pytest.raises(HybridmapError, match=r"bad.npz: damaged \(no archive of arrays\); delete it and run again"):
        Applicability.load(tmp_path / "bad.npz")
    np.savez(tmp_path / "old.npz", version=0, names=np.array(["a"]))
    with pytest.raises(HybridmapError, match=r"old.npz: written by another version"):
        Applicability.load(tmp_path / "old.npz")


def test_out_of_range_counts_covariates() -> None:
    x, folds = plane()
    area = fit_applicability(x, folds, ["a", "b", "c"], np.ones(3, "float32"))
    low, high = x.min(0), x.max(0)
    cells = torch.from_numpy(np.stack([x[0], high + 1, np.array([low[0] - 1, x[0, 1], x[0, 2]])]).astype("float32"))
    assert area.out_of_range(cells).tolist() == [0, 3, 1]
