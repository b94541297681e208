"""Response curves: how each parameter and target follows the covariates that matter most to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hybridmap.files.reading import read_csv, read_json
from hybridmap.files.results import RelationshipFiles
from hybridmap.plot import style
from hybridmap.plot.style import plt
from hybridmap.units import typeset

COLUMNS = 4
"""Inputs of each output that are drawn, the most important first."""
MOST_ROWS = 10
"""Outputs that are drawn: targets, identified parameters, then the others."""
ORDER = {"": 0, "yes": 1, "not judged": 2, "no": 3}
NOTES = {"yes": "", "": "", "no": "not identified", "not judged": "identified: not judged"}
PARAMETER = "parameter."


def draw_relationships(files: RelationshipFiles, title: str, path: Path) -> bool:
    """Draw the files of one experiment; see :func:`relationships_figure`.

    Parameters
    ----------
    files : RelationshipFiles
        As written.
    title : str
        Of the experiment.
    path : Path
        PNG to write.

    Returns
    -------
    bool
        False, and no figure, where no relationship could be drawn.
    """
    summary = read_json(files.summary)
    if not summary["outputs"]:
        return False
    relationships_figure(summary, read_csv(files.table), title, path)
    return True


def relationships_figure(summary: dict[str, Any], table: pd.DataFrame, title: str, path: Path) -> None:
    """Write a row of response curves for each output, in units, with the sites below and the range of the folds.

    Parameters
    ----------
    summary : dict
        Content of ``relationships.json``.
    table : DataFrame
        ``relationships.csv``.
    title : str
        Of the experiment.
    path : Path
        PNG to write.
    """
    outputs = sorted(summary["outputs"], key=lambda row: ORDER[row["identified"]])[:MOST_ROWS]
    columns = min(COLUMNS, max(len(row["inputs"]) for row in outputs))
    curves = table[table["method"] != "pd"]
    figure, axes = plt.subplots(
        len(outputs), columns, figsize=(2.6 * columns, 2.15 * len(outputs)), squeeze=False, sharey="row"
    )
    for panels, row in zip(axes, outputs, strict=True):
        _draw_row(list(panels), row, curves[curves["output"] == row["output"]])
    folds = summary["folds"]
    band = f"; band: range of {folds} folds" if folds > 1 else ""
    truth = "; dotted: truth" if curves["truth"].notna().any() else ""
    left = len(summary["outputs"]) - len(outputs)
    more = f"; {left} more outputs in relationships.csv" if left else ""
    words = f"{title}: accumulated local effects at {summary['sites']} sites{band}{truth}{more}"
    figure.suptitle(words, x=0.01, y=1.0, va="top", ha="left", fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.1 / len(outputs)), h_pad=0.6)
    style.save(figure, path)


def _draw_row(panels: list[Axes], row: dict[str, Any], curves: pd.DataFrame) -> None:
    name, note = row["output"].removeprefix(PARAMETER), NOTES[row["identified"]]
    unit = "" if row["unit"] == "1" else f" [{typeset(row['unit'])}]"
    panels[0].set_ylabel(f"{name}{unit}" + (f"\n({note})" if note else ""), fontsize=8, fontweight="bold")
    for panel, learned in zip(panels, row["inputs"], strict=False):
        _draw_curve(panel, learned, curves[curves["input"] == learned["input"]], is_doubtful=row["identified"] == "no")
    for panel in panels[len(row["inputs"]) :]:
        panel.set_axis_off()


def _draw_curve(panel: Axes, learned: dict[str, Any], curve: pd.DataFrame, *, is_doubtful: bool) -> None:
    colour = "#9aa1a8" if is_doubtful else style.ACCENT
    x, value = curve["x"].to_numpy(float), curve["value"].to_numpy(float)
    low, high, sites = (curve[name].to_numpy(float) for name in ("lowest", "highest", "sites"))
    if learned["kind"] == "class":
        place = np.arange(len(x))
        panel.errorbar(place, value, [value - low, high - value], fmt="o", color=colour, markersize=4, linewidth=1)
        panel.set_xticks(place, [f"{code:g}\n({n:g})" for code, n in zip(x, sites, strict=True)])
        truth_x = place
    else:
        panel.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        panel.plot(x, value, color=colour, linewidth=1.6, linestyle="--" if is_doubtful else "-")
        _draw_sites(panel, x, sites)
        truth_x = x
    panel.plot(truth_x, curve["truth"].to_numpy(float), color=style.INK, linewidth=1.2, linestyle=":")
    unit = f" [{typeset(learned['unit'])}]" if learned["unit"] not in ("", "1") else ""
    near = learned["correlated"]
    with_others = f"\nwith {near[0]['input']} (r {near[0]['r']:.2f})" if near else ""
    panel.set_xlabel(f"{learned['input']}{unit}{with_others}", fontsize=7, labelpad=1)
    panel.set_title(f"{learned['share'] or 0:.0%}", fontsize=8, loc="right", pad=2)
    panel.tick_params(labelsize=6)


def _draw_sites(panel: Axes, x: np.ndarray, sites: np.ndarray) -> None:
    """How densely sites lie along the axis, as bars from below, up to a fifth of the height."""
    width = np.diff(x)
    density = np.divide(sites[1:], width, out=np.zeros(len(width)), where=width > 0)
    height = 0.2 * density / max(density.max(initial=0.0), 1e-300)
    panel.bar(
        x[:-1], height, width, align="edge", color=style.SERIES[5], alpha=0.35, linewidth=0, zorder=0,
        transform=panel.get_xaxis_transform(),
    )  # fmt: skip
