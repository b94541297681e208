"""Which figures a report has, and from what each is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from hybridmap.config.reading import data_path
from hybridmap.encoders import KAN
from hybridmap.evaluate.predictions import POOLED
from hybridmap.model.hybrid import HybridModel
from hybridmap.plot.diagnostics import saturation_figure
from hybridmap.plot.distances import distances_figure
from hybridmap.plot.edges import edges_figure
from hybridmap.plot.maps import Layer, map_figure, read_boundaries, sites_figure, truth_figure
from hybridmap.plot.quality import distributions_figure, dropped_map, quality_figure
from hybridmap.plot.scores import comparison_figure, curves_figure, scatter_figure
from hybridmap.plot.style import CARBON, PARAMETER
from hybridmap.quantities import QUANTITIES
from hybridmap.report.results import Results

SATURATION = ("moc_saturation", "margin_uptake", "margin_poc")


def draw_figures(found: Results, folder: Path) -> dict[str, dict[str, float]]:
    """Draw every figure into `folder`; returns, per experiment, correlations of learned and true quantities."""
    config = found.config
    path = data_path(config, config.boundaries) if config.boundaries else None
    boundaries = read_boundaries(path, found.grid)
    quality_figure(found.ladder, folder / "quality.png")
    kept = found.samples["x"].to_numpy(), found.samples["y"].to_numpy()
    # Layers below the interval are no mistakes.
    dropped = found.dropped[found.dropped["rule"] != "interval"]
    dropped_map(dropped, kept, found.grid, boundaries, folder / "dropped.png")
    distributions_figure(found.layers, found.sites, folder / "distributions.png")
    _sites(found, boundaries, folder)
    test = found.metrics[(found.metrics["part"] == "test") & (found.metrics["subset"] == "all")]
    comparison_figure(test[test["scheme"] == found.first_scheme], found.first_scheme, folder / "comparison.png")
    truth = {}
    for experiment in config.experiments:
        name, title = experiment.name, experiment.title or experiment.name
        pooled = test[(test["experiment"] == name) & (test["fold"] == POOLED) & (test["model"] == name)]
        pooled = pooled[pooled["scheme"] == experiment.splits[0]].set_index("target")
        scatter_figure(found.predictions(name), pooled, list(experiment.targets), title, folder / f"{name}_scatter.png")
        curves_figure(found.histories(name), title, folder / f"{name}_curves.png")
        _edges(found, name, title, folder)
        maps = found.maps(name) if experiment.map else {}
        if maps:
            _maps(found, name, title, maps, boundaries, folder)
        if experiment.process is not None:
            _saturation(found, name, title, maps, boundaries, folder)
        if maps and found.truth and experiment.process is not None:
            truth[name] = _truth(found, name, maps, folder)
    return truth


def _edges(found: Results, name: str, title: str, folder: Path) -> None:
    model = found.model(name)
    if isinstance(model, HybridModel) and isinstance(model.encoder, KAN) and len(model.encoder.layers) == 1:
        edges_figure(model, title, folder / f"{name}_edges.png")


def _sites(found: Results, boundaries: gpd.GeoSeries | None, folder: Path) -> None:
    place = found.samples.set_index("site_id")
    schemes = [s.name for s in found.config.splits]
    tables = [found.splits[found.splits["scheme"] == s] for s in schemes]
    x, y = ([place.loc[t["site_id"], c].to_numpy() for t in tables] for c in "xy")
    titles = [f"folds of '{s}'" for s in schemes]
    distances_figure(found.distances, folder / "distances.png")
    sites_figure(x, y, [t["fold"].to_numpy() for t in tables], found.grid, boundaries, titles, folder / "splits.png")


def _maps(
    found: Results,
    name: str,
    title: str,
    maps: Mapping[str, np.ndarray],
    boundaries: gpd.GeoSeries | None,
    folder: Path,
) -> None:
    """SOC alone, the other pools, and the neural parameters."""
    # One scale for all experiments, so that their maps can be compared.
    limits = {t: _limits(found, q.column) for t, q in QUANTITIES.items()}
    info = {m["name"]: m for m in found.map_list(name)}

    def layer(variable: str, label: str, colours: str) -> Layer:
        return Layer(maps[variable], label, info[variable]["units"], colours, limits.get(variable))

    if "soc" in maps:
        soc = [layer("soc", f"SOC density: {title}", CARBON)]
        map_figure(soc, found.grid, boundaries, folder / f"{name}_soc.png")
    # Without a source of spread the width differs only where the lower end is cut at zero.
    trust = [
        Layer(maps["soc_upper"] - maps["soc_lower"], "Width of the SOC interval", info["soc"]["units"], PARAMETER)
        if {"soc_sd", "soc_lower", "soc_upper"} <= set(maps)
        else None,
        layer("dissimilarity", "Dissimilarity to the sites", PARAMETER) if "dissimilarity" in maps else None,
        Layer(maps["applicable"], "Inside the area of applicability", "1 = yes", "RdYlBu", (0.0, 1.0))
        if "applicable" in maps
        else None,
    ]
    if shown := [one for one in trust if one is not None]:
        map_figure(shown, found.grid, boundaries, folder / f"{name}_trust.png")
    if changes := [n for n in maps if n.startswith("soc_change_")]:
        map_figure(
            [_change(maps[n], info[n]) for n in changes], found.grid, boundaries, folder / f"{name}_scenarios.png"
        )
    pools = [layer(t, q.label, q.colours) for t, q in QUANTITIES.items() if t != "soc" and t in maps]
    if pools:
        map_figure(pools, found.grid, boundaries, folder / f"{name}_pools.png")
    parameters = [layer(p, p, PARAMETER) for p in found.neural_names(name) if p in maps]
    if parameters:
        columns = 3 if len(parameters) <= 9 else 5
        map_figure(parameters, found.grid, boundaries, folder / f"{name}_parameters.png", columns)


def _change(values: np.ndarray, info: dict[str, Any]) -> Layer:
    far = float(np.nanquantile(np.abs(values), 0.98)) if np.isfinite(values).any() else 1.0
    return Layer(
        values,
        "Change of SOC with " + str(info["long_name"]).partition(" with ")[2],
        info["units"],
        "BrBG",
        (-far, far),
    )


def _limits(found: Results, column: str) -> tuple[float, float] | None:
    values = found.samples[column].dropna()
    return (0.0, float(values.quantile(0.95))) if len(values) else None


def _saturation(
    found: Results,
    name: str,
    title: str,
    maps: Mapping[str, np.ndarray],
    boundaries: gpd.GeoSeries | None,
    folder: Path,
) -> None:
    sites = found.predictions(name)
    if "moc_saturation" not in sites:
        return
    places = {"sites": {v: sites[v].to_numpy() for v in SATURATION}}
    if set(SATURATION) <= set(maps):
        places["cells"] = {v: maps[v].ravel() for v in SATURATION}
    layer = maps.get("moc_saturation")
    saturation_figure(places, layer, found.grid, boundaries, title, folder / f"{name}_saturation.png")


def _truth(found: Results, name: str, maps: Mapping[str, np.ndarray], folder: Path) -> dict[str, float]:
    quantities = [*found.neural_names(name), *QUANTITIES, "moc_saturation"]
    learned = {q: maps[q] for q in quantities if q in found.truth and q in maps}
    units = {m["name"]: m["units"] for m in found.map_list(name)}
    return truth_figure(learned, found.truth, units, folder / f"{name}_truth.png")
