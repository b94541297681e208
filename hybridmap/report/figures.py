"""Which figures a report has, and from what each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hybridmap.config import Config, Experiment
from hybridmap.encoders.interface import Curves, as_encoder
from hybridmap.evaluate.predictions import POOLED, output_values
from hybridmap.files.paths import under
from hybridmap.files.reading import read_csv, read_parquet
from hybridmap.model import HybridModel
from hybridmap.plot import style
from hybridmap.plot.diagnostics import Captions, Filling, saturation_figure
from hybridmap.plot.distances import distances_figure
from hybridmap.plot.edges import Curve, edges_figure
from hybridmap.plot.extrapolation import extrapolation_figure
from hybridmap.plot.ladder import ladder_figure
from hybridmap.plot.maps import Layer, MapFrame, SiteFolds, map_figure, sites_figure, truth_figure
from hybridmap.plot.quality import distributions_figure, dropped_map, quality_figure
from hybridmap.plot.relationships import draw_relationships
from hybridmap.plot.reliability import reliability_figure
from hybridmap.plot.residuals import residuals_figure
from hybridmap.plot.scores import comparison_figure, curves_figure, scatter_figure
from hybridmap.predict.colour_range import Limits, scale_name
from hybridmap.predict.colours import colour_map
from hybridmap.predict.portrayal import Portrayal
from hybridmap.process import Capacity
from hybridmap.report.first_screen import main_map
from hybridmap.report.ladder import TITLES, rungs_of
from hybridmap.report.map_figures import draw_maps, labelled_maps
from hybridmap.report.results import Maps, Results
from hybridmap.report.scales import scales_of

IMPLAUSIBLE = "physics fails: not a possible soil"
"""Above every figure of an experiment that fails its checks."""
MAP_FIGURES = ("soc", "trust", "scenarios", "pools", "parameters")
"""Figures that :func:`~hybridmap.report.map_figures.draw_maps` draws."""
Drawing = Callable[[], dict[str, float] | None]
CURVES = 6
"""Covariates of each parameter whose curves are drawn, the most important first."""


def draw_figures(results: Results, folder: Path, processes: int = 1) -> dict[str, dict[str, float]]:
    """Draw every figure into `folder`, the experiments in processes of their own.

    Parameters
    ----------
    results : Results
        Of a region with all stages done.
    folder : Path
        Folder of the PNG files.
    processes : int
        Experiments drawn at a time; the figures are the same whatever it is.

    Returns
    -------
    dict of dict
        Per experiment, correlations of learned and true quantities.
    """
    results.scales = scales_of(results)
    names = [experiment.name for experiment in results.config.experiments]
    count = min(processes, len(names))
    if count == 1:
        for draw in region_parts(results, folder).values():
            draw()
        correlations = _draw_experiments(results, names, folder)
    else:
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:
            settings = results.config.model_dump(mode="json", by_alias=True)
            parts = [names[i::count] for i in range(count)]
            scales = results.scales
            parts_drawn = [pool.submit(_draw_part, settings, results.folder, scales, part, folder) for part in parts]
            for draw in region_parts(results, folder).values():
                draw()
            correlations = {}
            for part in parts_drawn:
                correlations |= part.result()
    return {name: correlations[name] for name in names if name in correlations}


def _draw_part(
    settings: dict[str, Any], results_folder: Path, scales: dict[str, Limits], names: Sequence[str], folder: Path
) -> dict[str, dict[str, float]]:
    """Some experiments in a process of its own, which reads the results itself."""
    results = Results(Config.model_validate(settings), results_folder)
    results.scales = scales
    return _draw_experiments(results, names, folder)


def _test_scores(results: Results) -> pd.DataFrame:
    return results.metrics[(results.metrics["part"] == "test") & (results.metrics["subset"] == "all")]


def map_frame(results: Results) -> MapFrame:
    """Grid of the region, and the borders that it names, where their file is at hand."""
    path = under(results.config.data_root, results.config.boundaries) if results.config.boundaries else None
    return MapFrame.read(results.grid, path if path is not None and path.exists() else None)


def draw_cover(results: Results, experiment: str, folder: Path) -> str:
    """Draw the map of the first screen.

    Parameters
    ----------
    results : Results
        Of the region.
    experiment : str
        Whose main map is shown.
    folder : Path
        Of the figures; makes ``cover.png`` there.

    Returns
    -------
    str
        What it shows, in words; empty where there is no such map.
    """
    main = main_map(results, experiment)
    if main is None:
        return ""
    entry, values = main
    unit, colours = entry["units"], colour_map(Portrayal.of(entry), entry["units"])
    quantity = results.config.all_quantities[entry["figure_subject"]].title
    depth = f", {entry['depth_top_cm']:g}–{entry['depth_bottom_cm']:g} cm" if "depth_top_cm" in entry else ""
    layer = Layer(values, "", unit, colours, results.scales.get(scale_name(entry)))
    map_figure([layer], map_frame(results), folder / "cover.png")
    return f"{quantity[:1].upper()}{quantity[1:]}{depth}"


def region_parts(results: Results, folder: Path) -> dict[tuple[str, ...], Drawing]:
    """What draws the figures of a region, by their names: observations, splits, and all models side by side."""
    frame = partial(map_frame, results)
    ladders = tuple(f"ladder_{target}" for target in results.config.all_quantities)
    return {
        ("quality", "dropped", "distributions", "distances", "splits"): (
            lambda: _draw_observations(results, frame(), folder)
        ),
        ("comparison",): lambda: _draw_comparison(results, folder),
        ladders: lambda: _draw_ladders(results, folder),
    }


def experiment_parts(results: Results, name: str, frame: MapFrame, folder: Path) -> dict[tuple[str, ...], Drawing]:
    """What draws the figures of an experiment, by their names; that of the truth gives correlations with it.

    Parameters
    ----------
    results : Results
        Of the region.
    name : str
        Of the experiment.
    frame : MapFrame
        What maps are drawn in.
    folder : Path
        Of the PNG files ``{experiment}_{figure}.png``.

    Returns
    -------
    dict of tuple of str to callable
        Some of the figures have nothing to show, and are not drawn.
    """
    experiment = results.config.experiment(name)
    parts: dict[tuple[str, ...], Drawing] = {
        ("scatter", "reliability", "residuals", "curves"): lambda: _draw_skill(results, experiment, folder),
        ("edges",): lambda: _draw_edges(results, experiment, folder),
        ("relationships",): lambda: _draw_relationships(results, experiment, folder),
    }
    maps = results.maps(name) if experiment.map else None
    if maps:
        title = experiment.title or name
        parts[MAP_FIGURES] = lambda: draw_maps(results, name, title, frame, folder)
        parts["extrapolation",] = lambda: _draw_extrapolation(results, experiment, folder)
    if experiment.process is not None:
        parts["saturation",] = lambda: _draw_saturation(results, experiment, maps, frame, folder)
        if maps and results.truth:
            parts["truth",] = lambda: _draw_truth(results, name, folder)
    return parts


def mark_of(results: Results, experiment: str) -> str:
    """What stands above every figure of an experiment; "" where nothing is wrong."""
    return IMPLAUSIBLE if results.verdict(experiment).get("physics") == "fails" else ""


def _draw_experiments(results: Results, names: Sequence[str], folder: Path) -> dict[str, dict[str, float]]:
    """Figures of some experiments; correlations of learned and true quantities where the truth is known."""
    frame, correlations = map_frame(results), {}
    for name in names:
        with style.marked(mark_of(results, name)):
            for draw in experiment_parts(results, name, frame, folder).values():
                if correlation := draw():
                    correlations[name] = correlation
    return correlations


def _draw_comparison(results: Results, folder: Path) -> None:
    """Scores of all models side by side."""
    test, scheme = _test_scores(results), results.first_scheme
    comparison_figure(test[test["scheme"] == scheme], scheme, folder / "comparison.png", results.config.all_quantities)


def _draw_relationships(results: Results, experiment: Experiment, folder: Path) -> None:
    """What the models of an experiment have learned, where that was asked for."""
    if (files := results.of(experiment.name).relationships).summary.is_file():
        name = experiment.name
        draw_relationships(files, experiment.title or name, folder / f"{name}_relationships.png")


def _draw_ladders(results: Results, folder: Path) -> None:
    """All rungs of every quantity."""
    experiments = [experiment.name for experiment in results.config.experiments]
    for target in results.config.all_quantities:
        rungs = rungs_of(results, target)
        if len(rungs):
            ladder_figure(rungs[rungs["stratum"] == "all"], experiments, TITLES, folder / f"ladder_{target}.png")


def _draw_observations(results: Results, frame: MapFrame, folder: Path) -> None:
    """What quality control dropped, what is left, and how it is split."""
    quality_figure(results.ladder, folder / "quality.png")
    # Layers below the interval are no mistakes.
    dropped = results.dropped[results.dropped["rule"] != "interval"]
    x, y = results.samples["x"].to_numpy(), results.samples["y"].to_numpy()
    dropped_map(dropped, x, y, frame, folder / "dropped.png")
    distributions_figure(results.layers, results.sites, folder / "distributions.png")
    distances_figure(results.distances, folder / "distances.png")
    sites_figure([_site_folds(results, split.name) for split in results.config.splits], frame, folder / "splits.png")


def _site_folds(results: Results, scheme: str) -> SiteFolds:
    table = results.splits[results.splits["scheme"] == scheme]
    sites = results.samples.set_index("site_id").loc[table["site_id"]]
    return SiteFolds(f"folds of '{scheme}'", sites["x"].to_numpy(), sites["y"].to_numpy(), table["fold"].to_numpy())


def _draw_skill(results: Results, experiment: Experiment, folder: Path) -> None:
    """Predicted against observed, what intervals hold, and learning curves."""
    test = _test_scores(results)
    name, title = experiment.name, experiment.title or experiment.name
    pooled = test[(test["experiment"] == name) & (test["fold"] == POOLED) & (test["model"] == name)]
    pooled = pooled[pooled["scheme"] == experiment.splits[0]].set_index("target")
    targets = [results.config.all_quantities[target] for target in experiment.targets]
    test_sites = results.predictions(name)
    scatter_figure(test_sites, pooled, targets, title, folder / f"{name}_scatter.png")
    pit = {target.label: test_sites[f"pit.{target.name}"].dropna().to_numpy(float) for target in targets}
    reliability_figure(pit, f"Conformal intervals of {title}", folder / f"{name}_reliability.png")
    bias, variogram = results.residuals(name)
    if len(bias):
        label = targets[0].label
        residuals_figure(bias, variogram, f"Residuals of {label}: {title}", folder / f"{name}_residuals.png")
    curves_figure(results.histories(name), title, folder / f"{name}_curves.png")


def _draw_extrapolation(results: Results, experiment: Experiment, folder: Path) -> None:
    """Errors away from the sites, where they were judged."""
    summary, files = results.held_out_regions(experiment.name), results.of(experiment.name).expected_error
    if not summary or "not_judged" in summary:
        return
    model = experiment.title or experiment.name if summary["is_own"] else summary["errors_of"]
    tables = read_parquet(files.sites), read_csv(files.regions)
    extrapolation_figure(
        *tables, summary, f"Held-out regions, errors of {model}", folder / f"{experiment.name}_extrapolation.png"
    )


def _draw_edges(results: Results, experiment: Experiment, folder: Path) -> None:
    """Curves of an encoder that is a sum of curves; others have none."""
    name, model = experiment.name, results.model(experiment.name)
    curves = as_encoder(model.encoder).curves() if isinstance(model, HybridModel) else None
    if isinstance(model, HybridModel) and curves is not None and (rows := edge_curves(model, curves)):
        edges_figure(rows, experiment.title or name, folder / f"{name}_edges.png")


def edge_curves(model: HybridModel, curves: Curves) -> dict[str, list[Curve]]:
    """Curves of each neural parameter over its most important covariates, in their units."""
    # Classes and coordinates among the covariates have no curve of their own; their features follow the numbers.
    names = (*model.covariate_names, *model.depth.encoded)
    columns = list(range(len(names)) if model.inputs is None else model.inputs.numeric)
    if not columns:
        return {}
    share = curves.share.numpy()[: len(columns)]
    mean, sd = model.standardise.mean.numpy(), model.standardise.sd.numpy()

    def curve(feature: int, parameter: int) -> Curve:
        x, y = curves.edge(feature, parameter)
        covariate = columns[feature]
        values = x.numpy() * sd[covariate] + mean[covariate]
        return Curve(names[covariate], share[feature, parameter], values, y.numpy())

    order = np.argsort(-share, axis=0)[: min(CURVES, len(columns))]
    return {name: [curve(int(i), j) for i in order[:, j]] for j, name in enumerate(model.neural_names)}


def _draw_saturation(
    results: Results, experiment: Experiment, maps: Maps | None, frame: MapFrame, folder: Path
) -> None:
    """How full the pool is that has a capacity, at sites and cells, of a process model that declares one."""
    name = experiment.name
    process = results.model(name).process
    if process is None or process.capacity is None:
        return
    capacity, sites = process.capacity, results.predictions(name)
    names = (capacity.output, *capacity.margins)
    samples = {"sites": _filling({v: output_values(sites, v).to_numpy() for v in names}, capacity)}
    fields = {} if maps is None else {v: maps.of_depths(v) for v in names}
    if fields and all(fields.values()):
        samples["cells"] = _filling({v: np.concatenate(arrays, axis=None) for v, arrays in fields.items()}, capacity)
    label = next(v.label for v in process.outputs if v.name == capacity.output) or capacity.output
    captions = Captions(experiment.title or name, label, capacity.margin_label)
    uppermost = next(iter(fields.get(capacity.output, [])), None)
    saturation_figure(samples, uppermost, frame, captions, folder / f"{name}_saturation.png")


def _filling(values: Mapping[str, np.ndarray], capacity: Capacity) -> Filling:
    return Filling(values[capacity.output], {margin: values[margin] for margin in capacity.margins})


def _draw_truth(results: Results, experiment: str, folder: Path) -> dict[str, float]:
    """Learned against true maps of a synthetic region."""
    maps = labelled_maps(results, experiment, ("parameter", "quantity", "diagnostic"))
    learned = {name: m.values for name, m in maps.items() if name in results.truth}
    units = {name: m.entry["units"] for name, m in maps.items()}
    if not learned:  # a model of the user may have nothing in common with the one that made the landscape
        return {}
    return truth_figure(learned, results.truth, units, folder / f"{experiment}_truth.png")
