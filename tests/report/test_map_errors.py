"""Errors of maps whose truth is known, where the model applies and where not."""

import numpy as np
import pytest

from hybridmap.report.map_errors import map_errors

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
