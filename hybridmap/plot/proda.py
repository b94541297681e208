"""PRODA and the hybrid beside each other on maps of the sites: normalised bias, components, parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from numpy.typing import NDArray

from hybridmap.files.reading import read_csv, read_parquet
from hybridmap.files.results import ProdaFiles
from hybridmap.plot import style
from hybridmap.plot.style import plt
from hybridmap.quantities import Quantity

Array = NDArray[np.float64]

PEERS = {"hybrid": "hybrid", "proda": "PRODA"}
"""Prefix of the columns → title."""
MOST_BIAS = 1.0
"""Normalised bias at which the colours end: twice the observation, or none of it."""
BIAS = "RdBu_r"
MARK = 9.0
"""Area of a site on a map."""
WIDTH, HEIGHT = 3.3, 2.15
"""Of one map [inch]."""


def draw_proda(files: ProdaFiles, quantity: Quantity) -> None:
    """Write the three figures of what `proda` wrote.

    Parameters
    ----------
    files : ProdaFiles
        Tables to read and figures to write.
    quantity : Quantity
        The first target.
    """
    sites, agreement = read_parquet(files.sites), read_csv(files.agreement)
    _draw_bias(read_parquet(files.predictions), quantity, files)
    tested = sites[
        np.isfinite(sites[[c for c in sites.columns.astype(str) if c.startswith("hybrid.")]].to_numpy(float)).any(
            axis=1
        )
    ]
    for kind, prefix, path in (
        ("component", "component.", files.component_map),
        ("parameter", "", files.parameter_map),
    ):
        rows = agreement.loc[agreement["kind"] == kind]
        _draw_pairs(tested, rows, prefix, path)


def _draw_bias(predictions: pd.DataFrame, quantity: Quantity, files: ProdaFiles) -> None:
    """Mean residual over mean observation of every site, hybrid, PRODA and the difference of their sizes."""
    identity = "profile_id" if "profile_id" in predictions else "site_id"
    columns = [f"observed.{quantity.name}", *(f"{peer}.{quantity.name}" for peer in PEERS)]
    means = predictions.dropna(subset=columns).groupby(identity)[[*columns, *_places(predictions)]].mean()
    observed = means[columns[0]].to_numpy()
    bias = {
        title: (means[c].to_numpy() - observed) / observed for c, title in zip(columns[1:], PEERS.values(), strict=True)
    }
    figure, axes = plt.subplots(1, 3, figsize=(3 * WIDTH + 1.4, HEIGHT + 0.5))
    for panel, (title, values) in zip(axes, bias.items(), strict=False):
        points = _site_map(panel, means, values, BIAS, (-MOST_BIAS, MOST_BIAS))
        panel.set_title(f"{title}: median {np.median(values):+.2f}")
    of_hybrid, of_network = (np.abs(values) for values in bias.values())
    _site_map(axes[2], means, of_hybrid - of_network, BIAS, (-MOST_BIAS, MOST_BIAS))
    axes[2].set_title(f"hybrid nearer at {np.mean(of_hybrid < of_network):.0%}")
    figure.colorbar(points, ax=axes, label="bias over observation", shrink=0.85, extend="both")
    style.save(figure, files.bias_map)


def _draw_pairs(sites: pd.DataFrame, rows: pd.DataFrame, prefix: str, path: Path) -> None:
    """Each parameter or component on two maps side by side, hybrid and PRODA, in colours of one range."""
    across = 2 if len(rows) > 3 else 1
    down = max(1, -(-len(rows) // across))
    figure, axes = plt.subplots(down, 2 * across, figsize=(2 * across * WIDTH, down * HEIGHT), squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    if rows.empty:
        figure.suptitle("The process traces its carbon to no components")
    units = [text if isinstance(text, str) else "" for text in rows["unit"]]
    for number, (name, r, unit) in enumerate(zip(rows["name"], rows["r"], units, strict=True)):
        row, column = number % down, 2 * (number // down)
        values = [sites[f"{peer}.{prefix}{name}"].to_numpy(float) for peer in PEERS]
        finite = np.concatenate([v[np.isfinite(v)] for v in values])
        limits = tuple(np.quantile(finite, (0.02, 0.98))) if finite.size else (0.0, 1.0)
        for panel, of_peer, title in zip(axes[row, column : column + 2], values, PEERS.values(), strict=True):
            panel.set_axis_on()
            points = _site_map(panel, sites, of_peer, style.PARAMETER, (float(limits[0]), float(limits[1])))
            panel.set_title(f"{name}, {title}", fontsize=8)
        agreement = f"r {r:.2f}" if np.isfinite(r) else "the same in both"
        axes[row, column + 1].set_title(f"{name}, PRODA: {agreement}", fontsize=8)
        figure.colorbar(points, ax=axes[row, column : column + 2], shrink=0.8, pad=0.02, label=unit)
    style.save(figure, path)


def _places(table: pd.DataFrame) -> list[str]:
    return [name for name in ("lon", "lat") if name in table]


def _site_map(
    panel: Axes, sites: pd.DataFrame, values: Array, colours: str, limits: tuple[float, float]
) -> PathCollection:
    """Sites as points in the colour of their values; by their number where they have no place."""
    places = _places(sites)
    x, y = (sites[n].to_numpy(float) for n in places) if len(places) == 2 else (np.arange(len(sites)), values)
    panel.set_facecolor(style.NO_DATA)
    panel.tick_params(labelsize=6)
    if len(places) == 2:
        panel.set_aspect(1.0 / max(np.cos(np.deg2rad(float(np.mean(y)))), 0.1))
    return panel.scatter(x, y, c=values, s=MARK, cmap=colours, vmin=limits[0], vmax=limits[1], linewidths=0)
