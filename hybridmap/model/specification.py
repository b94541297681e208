"""From a specification of plain values, as in ``model.yaml``, to an untrained model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from hybridmap.encoders import KAN, MLP, NAM, LinearEncoder, MixedInputs, Separate
from hybridmap.model.hybrid import HybridModel, Model, NetworkModel, Roles
from hybridmap.process import ProcessModel, get_process

ENCODERS: dict[str, Callable[..., nn.Module]] = {"linear": LinearEncoder, "mlp": MLP, "nam": NAM, "kan": KAN}


def build_model(spec: Mapping[str, Any]) -> Model:
    """Build an untrained model from its specification.

    Parameters
    ----------
    spec : mapping
        What ``model.yaml`` holds: ``process`` (mapping of name and options, or None for the pure network),
        ``neural``, ``shared`` (lists, "all" or "none"), ``fixed``, ``bounds``, ``constraint``, ``encoder``
        (mapping with a name, options, and optionally ``separate`` and ``positional``), ``covariates``, ``forcing``,
        ``targets`` (lists), ``forcing_constants`` and optionally ``categorical`` (covariate → class codes),
        ``start`` (parameter → value) and ``units`` (layer → unit).

    Raises
    ------
    ValueError
        For an unknown process model, parameter, encoder or option, or a forcing that is not available.
    """
    covariates, targets = list(spec["covariates"]), list(spec["targets"])
    if spec["process"] is None:
        forcing = list(spec["forcing"])
        inputs = _build_inputs(spec, [*covariates, *forcing])
        width = inputs.n_features if inputs else len(covariates) + len(forcing)
        encoder = _build_encoder(spec["encoder"], width, len(targets))
        return NetworkModel(
            encoder, covariate_names=covariates, forcing_names=forcing, target_names=targets, inputs=inputs
        )
    process = get_process(spec["process"]["name"], **spec["process"]["options"])
    roles = resolve_roles(process, spec["neural"], spec["shared"], spec["fixed"])
    inputs = _build_inputs(spec, covariates)
    width = inputs.n_features if inputs else len(covariates)
    model = HybridModel(
        process,
        roles,
        _build_encoder(spec["encoder"], width, len(roles.neural)),
        constraint=spec["constraint"],
        bounds={name: (low, high) for name, (low, high) in spec["bounds"].items()},
        covariate_names=covariates,
        target_names=targets,
        forcing_constants=spec["forcing_constants"],
        inputs=inputs,
        start=spec.get("start"),
    )
    if missing := [n for n in model.forcing_names if n not in spec["forcing"]]:
        raise ValueError(f"{process.name} needs the forcing {missing}; the region has {list(spec['forcing'])}.")
    if missing := [t for t in targets if t not in {v.name for v in process.outputs}]:
        raise ValueError(f"{process.name} has no output {missing} to compare with observations.")
    return model


def resolve_roles(
    process: ProcessModel, neural: Sequence[str] | str, shared: Sequence[str] | str, fixed: Mapping[str, float]
) -> Roles:
    """Spell out "all" and "none": "all" covers every standard parameter that has no other role.

    Parameters that a model marks as extensions (such as the leak rates of the five-pool model) stay fixed unless named.
    """
    explicit = {
        *fixed,
        *(neural if not isinstance(neural, str) else ()),
        *(shared if not isinstance(shared, str) else ()),
    }
    rest = [p.name for p in process.parameters if p.neural and p.name not in explicit]
    if neural == "all" and shared == "all":
        raise ValueError("neural and global cannot both be 'all'; name the parameters of one of them.")

    def spell(role: Sequence[str] | str) -> list[str]:
        if isinstance(role, str):
            if role not in ("all", "none"):
                raise ValueError(f"a role is a list of parameters, 'all' or 'none', not '{role}'.")
            return rest if role == "all" else []
        return list(role)

    roles = Roles(spell(neural), spell(shared), dict(fixed))
    roles.check(process)
    return roles


def _build_inputs(spec: Mapping[str, Any], names: list[str]) -> MixedInputs | None:
    """Build the treatment of classes and coordinates, None where all covariates are plain numbers."""
    categorical = dict(spec.get("categorical") or {})
    coordinates = list(spec["encoder"].get("positional") or ())
    return MixedInputs(names, categorical, coordinates) if categorical or coordinates else None


def _build_encoder(spec: Mapping[str, Any], n_inputs: int, n_outputs: int) -> nn.Module:
    options = {key: value for key, value in spec.items() if key not in ("name", "separate", "positional")}
    if spec["name"] not in ENCODERS:
        raise ValueError(f"no encoder '{spec['name']}'; there are {sorted(ENCODERS)}.")
    if not n_outputs:  # a model without neural parameters still has its (empty) place for an encoder
        return nn.Identity()
    build = ENCODERS[spec["name"]]
    try:
        if spec.get("separate"):
            return Separate([build(n_inputs, 1, **options) for _ in range(n_outputs)])
        return build(n_inputs, n_outputs, **options)
    except TypeError as error:
        raise ValueError(f"encoder '{spec['name']}': {error}.") from error
