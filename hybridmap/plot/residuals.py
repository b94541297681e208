"""Residuals of one experiment: bias by class of site with its range, and the variogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.plot import style
from hybridmap.plot.style import plt

MOST_CLASSES = 24
"""Classes that are drawn, those with most sites first of each kind."""


def residuals_figure(bias: pd.DataFrame, variogram: pd.DataFrame, title: str, path: Path) -> None:
    """Write bias by class beside half the mean squared difference of residuals by distance.

    Parameters
    ----------
    bias, variogram : DataFrame
        Rows of one quantity in one scheme, of ``bias.csv`` and ``variogram.csv``; the second may be empty.
    title : str
        Of whom.
    path : Path
        PNG to write.
    """
    rows = bias.head(MOST_CLASSES).iloc[::-1].reset_index(drop=True)
    columns = 2 if len(variogram) else 1
    figure, axes = plt.subplots(1, columns, figsize=(5.2 * columns, 0.8 + 0.27 * max(len(rows), 9)), squeeze=False)
    panel = axes[0, 0]
    places = np.arange(len(rows))
    for place, row in rows.iterrows():
        if np.isfinite(row["low"]):
            panel.plot([row["low"], row["high"]], [place, place], color=style.ACCENT, linewidth=2.2, alpha=0.55)
    panel.scatter(rows["bias"], places, color=style.ACCENT, s=22, zorder=3)
    panel.axvline(0, color=style.INK, linewidth=0.8)
    names = [by if by == "all" else f"{by}: {name}" for by, name in zip(rows["by"], rows["class"], strict=True)]
    panel.set_yticks(places, [f"{name} ({n})" for name, n in zip(names, rows["n"], strict=True)])
    panel.set(xlabel=f"prediction less observation [{rows['unit'].iloc[0]}], 90 % range of blocks", title=title)
    if len(variogram):
        panel = axes[0, 1]
        panel.plot(variogram["distance_km"], variogram["semivariance"], "o", color=style.ACCENT, label="residuals")
        panel.plot(variogram["distance_km"], variogram["fitted"], color=style.SERIES[1], label="model of intervals")
        panel.set(xlabel="distance [km]", ylabel="semivariance, share of variance", title="Variogram of residuals")
        panel.set_ylim(bottom=0)
        panel.legend()
    figure.tight_layout()
    style.save(figure, path)
