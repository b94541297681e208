"""Figure of distances: is the cross-validation as hard as the map?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridmap.plot import style
from hybridmap.plot.style import plt

SHORTEST = 0.01
"""Kilometres; nearer places are drawn here."""


def distances_figure(distances: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Write the cumulative distributions of distances [km], a line each; those of the map thick."""
    figure, axes = plt.subplots(figsize=(6.5, 3.4))
    for k, (name, values) in enumerate(distances.items()):
        known = np.sort(values[np.isfinite(values)]).clip(SHORTEST)
        width, colour = (2.6, style.INK) if k == 0 else (1.2, style.SERIES[k - 1])
        label = f"{name} (median {np.median(known):.3g} km)"
        axes.plot(known, np.linspace(0, 1, len(known)), label=label, linewidth=width, color=colour)
    axes.set(xscale="log", xlabel="distance to the nearest [km]", ylabel="share", ylim=(0, 1))
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.save(figure, path)
