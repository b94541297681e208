"""The curves of an additive encoder: what each covariate adds to each parameter."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridmap.encoders.interface import Curves
from hybridmap.model import HybridModel
from hybridmap.plot import style
from hybridmap.plot.style import plt

COLUMNS = 6
"""Covariates shown for each parameter, the most important first."""


def edges_figure(model: HybridModel, curves: Curves, title: str, path: Path) -> None:
    """Write the curves of every neural parameter over its most important covariates, in physical units.

    A curve is the raw contribution before the constraint; its share of the parameter's variation is beside its name.

    Parameters
    ----------
    model : HybridModel
        With an encoder that is a sum of curves.
    curves : Curves
        Of its encoder.
    title : str
        Of the experiment.
    path : Path
        Image to write.
    """
    # Classes and coordinates among the covariates have no curve of their own; their features follow the numbers.
    columns = range(len(model.covariate_names)) if model.inputs is None else model.inputs.numeric
    if not columns:
        return
    share = curves.share.numpy()[: len(columns)]
    shown = min(COLUMNS, len(columns))
    rows = len(model.neural_names)
    figure, axes = plt.subplots(rows, shown, figsize=(1.9 * shown, 1.5 * rows), squeeze=False, sharey="row")
    mean, sd = model.standardise.mean.numpy(), model.standardise.sd.numpy()
    for j, parameter in enumerate(model.neural_names):
        for place, i in zip(axes[j], np.argsort(-share[:, j]), strict=False):
            x, y = curves.edge(int(i), j)
            k = columns[i]
            place.plot(x.numpy() * sd[k] + mean[k], y.numpy(), color=style.ACCENT, linewidth=0.5 + 2.5 * share[i, j])
            place.set_xlabel(f"{model.covariate_names[k]} ({share[i, j]:.0%})", fontsize=8, labelpad=1)
            place.tick_params(labelsize=6)
        axes[j][0].set_ylabel(parameter, fontsize=9, fontweight="bold")
    figure.suptitle(f"{title}: curves of the encoder", x=0.01, ha="left", fontsize=10)
    figure.tight_layout()
    style.save(figure, path)
