"""Available water against organic carbon: Shapley dependence with and without bulk density among the predictors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from hybridmap.plot import style
from studies.retention import ROWS, awc_shapley, fit_row

PANELS = ("oc", "oc_bulk_density")
"""Rows of the study, one a panel."""


def shapley_figure(path: Path) -> None:
    """Write Shapley values of available water [mm per m] for organic carbon, coloured by clay, for two models.

    Trains both models of the retention study (first fold, seed 0) on the open measurements.
    """
    figure, axes = plt.subplots(1, len(PANELS), figsize=(8.4, 3.4), sharey=True)
    for ax, row in zip(axes, PANELS, strict=True):
        model, x, columns = fit_row(row)
        samples, values = awc_shapley(model, x)
        j = columns.index("oc")
        clay = samples[:, columns.index("clay")]
        points = ax.scatter(samples[:, j], 1000.0 * values[:, j], c=clay, s=9, cmap="viridis", vmin=0, vmax=60)
        ax.axhline(0.0, color=style.INK, linewidth=0.6)
        ax.set_xlim(0, float(np.quantile(samples[:, j], 0.99)) * 1.05)
        ax.set(title=ROWS[row].title.removesuffix(" (SoilKsatDB)"), xlabel="organic carbon [%]")
    axes[0].set_ylabel("effect of carbon on\navailable water [mm m$^{-1}$]")
    figure.colorbar(points, ax=axes, label="clay [%]", shrink=0.9)
    style.save(figure, path)
