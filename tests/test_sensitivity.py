"""First-order indices of the benchmark of CLM5: SALib's estimator, and right where the answer is known."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT
from SALib.analyze import sobol as salib
from SALib.sample import sobol

PROBLEM = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[-np.pi, np.pi]] * 3}
ISHIGAMI = (0.3139, 0.4424, 0.0)
"""Indices of sin a + 7 sin(b)^2 + 0.1 c^4 sin a (Ishigami & Homma 1990)."""


@pytest.fixture(scope="module")
def benchmark_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("traceability", ROOT / "benchmarks/clm5_traceability.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_indices_are_those_of_salib_and_of_the_known_function(benchmark_module: ModuleType) -> None:
    x = sobol.sample(PROBLEM, 1024, calc_second_order=False, seed=1)
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    ours = benchmark_module.first_order(np.stack([y, np.exp(y / 10)]), 3)
    np.testing.assert_allclose(ours[0], ISHIGAMI, atol=0.03)
    runs = y.reshape(-1, 5)
    theirs = [salib.first_order(runs[:, 0], runs[:, k], runs[:, -1]) for k in (1, 2, 3)]
    np.testing.assert_allclose(ours[0], theirs, rtol=1e-12)
    assert not np.allclose(ours[0], ours[1], atol=0.01)  # each output has indices of its own


def test_what_does_not_vary_depends_on_nothing(benchmark_module: ModuleType) -> None:
    assert benchmark_module.first_order(np.ones((2, 20)), 3).tolist() == [[0.0] * 3] * 2
