"""Rasters of a drafted region: their names, what they likely are, and the keys that their values ask for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from hybridmap.errors import HybridmapError

DRIVERS = {
    "npp": r"npp|net_?prim.*",
    "mat": r"mat|(annual_)?(mean_)?temp(erature)?|tas|t_?mean|(.*_)?bio_?0?1",
    "rain": r"map|(annual_)?prec(ip)?(itation)?|rain(fall)?|pr|(.*_)?bio_?12",
}
"""What a process model or a productivity is driven by → the stem of its file."""
CLASSES = r".*(land_?(cover|use)|lulc|igbp|corine|clc|koppen|soil_?(type|class)|wrb|biome|lithology|geology).*|lc|lu"
"""Stem of a file that holds classes."""
PIXELS = 512
"""Along each side, of those that are looked at."""
GRAMS = "g C m-2 yr-1"


class Reading(NamedTuple):
    """How values of a driver are read: from a median above, up to one below, by these keys.

    Attributes
    ----------
    above, below : float
        Of the median, as the file has it.
    keys : str
        For the region file.
    guess : str
        What was taken for granted, in words; "" where the values are as they should be.
    """

    above: float
    below: float
    keys: str
    guess: str = ""


READINGS = {
    "mat": (
        Reading(-60, 60, "unit: degC"),
        Reading(200, 340, "offset: -273.15, unit: degC", "looks like Kelvin, and is made degrees Celsius"),
        Reading(2000, 3400, "scale: 0.1, offset: -273.15, unit: degC", "looks like tenths of a Kelvin, made degC"),
    ),
    "rain": (Reading(15, 15_000, "unit: mm"),),
    "npp": (
        Reading(10, 4000, f'unit: "{GRAMS}"'),
        Reading(0.01, 5, f'scale: 1000, unit: "{GRAMS}"', "looks like kg of carbon, and is made g"),
    ),
}
"""Role of a layer → the ways its values may be read."""


@dataclass(frozen=True)
class DraftLayer:
    """A raster as a line of the region file.

    Attributes
    ----------
    name, path : str
        Of the layer, and of its file under the data root.
    role : str
        A key of :data:`DRIVERS`, or "".
    keys : str
        Further keys as YAML.
    note : str
        For a person.
    is_guessed : bool
        Whether the note has to be looked at.
    is_classes : bool
        Whether its numbers are classes.
    """

    name: str
    path: str
    role: str = ""
    keys: str = ""
    note: str = ""
    is_guessed: bool = False
    is_classes: bool = False

    def line(self, name: str = "") -> str:
        """Entry of a list of layers, under another name if one is given."""
        keys = f", {self.keys}" if self.keys else ""
        note = f"   # {self.note}" if self.note else ""
        return f"  - {{name: {name or self.name}, path: {quoted(self.path)}{keys}}}{note}"


def draft_layers(files: Sequence[Path], root: Path) -> tuple[list[DraftLayer], list[str]]:
    """Look at rasters.

    Parameters
    ----------
    files : sequence of Path
        Rasters.
    root : Path
        Folder that their paths start from.

    Returns
    -------
    tuple of list of DraftLayer and list of str
        A layer a file, and a sentence for each that cannot be read and is left out.
    """
    roles = _roles(files)
    layers, unread, names = [], [], {*DRIVERS}
    for file in files:
        role = roles.get(file, "")
        name = _name(file, names - ({role} if role else set()))
        try:
            layers.append(_layer(file, name, os.path.relpath(file.resolve(), root), role))
            names.add(name)
        except (RasterioError, OSError) as error:
            unread.append(f"{file} cannot be read as a raster and is left out ({str(error).splitlines()[0]})")
    if files and not layers:
        raise HybridmapError(f"{files[0].parent}: no raster can be read; {unread[0]}.")
    return layers, unread


def driving_layers(layers: Sequence[DraftLayer]) -> dict[str, DraftLayer]:
    """Layers that drive a process model, by their role."""
    return {layer.role: layer for layer in layers if layer.role}


def quoted(name: str) -> str:
    """A plain YAML scalar where that is safe."""
    is_plain = re.fullmatch(r"[A-Za-z][\w./-]*", name, re.ASCII) and name.lower() not in YAML_WORDS
    return name if is_plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


YAML_WORDS = ("no", "yes", "on", "off", "y", "n", "true", "false", "null")


def _roles(files: Sequence[Path]) -> dict[Path, str]:
    """File → its role: spelled so, or the only one that is spelled so with a number or a resolution behind."""
    roles: dict[Path, str] = {}
    for role, spelling in DRIVERS.items():
        exact = [file for file in files if re.fullmatch(spelling, file.stem.lower())]
        numbered = [file for file in files if re.fullmatch(spelling, re.sub(r"_\d.*$", "", file.stem.lower()))]
        if exact or len(numbered) == 1:  # several are months or years
            roles[(exact or numbered)[0]] = role
    return roles


def _name(file: Path, names: set[str]) -> str:
    """A name that the region file allows and that nothing else has."""
    name = re.sub(r"[^a-z0-9_]+", "_", file.stem.lower()).strip("_") or "layer"
    name = name if name[0].isalpha() else f"layer_{name}"
    while name in names:
        name += "_2"
    return name


def _layer(file: Path, name: str, path: str, role: str) -> DraftLayer:
    with rasterio.open(file) as source:
        if not source.count:  # a NetCDF file of several variables
            variables = [subset.rpartition(":")[2] for subset in source.subdatasets]
            note = f"one of {', '.join(variables)}" if variables else ""
            return DraftLayer(
                name, path, keys=f"variable: {quoted(variables[0]) if variables else '<variable>'}", note=note
            )
        keys = ["band: 1"] if source.count > 1 else []
        notes = [f"the first of {source.count} bands"] if source.count > 1 else []
        values = _values(source)
        is_classes = _holds_classes(source, file.stem.lower(), values)
        unit = (source.units[0] or "").strip()
    if is_classes:
        codes = ", ".join(f"{code:g}" for code in np.unique(values)[:20])
        notes.append(f"classes {codes}" + (" …" if np.unique(values).size > 20 else ""))
        return DraftLayer(name, path, "", ", ".join([*keys, "kind: mode"]), "; ".join(notes), is_classes=True)
    if role:
        return _driver(DraftLayer(name, path, role), keys, notes, values)
    keys += [f"unit: {quoted(unit)}"] if unit else []
    return DraftLayer(name, path, "", ", ".join(keys), "; ".join(notes))


def _driver(layer: DraftLayer, keys: list[str], notes: list[str], values: NDArray[np.float64]) -> DraftLayer:
    """A layer that may drive a process model, by its values; without its role where they say otherwise."""
    middle = float(np.median(values)) if values.size else np.nan
    reading = next((r for r in READINGS[layer.role] if r.above <= middle <= r.below), None)
    if reading is None:
        note = f"values around {middle:.4g} are no {_meaning(layer.role)}; give scale and unit, then use it as forcing"
        name = f"{layer.name}_layer" if layer.name in DRIVERS else layer.name
        return DraftLayer(name, layer.path, "", ", ".join(keys), "; ".join([*notes, note]), is_guessed=True)
    notes += [reading.guess] if reading.guess else []
    return DraftLayer(
        layer.name, layer.path, layer.role, ", ".join([*keys, reading.keys]), "; ".join(notes), bool(reading.guess)
    )


def _meaning(role: str) -> str:
    words: Mapping[str, str] = {
        "mat": "temperature in degC or K",
        "rain": "yearly rain in mm",
        "npp": f"NPP in {GRAMS}",
    }
    return words[role]


def _values(source: Any) -> NDArray[np.float64]:
    """Known pixels of the first band, at most so many along each side, as the file scales them."""
    shape = tuple(min(size, PIXELS) for size in source.shape)
    pixels = source.read(1, out_shape=shape, masked=True).astype("float64").compressed()
    values = pixels[np.isfinite(pixels)] * source.scales[0] + source.offsets[0]
    return np.asarray(values)


def _holds_classes(source: Any, stem: str, values: NDArray[np.float64]) -> bool:
    """Whether the numbers of a band are classes: whole, and named or coloured so."""
    is_whole = bool(values.size) and bool((values == np.round(values)).all())
    return is_whole and (source.colorinterp[0] == ColorInterp.palette or re.fullmatch(CLASSES, stem) is not None)
