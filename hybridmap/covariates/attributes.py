"""Attributes of a raster that say of its numbers what the region file does not: how they are packed, and their unit."""

from __future__ import annotations

import re
from typing import Any

from hybridmap.config import Raster
from hybridmap.errors import HybridmapError
from hybridmap.units import parse_unit

NAMES = {"scale": ("scale_factor", "SCALE_FACTOR"), "offset": ("add_offset", "ADD_OFFSET")}
"""Key of a layer → attributes that mean it."""
UNPACKED = {"scale": 1.0, "offset": 0.0}


def numbers_of(tag: Any) -> list[float]:
    """Numbers that an attribute lists.

    Examples
    --------
    >>> numbers_of("-1, 2.5e3"), numbers_of(None)
    ([-1.0, 2500.0], [])
    """
    return [float(n) for n in re.findall(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?)", str(tag or ""))]


def refuse_other_numbers(dataset: Any, band: int, layer: Raster, label: str) -> None:
    """Raise HybridmapError where values would be off by a factor or an offset that the file speaks of.

    Parameters
    ----------
    dataset : rasterio dataset or ZarrRaster
        The file.
    band : int
        Of the layer, from 1.
    layer : Raster
        What the region file says; a ``scale`` or ``offset`` there settles it.
    label : str
        Names layer and file.
    """
    _check_packing(dataset, band, layer, label)
    _check_unit(dataset, band, layer, label)


def _check_packing(dataset: Any, band: int, layer: Raster, label: str) -> None:
    """An attribute that would unpack pixels, where GDAL does not follow it."""
    if (dataset.scales[band - 1], dataset.offsets[band - 1]) != (1.0, 0.0):
        return
    tags = {**dataset.tags(), **dataset.tags(band)}
    for key, names in NAMES.items():
        text = next((tags[name] for name in names if name in tags), None)
        if getattr(layer, key) is None and any(number != UNPACKED[key] for number in numbers_of(text)[:1]):
            raise HybridmapError(
                f"{label}: an attribute of the file says {text} by a name that means '{key}', but not in a way that"
                f" GDAL follows; give the '{key}' by which its pixels become values, or '{key}: {UNPACKED[key]:g}' if"
                " they are values already."
            )


def _check_unit(dataset: Any, band: int, layer: Raster, label: str) -> None:
    """A unit that measures the same as that of the layer, by other numbers."""
    units = getattr(dataset, "units", None) or (None,) * band
    file_unit = (units[band - 1] or "").strip()
    if file_unit in ("", layer.unit) or layer.scale is not None or layer.offset is not None:
        return
    try:
        unit_of_file, unit_of_layer = parse_unit(file_unit), parse_unit(layer.unit)
    except HybridmapError:  # words that are no unit say nothing
        return
    if str(unit_of_file) == "dimensionless" or not unit_of_file.is_compatible_with(unit_of_layer):
        return
    if 1 * unit_of_file == 1 * unit_of_layer:
        return
    raise HybridmapError(
        f"{label}: the file says that its values are in '{file_unit}', and 'unit' says {layer.unit}; give the 'scale'"
        f" or the 'offset' that makes {layer.unit} of them, the unit of the file, or 'scale: 1' if the file is wrong."
    )
