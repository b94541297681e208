"""Figure of distances: is the cross-validation as hard as the map?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridmap.plot import style
from hybridmap.plot.style import plt

SHORTEST = 0.01
"""Kilometres; shorter distances are drawn at this one."""


def distances_figure(distances: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Write the cumulative distributions of distances, a line each.

    Parameters
    ----------
    distances : mapping of str to array
        Label → distances [km]; the first is drawn thick.
    path : Path
        PNG to write.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3.4))
    for k, (name, values) in enumerate(distances.items()):
        ordered = np.sort(values[np.isfinite(values)]).clip(SHORTEST)
        width, colour = (2.6, style.INK) if k == 0 else (1.2, style.SERIES[k - 1])
        label = f"{name} (median {np.median(ordered):.3g} km)"
        axes.plot(ordered, np.linspace(0, 1, len(ordered)), label=label, linewidth=width, color=colour)
    axes.set(xscale="log", xlabel="distance to the nearest [km]", ylabel="share", ylim=(0, 1))
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.save(figure, path)
