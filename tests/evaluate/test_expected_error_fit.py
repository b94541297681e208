"""Expected errors: they rise with distance, the threshold holds in regions left out, and noise makes no area."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.evaluate.expected_error_fit import (
    REGION,
    VALIDATION,
    block_weights,
    fit_expected_error,
    held_out_scores,
    nested_test,
    region_scores,
    weighted_mean,
)

LEVEL = 0.9
PLACES = np.eye(3)


def held_out(seed: int = 0, step_km: float = 300.0, gain: float = 2.0) -> pd.DataFrame:
    """Sites of ten regions whose errors are larger by a factor where training is farther than `step_km`."""
    random = np.random.default_rng(seed)
    parts = []
    for name, farthest in ((VALIDATION, 250.0), (REGION, 900.0)):
        n = 1200
        distance = random.uniform(5, farthest, n)
        residual = np.abs(random.normal(0, 1, n)) * np.where(distance > step_km, gain, 1.0)
        parts.append(
            pd.DataFrame(
                {
                    "held_out": name, "region": np.arange(n) % 10, "block": [f"b{i}" for i in np.arange(n) % 200],
                    "error": residual, "relative_error": residual / 1.645,
                    "dissimilarity": random.uniform(0, 1, n), "distance_km": distance,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def pair(index: list[float], distance: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(index, dtype=torch.float32), torch.tensor(distance, dtype=torch.float32)


def test_a_different_law_far_from_the_sites_is_outside_and_its_intervals_widen() -> None:
    judged = fit_expected_error(held_out(), LEVEL, "soc", "m", PLACES)
    near, far, beyond = judged.is_inside(*pair([0.5] * 3, [100.0, 600.0, 5000.0])).tolist()
    assert (near, far, beyond) == (True, False, False)
    factors = judged.interval_factor(*pair([0.5] * 3, [100.0, 600.0, 5000.0]))
    assert factors[0] == 1.0
    assert 1.6 < factors[1] < 2.6  # errors are twice as large there
    assert factors[2] == pytest.approx(judged.factors[-1])
    assert not judged.is_inside(*pair([50.0], [100.0]))  # no held-out site was as unlike as that


def test_regions_left_out_have_the_promised_errors_inside_and_larger_ones_outside() -> None:
    rows = held_out()
    tested = nested_test(rows, LEVEL)
    scores = held_out_scores(rows, tested)
    assert scores["inside"]["error"] < scores["promised_error_upper"]
    assert scores["outside_minus_inside"]["low"] > 0
    assert scores["outside"]["error"] > 1.5 * scores["promised_error_upper"]
    assert 0.85 <= scores["inside"]["coverage"] <= 0.93
    assert scores["outside"]["coverage"] < 0.75
    assert 0.85 <= scores["outside"]["widened_coverage"] <= 0.95
    assert scores["inside"]["share"] + scores["outside"]["share"] == pytest.approx(1)
    table = region_scores(tested)
    assert len(table) == 30
    assert table[table["part"] == "all"]["n"].sum() == len(tested)


def test_a_placebo_chooses_no_better_area_than_chance() -> None:
    rows, random = held_out(), np.random.default_rng(5)
    gains = []
    for index in (rows, rows.assign(**{c: random.permutation(rows[c]) for c in ("distance_km", "dissimilarity")})):
        tested = nested_test(index, LEVEL)
        weights = block_weights(tested)
        inside = tested["error"][tested["inside"]]
        gains.append(weighted_mean(tested["error"], weights) - weighted_mean(inside, weights))
    real, placebo = gains
    assert real > 0.3
    assert abs(placebo if np.isfinite(placebo) else 0.0) < 0.2 * real


def test_regions_that_are_no_worse_leave_what_was_tested_inside() -> None:
    rows = held_out(gain=1.0)
    scores = held_out_scores(rows, nested_test(rows, LEVEL))
    assert scores["inside"]["share"] > 0.75
    difference = scores["outside_minus_inside"]
    assert difference is None or difference["low"] <= 0


@given(st.integers(0, 30), st.floats(50, 800), st.floats(0.5, 3))
@settings(max_examples=8, deadline=None)
def test_an_expected_error_never_falls_with_distance(seed: int, step_km: float, gain: float) -> None:
    judged = fit_expected_error(held_out(seed, step_km, gain), LEVEL, "soc", "m", PLACES)
    assert (np.diff(judged.table, axis=0) >= -1e-9).all()
    assert (np.diff(judged.table, axis=1) >= -1e-9).all()
    assert (judged.factors >= 1).all()
    assert (np.diff(judged.factors) >= 0).all()
    assert judged.threshold >= 1


def test_a_file_comes_back_and_what_was_not_judged_is_never_inside(tmp_path: Path) -> None:
    judged = fit_expected_error(held_out(), LEVEL, "soc", "m", PLACES)
    judged.save(tmp_path / "e.npz")
    again = ExpectedError.load(tmp_path / "e.npz")
    at = pair([0.1, 0.9, 0.4], [20.0, 400.0, 880.0])
    assert again.expected(*at).tolist() == judged.expected(*at).tolist()
    assert again.is_judged
    ExpectedError.not_judged("soc", "one region").save(tmp_path / "n.npz")
    silent = ExpectedError.load(tmp_path / "n.npz")
    assert (silent.is_judged, silent.reason) == (False, "one region")
    assert not silent.is_inside(*at).any()
    assert (silent.interval_factor(*at) == 1).all()
    np.savez(tmp_path / "old.npz", version=0)
    with pytest.raises(HybridmapError, match=r"old.npz: written by another version"):
        ExpectedError.load(tmp_path / "old.npz")
