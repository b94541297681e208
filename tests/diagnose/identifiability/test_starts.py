"""Random places to start from."""

import small_models

from hybridmap.diagnose.identifiability.starts import INNER, random_starts


def test_starts_lie_inside_the_bounds_and_follow_the_seed() -> None:
    model = small_models.model_of()
    starts = random_starts(model, 20, seed=3)
    assert starts == random_starts(model, 20, seed=3)
    assert starts != random_starts(model, 20, seed=4)
    assert list(starts[0]) == ["cue", "q_max", "km_p"]
    low, high = model.bounds_of("q_max")
    values = [start["q_max"] for start in starts]
    assert low + INNER * (high - low) <= min(values) < max(values) <= high - INNER * (high - low)
    low, high = model.bounds_of("km_p")
    middle = sum(start["km_p"] < (low * high) ** 0.5 for start in starts)
    assert 4 < middle < 16, "drawn on the logarithm"
