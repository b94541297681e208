"""From a specification of plain values, as in ``model.yaml``, to an untrained model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybridmap.encoders import MixedInputs
from hybridmap.encoders.registry import build_encoder
from hybridmap.model import HybridModel, Model, NetworkModel, resolve_roles
from hybridmap.model.layer_depth import LayerDepth
from hybridmap.model.random_prior import add_random_prior
from hybridmap.options.position import PositionWaves
from hybridmap.process import get_process
from hybridmap.quantities import QUANTITIES, Quantity


def build_model(spec: Mapping[str, Any]) -> Model:
    """Build an untrained model from its specification.

    Parameters
    ----------
    spec : mapping
        What ``model.yaml`` holds: ``process`` (mapping of name and options, or None for the pure network),
        ``neural``, ``shared`` (lists, "all" or "none"), ``fixed``, ``bounds``, ``constraint``, ``encoder``
        (mapping with a name, options, and optionally ``separate``, ``positional``, ``position_waves`` and ``clip_sd``),
        ``covariates``, ``forcing``, ``targets`` (lists), ``forcing_constants`` and optionally ``categorical``
        (covariate → class codes), ``start`` (parameter → value), ``units`` (layer → unit), ``quantities`` (facts of
        those that the region declares) ``root_beta`` (shape of the root profile, where observations are of layers at
        several depths),
        ``heads`` (further outputs of the encoder) and ``prior`` ("random": an encoder with a random function beside
        it, :class:`hybridmap.model.random_prior.RandomPrior`).

    Returns
    -------
    HybridModel or NetworkModel

    Raises
    ------
    ValueError
        For an unknown process model, parameter, encoder or option, or a forcing that is not available.
    """
    model = _build_network(spec) if spec["process"] is None else _build_hybrid(spec)
    model.quantities = quantities_of(spec)
    if spec.get("prior"):
        add_random_prior(model, *_encoder_shape(spec, model))
    return model


def _encoder_shape(spec: Mapping[str, Any], model: Model) -> tuple[int, int]:
    """Features and outputs of the encoder of a model."""
    inputs = len(model.standardise.mean) if model.inputs is None else model.inputs.n_features
    learned = model.neural_names if isinstance(model, HybridModel) else model.target_names
    return inputs, len(learned) + len(spec.get("heads") or ())


def quantities_of(spec: Mapping[str, Any]) -> dict[str, Quantity]:
    """Quantities that a model of `spec` knows by name: those of the package, and those of its region."""
    declared = map(Quantity.of_facts, spec.get("quantities") or ())
    return {**QUANTITIES, **{quantity.name: quantity for quantity in declared}}


def _build_network(spec: Mapping[str, Any]) -> NetworkModel:
    covariates, forcing, targets = list(spec["covariates"]), list(spec["forcing"]), list(spec["targets"])
    inputs = _build_inputs(spec, [*covariates, *forcing])
    width = inputs.n_features if inputs else len(covariates) + len(forcing)
    heads = list(spec.get("heads") or ())
    encoder = build_encoder(spec["encoder"], width, len(targets) + len(heads))
    quantities = quantities_of(spec)
    return NetworkModel(
        encoder,
        covariate_names=covariates,
        forcing_names=[*forcing, *(inputs.position if inputs else ())],
        target_names=targets,
        inputs=inputs,
        signed=[name for name in targets if name in quantities and quantities[name].is_signed],
        heads=heads,
    )


def _build_hybrid(spec: Mapping[str, Any]) -> HybridModel:
    covariates, targets = list(spec["covariates"]), list(spec["targets"])
    process = get_process(spec["process"]["name"], **spec["process"]["options"])
    roles = resolve_roles(process, spec["neural"], spec["shared"], spec["fixed"])
    root_beta = spec.get("root_beta")
    encoded = [*covariates, *LayerDepth(process, spec["forcing_constants"], root_beta).encoded]
    inputs = _build_inputs(spec, encoded)
    width = inputs.n_features if inputs else len(encoded)
    heads = list(spec.get("heads") or ())
    model = HybridModel(
        process,
        roles,
        build_encoder(spec["encoder"], width, len(roles.neural) + len(heads)),
        constraint=spec["constraint"],
        bounds={name: (low, high) for name, (low, high) in spec["bounds"].items()},
        covariate_names=covariates,
        target_names=targets,
        forcing_constants=spec["forcing_constants"],
        inputs=inputs,
        start=spec.get("start"),
        root_beta=root_beta,
        heads=heads,
    )
    if missing := [n for n in model.depth.forcing_names if n not in spec["forcing"]]:
        raise ValueError(f"{process.name} needs the forcing {missing}; the region has {list(spec['forcing'])}.")
    if missing := [t for t in targets if t not in {v.name for v in process.outputs}]:
        raise ValueError(f"{process.name} has no output {missing} to compare with observations.")
    return model


def _build_inputs(spec: Mapping[str, Any], names: list[str]) -> MixedInputs | None:
    """Build the treatment of classes, coordinates, position and far values, None where none is asked for."""
    categorical = dict(spec.get("categorical") or {})
    coordinates = list(spec["encoder"].get("positional") or ())
    waves = spec["encoder"].get("position_waves")
    clip_sd = spec["encoder"].get("clip_sd")
    if not (categorical or coordinates or waves or clip_sd):
        return None
    return MixedInputs(names, categorical, coordinates, PositionWaves(**waves) if waves else None, clip_sd)
