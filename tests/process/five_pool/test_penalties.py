"""Penalties of pools that cannot be."""

import math

import pytest
import torch

from hybridmap.process.five_pool.penalties import dissolved_penalty, saturation_penalty


def test_penalties_of_impossible_pools():
    fine = {
        "moc_saturation": torch.tensor([0.4, 0.99]),
        "doc": torch.tensor([0.1, 0.2]),
        "poc": torch.tensor([5.0, 4.0]),
    }
    assert saturation_penalty(fine) == 0
    assert dissolved_penalty(fine) == 0
    over = {"moc_saturation": torch.tensor([1.2, 0.5])}
    assert saturation_penalty(over) == pytest.approx(0.04 / 2)
    # DOC twice the tenth of POC that is allowed at one site of two; DOC below zero at one of one.
    much = {"doc": torch.tensor([1.0, 0.1]), "poc": torch.tensor([5.0, 5.0])}
    assert dissolved_penalty(much) == pytest.approx(math.log(2.0) ** 2 / 2)
    negative = {"doc": torch.tensor([-0.5], requires_grad=True), "poc": torch.tensor([5.0])}
    penalty = dissolved_penalty(negative)
    penalty.backward()
    assert float(penalty.detach()) == pytest.approx(0.25)
    assert torch.isfinite(negative["doc"].grad).all()
