"""The curves of a one-layer KAN encoder: what each covariate adds to each parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridmap.plot import style
from hybridmap.plot.style import plt


@dataclass(frozen=True)
class Curve:
    """What one covariate adds to one parameter.

    Attributes
    ----------
    covariate : str
        Its name.
    share : float
        Of the parameter's variation, 0 to 1.
    x : array, shape (point,)
        Values of the covariate in its unit.
    y : array, shape (point,)
        Raw contribution, before the constraint.
    """

    covariate: str
    share: float
    x: NDArray[np.float32]
    y: NDArray[np.float32]


def edges_figure(curves: Mapping[str, Sequence[Curve]], title: str, path: Path) -> None:
    """Write a row of curves for every parameter; the thicker, the larger the share of the covariate.

    Parameters
    ----------
    curves : mapping of str to sequence of Curve
        Parameter → curves, as many for each.
    title : str
        Of the figure.
    path : Path
        PNG to write.
    """
    rows, columns = len(curves), len(next(iter(curves.values())))
    figure, axes = plt.subplots(rows, columns, figsize=(1.9 * columns, 1.5 * rows), squeeze=False, sharey="row")
    for row, (parameter, row_curves) in zip(axes, curves.items(), strict=True):
        for panel, curve in zip(row, row_curves, strict=True):
            panel.plot(curve.x, curve.y, color=style.ACCENT, linewidth=0.5 + 2.5 * curve.share)
            panel.set_xlabel(f"{curve.covariate} ({curve.share:.0%})", fontsize=8, labelpad=1)
            panel.tick_params(labelsize=6)
        row[0].set_ylabel(parameter, fontsize=9, fontweight="bold")
    figure.suptitle(f"{title}: curves of the encoder", x=0.01, ha="left", fontsize=10)
    figure.tight_layout()
    style.save(figure, path)
