"""Partial dependence and Shapley values against the vectors, and the check of the retention study."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridmap.config import Config
from hybridmap.evaluate.importance import (
    covariate_importance,
    dependence_importance,
    partial_dependence,
    shapley_values,
    shares,
)
from hybridmap.process import get_process
from hybridmap.train import load_model


@pytest.fixture(scope="module")
def vectors(shared):
    return json.loads((shared / "vectors/metrics/dev.json").read_text())


def function(x):
    return 2 * x[:, 0] + x[:, 1] ** 2 + 0.5 * x[:, 0] * x[:, 1]


def test_partial_dependence_equals_the_vectors(vectors):
    case = vectors["pdv"]
    x = np.array(case["x"])
    for column, expected in enumerate(case["pd"]):
        np.testing.assert_allclose(partial_dependence(function, x, column, 11).mean[:, 0], expected, rtol=1e-9)
    importance = dependence_importance(function, x, 11)
    np.testing.assert_allclose(importance[:, 0], case["importance_sd_ddof1"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(shares(importance)[:, 0], case["share"], rtol=1e-9, atol=1e-12)


def test_quantile_grid_and_classes():
    x = np.array([[0.0, 1.0], [0.1, 1.0], [0.2, 2.0], [9.0, 3.0]])
    grid = partial_dependence(lambda a: a[:, 0], x, 0, 5, "quantile").grid
    np.testing.assert_allclose(grid, np.quantile(x[:, 0], [0, 0.25, 0.5, 0.75, 1]))
    importance = dependence_importance(lambda a: 4.0 * a[:, 1], x, categorical=[1])
    assert importance[1, 0] == pytest.approx(4.0 * 2 / 4)
    assert importance[0, 0] == 0


def test_shapley_equals_the_vectors(vectors):
    case = vectors["shapley"]
    x, background = np.array([case["x"]]), np.array(case["background"])
    values, base = shapley_values(function, x, background)
    np.testing.assert_allclose(values[0], case["phi"], rtol=1e-9, atol=1e-12)
    assert base[0] == pytest.approx(case["base"])
    assert values.sum() + base[0] == pytest.approx(case["fx"])


def test_sampled_shapley_adds_up():
    g = np.random.default_rng(0)
    weights, x, background = g.normal(size=14), g.normal(size=(3, 14)), g.normal(size=(5, 14))
    values, base = shapley_values(lambda a: a @ weights, x, background, permutations=3)
    np.testing.assert_allclose(values, (x - background.mean(0)) * weights, atol=1e-10)
    np.testing.assert_allclose(values.sum(1) + base, x @ weights)


def test_available_water_of_a_transparent_pedotransfer():
    """The numbers of the specification: what texture and carbon do to available water."""
    model = get_process("water_retention", clamp=False)

    def available(x):
        clay, silt, _, oc = torch.tensor(x).T
        parameters = {
            "theta_s": 0.36 + 0.0010 * clay + 0.012 * oc,
            "h_m": 10 ** (1.6 + 0.02 * clay + 0.01 * silt),
            "sigma": 1.6 + 0.015 * clay,
            "theta_o": 0.02 + 0.0022 * clay,
            "h_d": torch.tensor(6.3e6, dtype=torch.float64),
        }
        return model.available_water(parameters).numpy()

    background = np.array(
        [[5, 10, 85, 1], [15, 35, 50, 2], [30, 40, 30, 1.5], [45, 35, 20, 3], [10, 60, 30, 6]], dtype=float
    )
    values, base = shapley_values(available, np.array([[20.0, 30.0, 50.0, 4.0]]), background)
    expected = [0.0101336929967, -0.00593044498363, 0, 0.0105651889878]
    np.testing.assert_allclose(values[0], expected, rtol=1e-8, atol=1e-12)
    assert base[0] == pytest.approx(0.280745090051, rel=1e-10)


def test_importance_is_zero_for_what_the_model_ignores(small_region: tuple[Config, Path], trained: Path) -> None:
    model = load_model(trained / "some_neural/all/model")
    with torch.no_grad():
        model.encoder.hidden[0].linear.weight[:, 0] = 0.0
    x = torch.randn(500, len(model.covariate_names)) * model.standardise.sd + model.standardise.mean
    forcing = {"npp": torch.full((500,), 500.0), "mat": torch.full((500,), 9.0)}
    found = covariate_importance(model, x, forcing, ["soc"])
    assert found[0] == 0.0
    assert (found[1:] > 0).any()
