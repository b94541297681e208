"""Combinations that are determined though their parameters are not."""

import numpy as np

from hybridmap.diagnose.identifiability.combinations import Scales, determined, directions

NAMES = ("k_ads", "k_des", "q_max")


def test_a_ratio_that_alone_matters_is_named() -> None:
    rows = np.tile([[30.0, -30.0, 0.0]], (50, 1))
    precision = np.eye(3) / 0.29**2 + rows.T @ rows
    covariance = np.tile(np.linalg.inv(precision), (50, 1, 1))
    listed = determined(Scales(NAMES, np.full((50, 3), 6.9)), covariance, 0.29, rows)
    assert listed[0]["name"] == "k_ads/k_des"
    assert listed[0]["sd"] < 0.1 * listed[0]["alone"]
    assert not any("q_max" in row["name"] for row in listed)


def test_parameters_that_are_known_by_themselves_make_no_combination() -> None:
    covariance = np.tile(np.eye(3) * 1e-4, (50, 1, 1))
    rows = np.random.default_rng(0).normal(size=(50, 3))
    assert determined(Scales(NAMES, np.full((50, 3), 6.9)), covariance, 0.29, rows) == []


def test_directions_come_from_the_stiffest() -> None:
    listed = directions(NAMES, np.diag([1.0, 5.0, 2.0]))
    sizes = [row["singular_value"] for row in listed]
    assert sizes == sorted(sizes, reverse=True)
    assert abs(listed[0]["weights"]["k_des"]) == 1.0
