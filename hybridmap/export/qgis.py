"""Styles that QGIS applies by itself when it opens a map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from hybridmap.export.band import Band
from hybridmap.export.statistics import Statistics
from hybridmap.files.tables import write_text
from hybridmap.predict.colours import ENDS, class_colours, colour_map, ramp

Limits = tuple[float, float]
MOST_STEPS = 25
CLOSE = 1e-9
"""Part of a step that is rounding error."""
COLOURS = 9
"""Of a ramp; QGIS draws those between."""
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def scale_of(band: Band) -> str:
    """Name of the range of colours of a map: the ends of an interval, and all depths, share that of their quantity."""
    portrayal = band.portrayal
    return (
        f"quantity {portrayal.subject}"
        if portrayal.subject and (portrayal.role in ENDS or portrayal.group == "quantity")
        else band.name
    )


def write_style(path: Path, band: Band, statistics: Statistics, limits: Limits) -> None:
    """Write a QGIS style: classes with their meaning, changes around zero, the rest over the bulk of their values.

    Parameters
    ----------
    path : Path
        Style to write (QML), beside the raster and of its name.
    band : Band
        The map.
    statistics : Statistics
        Of its values.
    limits : (float, float)
        Ends of its colours, in its unit.
    """
    root = ET.Element("qgis", version="3.34", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    if band.classes:
        _add_palette(pipe, band.classes, class_colours(len(band.classes)))
    elif band.is_class and statistics.count:  # a count
        counts = {count: str(count) for count in range(int(statistics.largest) + 1)}
        _add_palette(pipe, counts, ramp(colour_map(band.portrayal, band.unit), max(len(counts), 2)))
    else:
        _add_ramp(pipe, band, limits)
    ET.indent(root)
    write_text(DOCTYPE + ET.tostring(root, encoding="unicode"), path)


def _add_palette(pipe: ET.Element, classes: Mapping[int, str], colours: Sequence[str]) -> None:
    """One colour a class, with its meaning."""
    renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    entries = ET.SubElement(renderer, "colorPalette")
    for colour, (code, label) in zip(colours, classes.items(), strict=False):
        ET.SubElement(entries, "paletteEntry", value=str(code), color=colour, label=label, alpha="255")


def _add_ramp(pipe: ET.Element, band: Band, limits: Limits) -> None:
    """Colours between two round numbers, or symmetric about zero, and a continuous legend with the unit."""
    low, high = limits
    colours = ramp(colour_map(band.portrayal, band.unit), COLOURS)
    if band.portrayal.symmetric:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        low, high = low - 0.5, low + 0.5
    step = round_step(high - low)
    low, high = math.floor(low / step + CLOSE) * step, math.ceil(high / step - CLOSE) * step
    decimals = max(0, -math.floor(math.log10(step)))
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="singlebandpseudocolor", band="1", opacity="1", alphaBand="-1",
        classificationMin=repr(low), classificationMax=repr(high),
    )  # fmt: skip
    shader = ET.SubElement(renderer, "rastershader")
    legend = ET.SubElement(
        shader, "colorrampshader", colorRampType="INTERPOLATED", classificationMode="1", clip="0",
        minimumValue=repr(low), maximumValue=repr(high), labelPrecision="4",
    )  # fmt: skip
    for i, colour in enumerate(colours):
        value = low + (high - low) * i / (len(colours) - 1)
        label = f"{value:.{decimals + 1}f}{_suffix(band)}"
        ET.SubElement(legend, "item", value=repr(value), color=colour, label=label, alpha="255")
    settings = ET.SubElement(
        legend, "rampLegendSettings", useContinuousLegend="1", suffix=_suffix(band), prefix="", minimumLabel="",
        maximumLabel="", direction="0", orientation="2",
    )  # fmt: skip
    options = ET.SubElement(ET.SubElement(settings, "numericFormat", id="basic"), "Option", type="Map")
    for name, kind, value_of in (
        ("decimals", "int", str(decimals)),
        ("rounding_type", "int", "0"),
        ("show_thousand_separator", "bool", "false"),
        ("show_trailing_zeros", "bool", "false"),
    ):
        ET.SubElement(options, "Option", name=name, type=kind, value=value_of)


def _suffix(band: Band) -> str:
    """Unit behind a number; nothing where there is none."""
    return "" if band.unit == "1" else f" {band.unit}"


def round_step(span: float) -> float:
    """Distance of round numbers, of which a span has 10 to 25.

    Examples
    --------
    >>> round_step(30.9), round_step(400.0)
    (2.0, 20.0)
    """
    power = 10.0 ** math.floor(math.log10(span))
    return next(power * part for part in (0.05, 0.1, 0.2, 0.5) if span / (power * part) <= MOST_STEPS)


def limits_of(statistics: Statistics) -> Limits:
    """Bulk of the values: two standard deviations below and above their mean."""
    if not statistics.count:
        return 0.0, 1.0
    low = max(statistics.smallest, statistics.mean - 2 * statistics.sd)
    return low, min(statistics.largest, statistics.mean + 2 * statistics.sd)
