"""Whether intervals hold what they promise: at every level, and on both sides of the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from hybridmap.plot import style
from hybridmap.plot.style import plt

LEVELS = np.arange(1, 20) / 20
"""Nominal coverages that are drawn."""
BINS = 10

Values = NDArray[np.float64]


def reliability_figure(pit: Mapping[str, Values], title: str, path: Path) -> None:
    """Write observed against nominal coverage, and the histogram of where observations lie in their distribution.

    Parameters
    ----------
    pit : mapping of str to array, shape (site,)
        Label of a target → share of the distribution below each observation, from 0 to 1.
    title : str
        Of the figure.
    path : Path
        PNG to write.
    """
    figure, axes = plt.subplots(2, len(pit), figsize=(2.9 * len(pit), 4.6), squeeze=False)
    for (curve, histogram), (label, values) in zip(axes.T, pit.items(), strict=True):
        curve.set_title(label)
        curve.set(xlabel="nominal coverage", ylabel="observed coverage", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        histogram.set(xlabel="place in the distribution (PIT)", ylabel="density", xlim=(0, 1))
        if not values.size:
            curve.text(0.5, 0.5, "no interval", ha="center", transform=curve.transAxes)
            continue
        curve.plot([0, 1], [0, 1], color=style.WARNING, linewidth=0.8)
        curve.plot(LEVELS, observed_coverage(values), ".-", color=style.ACCENT, markersize=4, linewidth=1.0)
        curve.text(0.04, 0.96, f"n {values.size}", va="top", transform=curve.transAxes)
        _draw_histogram(histogram, values)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.tight_layout()
    style.save(figure, path)


def observed_coverage(pit: Values) -> Values:
    """Share of observations in the central interval of each of :data:`LEVELS`, (level,).

    Examples
    --------
    >>> observed_coverage(np.array([0.5, 0.1])).round(1)[[0, 15, 17]].tolist()
    [0.5, 0.5, 1.0]
    """
    distance = np.abs(2.0 * pit - 1.0)
    # A level holds what its interval has reached, ties included in the next one.
    shares: Values = (distance[:, None] < LEVELS - 1e-9).mean(axis=0)
    return shares


def _draw_histogram(panel: Axes, values: Values) -> None:
    panel.hist(values, BINS, range=(0.0, 1.0), density=True, color=style.ACCENT, edgecolor="white", linewidth=0.6)
    panel.axhline(1.0, color=style.WARNING, linewidth=0.8)
