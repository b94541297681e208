"""Styles that QGIS applies by itself when it opens a map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from hybridmap.export.band import Band
from hybridmap.export.statistics import Statistics
from hybridmap.files.tables import write_text
from hybridmap.predict.colour_range import Limits, round_step
from hybridmap.predict.colours import class_colours, colour_map, ramp

COLOURS = 9
"""Of a ramp; QGIS draws those between."""
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def write_style(path: Path, band: Band, statistics: Statistics, limits: Limits) -> None:
    """Write a QGIS style: classes with their meaning, counts, and colours over a range.

    Parameters
    ----------
    path : Path
        Style to write (QML), beside the raster and of its name.
    band : Band
        The map.
    statistics : Statistics
        Of its values.
    limits : (float, float)
        Ends of its colours, in its unit, as :func:`hybridmap.predict.colour_range.rounded` gives them.
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
    """Colours between two numbers, and a continuous legend with the unit."""
    low, high = limits
    colours = ramp(colour_map(band.portrayal, band.unit), COLOURS)
    decimals = max(0, -math.floor(math.log10(round_step(high - low))))
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


def limits_of(statistics: Statistics) -> Limits:
    """Bulk of the values: two standard deviations below and above their mean."""
    if not statistics.count:
        return 0.0, 1.0
    low = max(statistics.smallest, statistics.mean - 2 * statistics.sd)
    return low, min(statistics.largest, statistics.mean + 2 * statistics.sd)
