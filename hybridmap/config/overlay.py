"""One mapping laid over another: later files over earlier ones, experiments over their defaults."""

from __future__ import annotations

from typing import Any


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `over` laid on top; mappings are merged, everything else is replaced.

    Examples
    --------
    >>> merge({"grid": {"resolution": 100, "crs": "EPSG:3035"}}, {"grid": {"resolution": 250}})
    {'grid': {'resolution': 250, 'crs': 'EPSG:3035'}}
    """
    merged = dict(base)
    for key, value in over.items():
        is_nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if is_nested else value
    return merged


def over_defaults(defaults: dict[str, Any], experiment: dict[str, Any]) -> dict[str, Any]:
    """Lay an experiment over the defaults; another kind of encoder takes none of the options of the default one."""
    encoder, default_encoder = experiment.get("encoder"), defaults.get("encoder")
    if isinstance(encoder, dict) and isinstance(default_encoder, dict):
        default_kind = default_encoder.get("name", "mlp")
        if encoder.get("name", default_kind) != default_kind:
            defaults = {key: value for key, value in defaults.items() if key != "encoder"}
    return merge(defaults, experiment)
