"""The ladder as a figure: every rung a dot with its 90 % range, floor below, ceiling above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hybridmap.plot import style
from hybridmap.plot.style import plt

PANELS = {"pearson": "r", "pearson_log": "r of logarithms", "nse": "NSE"}
"""Scores that are drawn, a column each, with their titles."""
LOWEST = -0.5
"""Where scores are cut; an absurd one would hide all others."""


def ladder_figure(ladder: pd.DataFrame, experiments: Sequence[str], titles: Mapping[str, str], path: Path) -> None:
    """Write the rungs of one quantity and scheme.

    Parameters
    ----------
    ladder : DataFrame
        Rows of all sites from the lowest rung: ``rung``, ``score``, ``value``, ``low``, ``high``.
    experiments : sequence of str
        Names of rungs that are experiments; their colour is another.
    titles : mapping of str to str
        Rung → its name in the figure.
    path : Path
        PNG to write.
    """
    rungs = list(dict.fromkeys(ladder["rung"]))
    figure, axes = plt.subplots(1, len(PANELS), figsize=(10.5, 0.27 * len(rungs) + 1.0), sharey=True)
    for panel, (score, title) in zip(axes, PANELS.items(), strict=True):
        rows = ladder[ladder["score"] == score].set_index("rung").reindex(rungs)
        _draw_rungs(panel, rows, experiments)
        panel.set_title(title)
    axes[0].set_yticks(range(len(rungs)), [titles.get(rung, rung) for rung in rungs])
    axes[0].set_ylim(-0.6, len(rungs) - 0.4)
    figure.tight_layout()
    style.save(figure, path)


def _draw_rungs(panel: Axes, rows: pd.DataFrame, experiments: Sequence[str]) -> None:
    """Dots and ranges, a line each; a score below the cut is an arrow at the edge."""
    for height, (rung, row) in enumerate(rows.iterrows()):
        if not np.isfinite(row["value"]):
            continue
        colour = style.ACCENT if rung in experiments else style.WARNING if "ceiling" in str(rung) else style.INK
        if row["value"] < LOWEST:
            panel.plot(LOWEST, height, "<", color=colour, markersize=5)
            continue
        panel.plot(row["value"], height, "o", color=colour, markersize=5)
        panel.plot(np.maximum([row["low"], row["high"]], LOWEST), [height, height], color=colour, linewidth=1.2)
    panel.axvline(0.0, color=style.INK, linewidth=0.6)
    panel.set(xlim=(LOWEST - 0.03, 1.02), xticks=(LOWEST, 0.0, 0.25, 0.5, 0.75, 1.0))
    panel.grid(axis="both", color=style.NO_DATA, linewidth=0.8)
    panel.set_axisbelow(True)
