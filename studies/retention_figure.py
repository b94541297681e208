"""Available water against organic carbon: Shapley dependence with and without bulk density among the predictors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridmap.plot import style
from hybridmap.plot.style import plt
from studies.retention import ROWS, awc_shapley, fitted

SHOWN = ("oc", "oc_bulk_density")


def shapley_figure(path: Path) -> None:
    """Write Shapley values of available water [mm per m] for organic carbon, coloured by clay, for two models.

    Trains both models of the retention study (first fold, seed 0) on the open measurements.
    """
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(8.4, 3.4), sharey=True)
    for place, row in zip(axes, SHOWN, strict=True):
        model, x, columns = fitted(row)
        spots, values = awc_shapley(model, x)
        j = columns.index("oc")
        points = place.scatter(
            spots[:, j], 1000.0 * values[:, j], c=spots[:, columns.index("clay")], s=9, cmap="viridis", vmin=0, vmax=60
        )
        place.axhline(0.0, color=style.INK, linewidth=0.6)
        place.set_xlim(0, float(np.quantile(spots[:, j], 0.99)) * 1.05)
        place.set(title=ROWS[row].title.removesuffix(" (SoilKsatDB)"), xlabel="organic carbon [%]")
    axes[0].set_ylabel("effect of carbon on\navailable water [mm m$^{-1}$]")
    figure.colorbar(points, ax=axes, label="clay [%]", shrink=0.9)
    style.save(figure, path)
