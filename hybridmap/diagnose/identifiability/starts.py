"""Random places of the range for trainings to start from."""

from __future__ import annotations

import numpy as np

from hybridmap.model import HybridModel

INNER = 0.1
"""Starts lie at least this share of the range inside the bounds, where gradients are not dead."""
START_SD = (1 - 2 * INNER) * 12.0**-0.5
"""Standard deviation of the starts, as a share of the range."""


def random_starts(model: HybridModel, runs: int, seed: int = 0) -> list[dict[str, float]]:
    """Starts of all learned parameters, for as many trainings.

    Parameters
    ----------
    model : HybridModel
        For its bounds.
    runs : int
        How many.
    seed : int
        Same seed, same starts.

    Returns
    -------
    list of dict of str to float
        Parameter → value in its unit, uniform over its range in its scale.
    """
    random = np.random.default_rng([seed, 19])
    draws = random.uniform(INNER, 1 - INNER, (runs, len(model.neural_names) + len(model.shared_names)))
    return [model.parameters_at(row) for row in draws]
