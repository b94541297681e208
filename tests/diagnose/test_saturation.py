"""Saturation summaries."""

import numpy as np

from hybridmap.diagnose.saturation import summarise
from hybridmap.process import Check, get_process


def test_histogram_counts_every_site() -> None:
    values = np.array([-0.1, 0.0, 0.5, 1.0, 1.49, 2.0, np.nan])
    ones = np.ones(7)
    soil = {"moc_saturation": values, "feasible": ones, "margin_uptake": ones, "margin_poc": ones}
    summary = summarise(soil, get_process("five_pool"))
    histogram = summary["histogram"]
    assert summary["n"] == 6 == sum(histogram["counts"]) + histogram["below"] + histogram["above"]
    assert summary["above_capacity"] == 2 / 6
    assert summary["negative"] == 1 / 6
    assert summary["nearly_full"] == 1 / 6  # a full surface is 1 itself
    assert list(summary["quantiles"]) == ["moc_saturation", "margin_uptake", "margin_poc"]


def test_a_model_without_a_capacity_is_counted_by_its_own_checks() -> None:
    model = get_process("respiration")
    model.checks = (Check("too_fast", "reco", "respiration is too fast", above=3.0, may_fail=0.3),)
    assert summarise({"reco": [1.0, 3.0, 4.0, np.nan]}, model) == {"n": 3, "too_fast": 1 / 3}
