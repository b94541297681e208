"""Figures of skill: scatter plots, the comparison of experiments, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from hybridmap.plot import style
from hybridmap.plot.style import plt
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.units import typeset

Values = NDArray[np.float64]


def scatter_figure(
    predictions: pd.DataFrame, metrics: pd.DataFrame, targets: Sequence[Quantity], title: str, path: Path
) -> None:
    """Write predicted against observed for every target, each in its unit, test sites of all folds of one scheme.

    Parameters
    ----------
    predictions : DataFrame
        Test rows with ``observed.T`` and ``predicted.T``.
    metrics : DataFrame
        Pooled rows of the same scheme, indexed by target, with n, kge and nse.
    targets : sequence of Quantity
        What to draw.
    title : str
        Of the figure.
    path : Path
        PNG to write.
    """
    figure, axes = plt.subplots(1, len(targets), figsize=(2.9 * len(targets), 3.1), squeeze=False)
    for panel, target in zip(axes.flat, targets, strict=True):
        rows = predictions[[f"observed.{target.name}", f"predicted.{target.name}"]].dropna()
        unit = f" [{typeset(target.unit)}]" if target.unit != "1" else ""
        panel.set_title(target.label)
        panel.set(xlabel=f"observed{unit}", ylabel=f"predicted{unit}")
        if not len(rows):
            panel.text(0.5, 0.5, "no observation", ha="center", transform=panel.transAxes)
            continue
        _draw_scatter(panel, *rows.to_numpy(float).T)
        m: dict[str, float] = metrics.loc[target.name, ["n", "kge", "nse"]].to_dict()  # type: ignore[assignment]
        text = f"n {int(m['n'])}\nKGE {m['kge']:.2f}\nNSE {m['nse']:.2f}\n{_line(*rows.to_numpy(float).T)}"
        panel.text(0.04, 0.96, text, va="top", transform=panel.transAxes)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.tight_layout()
    style.save(figure, path)


def _line(observed: Values, predicted: Values) -> str:
    """Correlation, slope of predictions on observations, and root mean square error, as printed."""
    rmse = float(np.sqrt(((predicted - observed) ** 2).mean()))
    if not (np.ptp(observed) > 0 and np.ptp(predicted) > 0):
        return f"RMSE {rmse:.3g}"
    r, slope = np.corrcoef(observed, predicted)[0, 1], np.polyfit(observed, predicted, 1)[0]
    return f"r {r:.2f}\nslope {slope:.2f}\nRMSE {rmse:.3g}"


def _draw_scatter(panel: Axes, observed: Values, predicted: Values) -> None:
    """Points, or their density where they are many, and the line of equality."""
    low, high = _limits(np.concatenate([observed, predicted]))
    if len(observed) > 400:
        extent = (low, high, low, high)
        panel.hexbin(observed, predicted, gridsize=35, mincnt=1, bins="log", cmap=style.COUNTS, extent=extent)
    else:
        panel.scatter(observed, predicted, s=9, color=style.ACCENT, alpha=0.6, linewidths=0)
    panel.plot([low, high], [low, high], color=style.WARNING, linewidth=0.8)
    panel.set(xlim=(low, high), ylim=(low, high))


def _limits(values: Values) -> tuple[float, float]:
    """Ends of both axes: from zero, or from the bulk of negative values."""
    low, high = (float(end) for end in np.quantile(values, (0.005, 0.995)))
    margin = 0.05 * (high - min(low, 0.0)) or 1.0
    return (low - margin if low < 0 else 0.0), high + margin


def comparison_figure(
    metrics: pd.DataFrame, scheme: str, path: Path, quantities: Mapping[str, Quantity] = QUANTITIES
) -> None:
    """Write KGE and NSE of every model per target, pooled test sites (bars) and single folds (dots).

    Parameters
    ----------
    metrics : DataFrame
        Test rows of all experiments of one scheme: experiment, fold, target, model, kge, nse.
    scheme : str
        For the title.
    path : Path
        PNG to write.
    quantities : mapping of str to Quantity
        What the region measures, by name.
    """
    targets = [t for t in quantities if t in set(metrics["target"])]
    models = ["mean", *[e for e in dict.fromkeys(metrics["experiment"]) if e != "mean"]]
    figure, axes = plt.subplots(2, len(targets), figsize=(2.7 * len(targets) + 1.2, 0.34 * len(models) * 2 + 1.6),
                                squeeze=False, sharey=True)  # fmt: skip
    colours = dict(zip(models, ["#9aa1a8", *style.SERIES * 3], strict=False))
    for row, score in zip(axes, ("kge", "nse"), strict=True):
        for panel, target in zip(row, targets, strict=True):
            scores = metrics[metrics["target"] == target]
            for i, model in enumerate(models):
                rows = scores[scores["model"] == model]
                pooled = rows.loc[rows["fold"] == "pooled", score].head(1)
                folds = rows.loc[rows["fold"] != "pooled", score].clip(-1.2, 1)
                panel.barh(i, pooled.clip(-1.2, 1), color=colours[model], height=0.7)
                if model != "mean":
                    panel.plot(folds, np.full(len(folds), i), ".", color=style.INK, markersize=3, alpha=0.7)
            panel.axvline(0, color=style.INK, linewidth=0.6)
            panel.set(xlim=(-1.25, 1), yticks=range(len(models)), yticklabels=models)
            panel.set_title(f"{quantities[target].label} {score.upper()}")
            panel.invert_yaxis() if panel is row[0] and score == "kge" else None
    figure.suptitle(f"Test sites, split '{scheme}': all folds (bar), each fold (dot); cut at -1.2", x=0.01, ha="left",
                    fontsize=10)  # fmt: skip
    figure.tight_layout()
    style.save(figure, path)


def curves_figure(histories: Mapping[str, pd.DataFrame], title: str, path: Path) -> None:
    """Write training and validation loss (mean of 1 - KGE over the targets) of every fold.

    Parameters
    ----------
    histories : mapping of str to DataFrame
        Fold → ``epoch, train_loss, validation_loss``.
    title : str
        Of the figure.
    path : Path
        PNG to write.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.0))
    for i, (fold, history) in enumerate(histories.items()):
        colour = style.SERIES[i % len(style.SERIES)]
        axes.plot(history["epoch"], history["train_loss"], color=colour, linewidth=0.6, alpha=0.5)
        axes.plot(history["epoch"], history["validation_loss"], color=colour, linewidth=1.1, label=fold)
        best = history.iloc[int(history["validation_loss"].to_numpy().argmin())]
        axes.plot(best["epoch"], best["validation_loss"], "o", color=colour, markersize=4)
    finite = np.concatenate([h[["train_loss", "validation_loss"]].to_numpy().ravel() for h in histories.values()])
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, float(np.nanquantile(finite, 0.98)) * 1.1))
    axes.set_title(f"{title}: training (thin), validation (thick), weights kept (dot)", loc="left")
    axes.legend(ncols=3, fontsize=7)
    style.save(figure, path)
