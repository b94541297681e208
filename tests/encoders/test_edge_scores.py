"""Scores of edges and the penalties on them against the check vectors."""

import json

import numpy as np
import pytest
import torch

from hybridmap.encoders.edge_scores import edge_scores, roughness, sparsity


def test_edge_scores_and_penalties_equal_the_vectors(shared):
    case = json.loads((shared / "vectors/metrics/dev.json").read_text())["kan"]
    a, b, c = torch.tensor(case["x"], dtype=torch.float64).T
    # The curves that the vectors name: x^2, sin(x); 0.5x, abs(x); 0.1x, 0; then 2x and -x^2/4.
    first = torch.stack(
        [
            torch.stack([a**2, torch.sin(a)], -1),
            torch.stack([0.5 * b, b.abs()], -1),
            torch.stack([0.1 * c, torch.zeros_like(c)], -1),
        ],
        dim=-2,
    )
    middle = first.sum(-2)
    second = torch.stack([2 * middle[:, 0], -(middle[:, 1] ** 2) / 4], -1)[..., None]
    scores = edge_scores([first, second])
    np.testing.assert_allclose(scores[0], case["edge_scores_layer1"], rtol=1e-9)
    np.testing.assert_allclose(scores[1][:, 0], np.ravel(case["edge_scores_layer2"]), rtol=1e-9)
    entropy, l1 = sparsity(scores)
    assert float(entropy) == pytest.approx(case["entropy"], rel=1e-9)
    assert float(l1) == pytest.approx(case["l1"], rel=1e-9)
    coefficients = torch.tensor(case["spline_coef"], dtype=torch.float64)[None]
    assert float(roughness(coefficients)) == pytest.approx(sum(case["second_difference_sum"]), rel=1e-9)
