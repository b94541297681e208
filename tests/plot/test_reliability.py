"""Reliability and PIT: what the figure shows of ranks with a known distribution."""

from pathlib import Path

import numpy as np

from hybridmap.plot.reliability import LEVELS, observed_coverage, reliability_figure


def test_uniform_ranks_are_reliable_and_sure_ones_are_not() -> None:
    uniform = (np.arange(1000) + 0.5) / 1000
    np.testing.assert_allclose(observed_coverage(uniform), LEVELS, atol=0.002)
    too_narrow = np.concatenate([np.zeros(50), uniform, np.ones(50)])
    assert (observed_coverage(too_narrow) < LEVELS).all()


def test_a_target_without_intervals_is_drawn_as_such(tmp_path: Path) -> None:
    pit = {"SOC": np.linspace(0, 1, 50), "MBC": np.array([])}
    reliability_figure(pit, "Intervals", tmp_path / "reliability.png")
    first = (tmp_path / "reliability.png").read_bytes()
    reliability_figure(pit, "Intervals", tmp_path / "reliability.png")
    assert first == (tmp_path / "reliability.png").read_bytes()
