"""Short ways to write many layers: twelve months, several bands, shares of classes, and a table of layers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml

from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under

Layer = dict[str, Any]
SHORTHANDS = ("months", "bands", "classes", "encoding")
EXPECTED = {
    "bands": "a list of numbers or descriptions of bands",
    "classes": "a mapping of codes to names, as {1: forest}",
    "months": "true or false",
}
TEXT_COLUMNS = {"name", "path", "unit", "description", "licence", "crs", "variable"}
"""Columns of the table of covariates that are taken as they are; the others are read as YAML."""


def expand_layers(raw: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return the configuration with every layer of ``covariates``, ``forcing`` and ``auxiliary`` written out.

    Parameters
    ----------
    raw : dict
        As read from YAML.
    origin : str
        Names the file in errors.

    Returns
    -------
    dict
        The same with ``covariates_table`` read, and the layers of the table among the covariates.

    Raises
    ------
    HybridmapError
        If the table of covariates is missing or has an empty name, or a layer contradicts itself.
    """
    expanded = {key: value for key, value in raw.items() if key != "covariates_table"}
    if raw.get("covariates_table") is not None:
        rows = _read_table(under(str(raw.get("data_root", ".")), str(raw["covariates_table"])))
        expanded["covariates"] = [*(raw.get("covariates") or []), *rows]
    for section in ("covariates", "forcing", "auxiliary"):
        layers = expanded.get(section)
        if layers and isinstance(layers, list):
            expanded[section] = [single for layer in layers for single in _expand(layer, origin)]
    return expanded


def _expand(layer: Any, origin: str) -> list[Layer]:
    """The layers that one entry of a list stands for; an entry that is no mapping is left to the typed check."""
    if not isinstance(layer, dict):
        return [layer]
    plain = {key: value for key, value in layer.items() if key not in SHORTHANDS}
    months, bands, classes = (layer.get(key) for key in ("months", "bands", "classes"))
    encoding = layer.get("encoding", "embedding" if classes is None else "one_hot")
    _check_shorthands(layer, encoding, origin)
    if months:
        return [_month(plain, month) for month in range(1, 13)]
    if bands:
        return [_member(plain, _word(band), band=band) for band in bands]
    if isinstance(classes, dict) and encoding == "one_hot":
        shares = [_share(plain, str(code), str(word)) for code, word in classes.items()]
        listed = sorted({number for share in shares for number in share["equals"]})
        return [{**share, "listed": listed} for share in shares]
    return [plain]


def _check_shorthands(layer: Layer, encoding: Any, origin: str) -> None:
    place = f"{origin}: layer '{layer.get('name', '?')}'"
    for key, kind in (("bands", list), ("classes", list | dict), ("months", bool)):
        if layer.get(key) is not None and not isinstance(layer[key], kind):
            raise HybridmapError(f"{place}: {key} is {layer[key]!r}; expected {EXPECTED[key]}.")
        if key in layer and layer[key] is not None and not isinstance(layer[key], bool) and not layer[key]:
            raise HybridmapError(f"{place}: {key} is empty; expected {EXPECTED[key]}, or leave it out.")
    if isinstance(layer.get("classes"), dict) and not all(_word(word or "") for word in layer["classes"].values()):
        raise HybridmapError(f"{place}: a class has no name; expected {EXPECTED['classes']}.")
    if isinstance(layer.get("classes"), list) and encoding == "embedding":
        raise HybridmapError(f"{place}: classes is a list; expected {EXPECTED['classes']}.")
    ways = [key for key in ("months", "bands", "classes") if layer.get(key)]
    if len(ways) > 1 and encoding == "one_hot":
        raise HybridmapError(f"{place} has both '{ways[0]}' and '{ways[1]}'; give one.")
    if encoding not in ("embedding", "one_hot"):
        raise HybridmapError(f"{place}: encoding '{encoding}' is neither 'embedding' nor 'one_hot'.")
    if encoding == "one_hot" and not isinstance(layer.get("classes"), dict):
        raise HybridmapError(f"{place}: 'one_hot' needs 'classes', a mapping of codes to names, as {{1: forest}}.")


def _member(layer: Layer, suffix: str, **changes: Any) -> Layer:
    """One of the layers that `layer` stands for: its own name, and that of all as group."""
    name = layer.get("name", "?")
    return {**layer, "name": f"{name}_{suffix}", "group": name, **changes}


def _month(layer: Layer, month: int) -> Layer:
    """One month of a layer: a file each where the path, or that of a year, has {month}, else a band each."""
    word, years = f"{month:02d}", layer.get("years")
    path = str(layer.get("path", ""))
    if "{month}" in path:
        return _member(layer, word, path=path.replace("{month}", word))
    if isinstance(years, dict) and any("{month}" in str(file) for file in years.values()):
        return _member(layer, word, years={year: str(file).replace("{month}", word) for year, file in years.items()})
    return _member(layer, word, band=month, of_bands=12)


def _share(layer: Layer, codes: str, word: str) -> Layer:
    """Share of one class in a cell; `codes` are numbers with commas between."""
    try:
        numbers = [float(code) for code in codes.split(",")]
    except ValueError:
        raise HybridmapError(
            f"layer '{layer.get('name', '?')}': the classes '{codes}' are no numbers; write them as {{1: forest}} or"
            ' {"1,2": forest}.'
        ) from None
    return _member(layer, _word(word), equals=numbers, kind="average", unit="1", description=f"share of {word}")


def _word(text: object) -> str:
    return "".join(c if c.isalnum() else "_" for c in str(text).lower()).strip("_")


def _cell(key: str, cell: str, path: Path, row: int) -> Any:
    """Value of a cell of the table: text, or read as YAML."""
    if key in TEXT_COLUMNS:
        return cell
    try:
        return yaml.safe_load(cell)
    except (yaml.YAMLError, ValueError):
        raise HybridmapError(
            f"{path}: row {row}, column '{key}': '{cell}' cannot be read; write it as in YAML."
        ) from None


def _read_table(path: Path) -> list[Layer]:
    """Layers of a table, one a row."""
    if not path.is_file():
        raise HybridmapError(f"covariates_table: no such table {path}; check the path and data_root.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restkey=""))
    except (UnicodeDecodeError, csv.Error) as error:
        raise HybridmapError(f"{path}: cannot be read as a table in UTF-8 ({error}); save it as CSV again.") from None
    layers = []
    for number, row in enumerate(rows, start=2):
        if not row.get("name"):
            raise HybridmapError(f"{path}: row {number} has no 'name'; every covariate needs one.")
        # Numbers, lists and mappings are written as in the region file; an empty cell leaves the default.
        if "" in row:
            raise HybridmapError(f"{path}: row {number} has more cells than the header; quote cells with commas.")
        layers.append({key: _cell(key, cell, path, number) for key, cell in row.items() if cell})
    return layers
