"""Short ways to write many layers: twelve months, several bands, shares of classes, and a table of layers."""

from __future__ import annotations

import csv
from typing import Any

import yaml

from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under

Layer = dict[str, Any]


def expand_layers(raw: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return the configuration with every layer of ``covariates``, ``forcing`` and ``auxiliary`` written out.

    Parameters
    ----------
    raw : dict
        As read from YAML.
    origin : str
        Names the file in errors.

    Raises
    ------
    HybridmapError
        If the table of covariates is missing or has an empty name, or a layer contradicts itself.
    """
    out = dict(raw)
    table = out.pop("covariates_table", None)
    covariates = out.get("covariates") or []
    if table is not None:
        covariates = [*covariates, *_read_table(str(out.get("data_root", ".")), str(table))]
    for key, layers in (
        ("covariates", covariates),
        ("forcing", out.get("forcing")),
        ("auxiliary", out.get("auxiliary")),
    ):
        if layers and isinstance(layers, list):
            out[key] = [one for layer in layers for one in _expand(layer, origin)]
    return out


def _expand(layer: Any, origin: str) -> list[Layer]:
    if not isinstance(layer, dict):
        return [layer]
    layer = dict(layer)
    name = layer.get("name", "?")
    months, bands, classes = (layer.pop(key, None) for key in ("months", "bands", "classes"))
    encoding = layer.pop("encoding", "embedding" if classes is None else "one_hot")
    given = [key for key, value in (("months", months), ("bands", bands), ("classes", classes)) if value]
    if len(given) > 1 and encoding == "one_hot":
        raise HybridmapError(f"{origin}: layer '{name}' has both '{given[0]}' and '{given[1]}'; give one.")
    if encoding not in ("embedding", "one_hot"):
        raise HybridmapError(f"{origin}: layer '{name}': encoding '{encoding}' is neither 'embedding' nor 'one_hot'.")
    if encoding == "one_hot" and not isinstance(classes, dict):
        raise HybridmapError(
            f"{origin}: layer '{name}': 'one_hot' needs 'classes', a mapping of codes to names, as {{1: forest}}."
        )
    if months:
        return [_month(layer, month) for month in range(1, 13)]
    if bands:
        return [{**layer, "band": band, "group": name, "name": f"{name}_{_word(band)}"} for band in bands]
    if encoding == "one_hot":
        shares = []
        for code, word in classes.items():
            codes = [float(c) for c in str(code).split(",")]
            made = {"name": f"{name}_{_word(word)}", "equals": codes, "kind": "average", "group": name}
            shares.append({**layer, **made, "unit": "1", "description": f"share of {word}"})
        return shares
    return [layer]


def _month(layer: Layer, month: int) -> Layer:
    """One month of a layer: a file each where the path has {month}, else a band each."""
    path = str(layer.get("path", ""))
    own: Layer = {"name": f"{layer.get('name', '?')}_{month:02d}", "group": layer.get("name", "?")}
    if "{month}" in path:
        return {**layer, **own, "path": path.replace("{month}", f"{month:02d}")}
    return {**layer, **own, "band": month}


def _word(text: object) -> str:
    return "".join(c if c.isalnum() else "_" for c in str(text).lower()).strip("_")


def _read_table(root: str, name: str) -> list[Layer]:
    path = under(root, name)
    if not path.is_file():
        raise HybridmapError(f"covariates_table: no such table {path}; check the path and data_root.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    layers = []
    for number, row in enumerate(rows, start=2):
        if not row.get("name"):
            raise HybridmapError(f"{path}: row {number} has no 'name'; every covariate needs one.")
        # Numbers, lists and mappings are written as in the region file; an empty cell leaves the default.
        layers.append({key: yaml.safe_load(cell) if key not in _TEXT else cell for key, cell in row.items() if cell})
    return layers


_TEXT = {"name", "path", "unit", "description", "licence", "crs", "variable"}
