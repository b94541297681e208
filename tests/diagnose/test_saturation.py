"""Saturation summaries."""

import numpy as np

from hybridmap.diagnose.saturation import summarise


def test_histogram_counts_every_site() -> None:
    values = np.array([-0.1, 0.0, 0.5, 1.0, 1.49, 2.0, np.nan])
    ones = np.ones(7)
    summary = summarise({"moc_saturation": values, "feasible": ones, "margin_uptake": ones, "margin_poc": ones})
    histogram = summary["histogram"]
    assert summary["n"] == 6 == sum(histogram["counts"]) + histogram["below"] + histogram["above"]
