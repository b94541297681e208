"""From an experiment's block of the configuration to its model and the options of its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hybridmap.config import Experiment
from hybridmap.errors import HybridmapError
from hybridmap.experiment.layers import ModelLayers
from hybridmap.model import Model
from hybridmap.model.layer_depth import THICKNESS
from hybridmap.model.overrides import check_overrides
from hybridmap.model.specification import build_model
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.process import ProcessModel, get_process
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.train import TrainingOptions
from hybridmap.train.penalties import penalties_of
from hybridmap.train.posteriors import METHODS
from hybridmap.units import same_unit


def model_spec(experiment: Experiment, layers: ModelLayers) -> dict[str, Any]:
    """Specification that :func:`hybridmap.model.specification.build_model` takes, of plain values only.

    Raises
    ------
    HybridmapError
        If there is no such process model, or it refuses an option.
    """
    process = experiment.process
    constants: dict[str, float] = {}
    if process is not None:
        constants = interval_constants(_process_model(experiment.name, process.name, process.options), layers)
    return {
        "process": None if process is None else process.model_dump(),
        "neural": experiment.neural,
        "shared": experiment.global_,
        "fixed": dict(experiment.fixed),
        "bounds": {name: list(pair) for name, pair in experiment.bounds.items()},
        "start": dict(experiment.start),
        "constraint": experiment.constraint.arguments(),
        "encoder": experiment.encoder.options(),
        "units": layers.units,
        "covariates": layers.covariates,
        "categorical": layers.categorical,
        "forcing": layers.forcing,
        "forcing_constants": constants,
        "targets": list(experiment.targets),
        "root_beta": layers.root_beta,
        "heads": experiment.loss.heads_of(experiment.targets),
        "quantities": [q.facts() for name, q in layers.quantities.items() if name not in QUANTITIES],
        **METHODS[experiment.uncertainty.method].specification,
    }


def interval_constants(process: ProcessModel, layers: ModelLayers) -> dict[str, float]:
    """Forcing that says the one interval of all sites [m]; none where observations are of several depths.

    Parameters
    ----------
    process : ProcessModel
        One with layers takes the ends of the interval, one of a layer its thickness if it has such a forcing.
    layers : ModelLayers
        With the interval.

    Returns
    -------
    dict of str to float
        By name [m].
    """
    if layers.root_beta is not None:
        return {}
    if process.has_layers:
        return dict(zip(LAYER_INPUTS, layers.span_m, strict=True))
    top, bottom = layers.span_m
    return {v.name: bottom - top for v in process.forcing if v.name == THICKNESS}


def _process_model(experiment: str, name: str, options: dict[str, Any]) -> ProcessModel:
    try:
        return get_process(name, **options)
    except HybridmapError:
        raise
    except (ValueError, TypeError, OSError) as error:
        raise HybridmapError(f"experiment '{experiment}': {str(error).rstrip('.')}.") from None


def checked_model(experiment: Experiment, spec: dict[str, Any], seed: int | None = None) -> Model:
    """Build the model of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    spec : dict
        Its :func:`model_spec`.
    seed : int, optional
        Of the initial weights; the experiment's by default.

    Returns
    -------
    Model

    Raises
    ------
    HybridmapError
        Naming the experiment, if the block is wrong.
    """
    torch.manual_seed(experiment.seed if seed is None else seed)
    try:
        model = build_model(spec)
        if model.process is not None:
            check_overrides(model.process, experiment.bounds, experiment.start, experiment.fixed)
            _check_units(model.process, model.quantities)
        penalties_of(model, experiment.loss.penalties)
        METHODS[experiment.uncertainty.method].check(model)
        return model
    except (ValueError, HybridmapError) as error:
        raise HybridmapError(f"experiment '{experiment.name}': {error}") from None


def _check_units(process: ProcessModel, quantities: Mapping[str, Quantity]) -> None:
    """Raise HybridmapError where an output is in another unit than the quantity that it is compared with."""
    for output in process.outputs:
        quantity = quantities.get(output.name)
        if quantity is not None and not same_unit(output.unit, quantity.unit):
            raise HybridmapError(
                f"{process.name} gives '{output.name}' in {output.unit}; the quantity is in {quantity.unit}: let the"
                " model return it in that unit."
            )


def training_options(experiment: Experiment, spec: dict[str, Any]) -> TrainingOptions:
    """Options of the trainer as the experiment's block gives them; a checkpoint must agree with `spec`."""
    return TrainingOptions(**vars(experiment.training), loss=experiment.loss, seed=experiment.seed, identity=spec)
