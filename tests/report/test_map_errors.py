"""Errors of maps whose truth is known, where the model applies and where not."""

from pathlib import Path

import numpy as np
import pytest
from finished_region import region_of

from hybridmap.report import map_errors as map_errors_module
from hybridmap.report.map_errors import map_errors
from hybridmap.report.results import Results

TRUE = np.array([[10.0, 20.0, 30.0], [40.0, np.nan, 50.0]])
APPLICABLE = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 255.0]])


def test_parts_have_errors_of_their_own() -> None:
    learned = TRUE + np.array([[1.0, -1.0, 6.0], [8.0, 0.0, 100.0]])
    maps = {"soc": learned, "applicable": APPLICABLE, "soc_lower": learned - 7.0, "soc_upper": learned + 7.0}
    inside, outside = map_errors(TRUE, maps, "soc")
    assert inside == {"part": "inside", "cells": 2, "true": 15.0, "bias": 0.0, "rmse": 1.0, "width": 14.0, "held": 1.0}
    assert outside["bias"] == 7.0
    assert outside["rmse"] == pytest.approx(np.sqrt(50.0))
    assert outside["held"] == 0.5


def test_a_map_without_intervals_has_errors_alone() -> None:
    (inside,) = map_errors(TRUE, {"soc": TRUE, "applicable": np.ones_like(TRUE)}, "soc")
    assert (inside["cells"], inside["rmse"], inside["width"], inside["held"]) == (5, 0.0, None, None)


@pytest.mark.parametrize(
    ("outside", "words"), [(4.5, "the map is worse there: RMSE 4.5"), (0.5, "the map is no worse")]
)
def test_the_sentence_says_which_part_is_worse(
    monkeypatch: pytest.MonkeyPatch, outside: float, words: str, tmp_path: Path
) -> None:
    rows = [{"part": "inside", "rmse": 1.1, "held": 0.9}, {"part": "outside", "rmse": outside, "held": 0.5}]
    monkeypatch.setattr(map_errors_module, "errors_of", lambda results, experiment: rows)
    results = Results(region_of(tmp_path, [{"name": "one"}]), tmp_path)
    sentence = map_errors_module.error_sentence(results, "one")
    assert words in sentence
    assert "50% of the true values outside and 90% inside" in sentence
    monkeypatch.setattr(map_errors_module, "errors_of", lambda results, experiment: rows[:1])
    assert map_errors_module.error_sentence(results, "one") == ""
