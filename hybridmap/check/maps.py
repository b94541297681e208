"""Names of maps that a region asks for, held against the maps that its models have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hybridmap.config import Config, Experiment, Predict
from hybridmap.errors import HybridmapError, nearest
from hybridmap.evaluate.reference_map import interval_weights
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.specification import checked_model, model_spec
from hybridmap.model import HybridModel, Model
from hybridmap.predict.cell_extent import ExtentOfSites
from hybridmap.predict.kinds import KINDS, Source
from hybridmap.predict.map_layers import PACKED_LIMIT, model_maps
from hybridmap.predict.mapped_depths import check_depths, mapped_depths, modelled_interval
from hybridmap.predict.recipe import Recipe
from hybridmap.quantities import QUANTITIES, stock_name

LEAST_STEPS = 10
"""Steps between the ends of the range of a map; with fewer it says little more than high and low."""
APPLICABILITY = (
    "dissimilarity", "area_of_applicability", "applicable", "expected_error", "site_distance", "out_of_range",
)  # fmt: skip
"""Maps whose file is made after training."""


def model_of(config: Config, experiment: Experiment) -> tuple[Model, dict[str, Any]]:
    """Untrained model of an experiment and its specification; HybridmapError if the block is wrong."""
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    spec = model_spec(experiment, layers)
    return checked_model(experiment, spec), spec


def check_maps(config: Config, experiment: Experiment, model: Model) -> list[str]:
    """Check what ``predict`` asks of one experiment.

    Parameters
    ----------
    config : Config
        Of the region.
    experiment : Experiment
        Its block.
    model : HybridModel or NetworkModel
        Untrained.

    Returns
    -------
    list of str
        What is left out for this experiment.

    Raises
    ------
    HybridmapError
        With every mistake, a line each.
    """
    names, notes = _maps_of(config, experiment, model)
    mistakes = []
    try:
        depths = mapped_depths(config.build, config.predict)
        check_depths(model, depths, modelled_interval(config.build))
        if config.reference is not None and depths:
            interval_weights(config.reference, depths)
    except HybridmapError as error:
        mistakes.append(str(error))
    for key, asked_for in (("maps", config.predict.maps), ("packed", config.predict.packed)):
        mistakes += [
            f"predict.{key}: no map '{name}'{nearest(name, names)}; there are {sorted(names)}."
            for name in asked_for
            if name not in names
        ]
    mistakes += [fault for item in config.predict.packed.items() if (fault := _packing_fault(config, model, *item))]
    for section in ("totals", "reference"):
        if not getattr(config, section):
            continue
        stocks = [stock_name(name) for name, quantity in config.all_quantities.items() if quantity.has_stock]
        mapped = [name for name in (stocks if section == "totals" else ["soc"]) if name in names]
        first = stock_name("soc") if section == "totals" else "soc"
        if not mapped:
            mistakes.append(
                f"{section}: is made of the map '{first}', which this experiment has not; give it map: false."
            )
        elif config.predict.maps and not set(mapped) & set(config.predict.maps):
            mistakes.append(f"{section}: is made of the map '{mapped[0]}'; add it to predict.maps.")
    if mistakes:
        raise HybridmapError("\n".join(mistakes))
    return notes


def _packing_fault(config: Config, model: Model, name: str, step: float) -> str:
    """What is wrong with the step of a map whose range is known: neither too fine for 16 bits, nor a few steps wide."""
    is_parameter = isinstance(model, HybridModel) and name in model.neural_names
    if isinstance(model, HybridModel) and is_parameter:
        low, high = model.bounds_of(name)
    elif name in QUANTITIES:
        low, high = 0.0, config.build.limits.max_soc_density_kg_m3
    elif name in config.all_quantities:
        low, high = config.all_quantities[name].least, config.all_quantities[name].most
    else:
        return ""
    if not math.isfinite(high - low):
        return ""
    if step > (high - low) / LEAST_STEPS:
        return (
            f"predict.packed.{name}: steps of {step:g} are too coarse for values from {low:g} to {high:g}; give at most"
            f" {(high - low) / LEAST_STEPS:.2g}."
        )
    finest = max(abs(low), abs(high)) / PACKED_LIMIT
    if is_parameter and step < finest:
        return f"predict.packed.{name}: values to {high:g} need over 16 bits at {step:g}; give at least {finest:.2g}."
    return ""


def check_interval_names(config: Config) -> str:
    """Check what ``predict`` asks of all experiments together.

    Raises
    ------
    HybridmapError
        If no experiment has a map that should get an interval, or scenarios are asked for and none has a process.
    """
    mapped = [experiment for experiment in config.experiments if experiment.map]
    if config.predict.scenarios and not any(experiment.process for experiment in mapped):
        raise HybridmapError(
            "scenarios: no experiment with maps has a process model, so there are no parameters to hold; add one, or"
            " leave scenarios out."
        )
    names = {name for experiment in mapped for name in _names_or_none(config, experiment)}
    for key, asked_for in (("interval_of", config.predict.interval_of), ("scenario_of", config.predict.scenario_of)):
        if unknown := [name for name in asked_for if names and name not in names]:
            raise HybridmapError(
                f"{key}: no experiment has a map '{unknown[0]}'{nearest(unknown[0], names)}; there are {sorted(names)}."
            )
    return f"intervals of {', '.join(config.predict.interval_of) or 'nothing'}"


def map_names(config: Config, experiment: Experiment) -> set[str]:
    """Names of the maps of an experiment, of a model that is not trained yet."""
    return _maps_of(config, experiment, model_of(config, experiment)[0])[0]


def _names_or_none(config: Config, experiment: Experiment) -> set[str]:
    """Maps of the model of an experiment; none where it cannot be built, which its own check says."""
    try:
        return set(model_maps(model_of(config, experiment)[0]))
    except HybridmapError:
        return set()


def _maps_of(config: Config, experiment: Experiment, model: Model) -> tuple[set[str], list[str]]:
    """Names of the maps that can be made, and what the model leaves out."""
    has_spread = experiment.uncertainty.method not in ("none", "head")
    # Calibration and applicability are learned later; names and notes do not depend on them.
    method = experiment.uncertainty.method
    changes = {"intervals": "none" if method == "none" else "spread", "applicability": False}
    block: Predict = config.predict.model_copy(update=changes)
    recipe = Recipe(
        Path(), block, experiment.uncertainty, modelled_interval(config.build), keep_draws=bool(config.totals)
    )
    extent = ExtentOfSites(recipe, model)
    kinds = [kind(Source(recipe, model, model_maps(model), has_spread, recipe.interval, extent)) for kind in KINDS]
    names = {name for kind in kinds if kind.is_optional for name in kind.layers()}
    if config.predict.applicability:
        names |= {*APPLICABILITY}
    if config.predict.intervals == "conformal":
        targets = [name for name in config.predict.interval_of if name in model.target_names]
        names |= {f"{name}_{end}" for name in targets for end in ("lower", "upper")}
    notes = [note for kind in kinds for note in kind.notes]
    return names, notes
