"""Parameters that the data did not teach: held, or learned and still where they started."""

from __future__ import annotations

import math

from hybridmap.model.hybrid import HybridModel
from hybridmap.model.table_model import TableModel
from hybridmap.process import Parameter

NEAR = 0.02
"""A parameter that moved by less, as a share of its range, stayed where it started."""


def unlearned_parameters(model: TableModel) -> dict[str, str]:
    """Parameters that are held, or that stayed where training started.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Trained.

    Returns
    -------
    dict of str to str
        By parameter, what happened in words: "held at 2", or "stayed at 1.98, its start". Neural parameters differ
        from place to place and are never among them. None of a model without a process.
    """
    if not isinstance(model, HybridModel) or model.process is None:
        return {}
    values = dict(zip(model.shared_names, model.shared_parameters().detach().flatten().tolist(), strict=False))
    starts = dict(zip(model.shared_names, model.shared_starts, strict=True))
    texts = {}
    for parameter in model.process.parameters:
        name = parameter.name
        if name in values:
            span = _position(parameter, *model.bounds_of(name), values[name], starts[name])
            if span < NEAR:
                texts[name] = f"stayed at {values[name]:.3g}, its start"
        elif name not in model.neural_names:
            texts[name] = f"held at {model.roles.fixed.get(name, parameter.default):.3g}"
    return texts | {name: f"held at {value:.3g}" for name, value in model.process.constants.items()}


def _position(parameter: Parameter, low: float, high: float, value: float, start: float) -> float:
    """Distance of a value from its start as a share of the range, on the scale of the parameter."""
    if parameter.scale == "log":
        low, high, value, start = (math.log(number) for number in (low, high, value, start))
    return abs(value - start) / (high - low)
