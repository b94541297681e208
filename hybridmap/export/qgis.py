"""Styles that QGIS applies by itself when it opens a map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from hybridmap.export.band import Band
from hybridmap.export.statistics import Statistics
from hybridmap.files.tables import write_text
from hybridmap.predict.colours import class_colours, colour_map, ramp

COLOURS = 9
"""Of a ramp; QGIS draws those between."""
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def write_style(path: Path, band: Band, statistics: Statistics) -> None:
    """Write a QGIS style: classes with their meaning, changes around zero, the rest over the bulk of their values.

    Parameters
    ----------
    path : Path
        Style to write (QML), beside the raster and of its name.
    band : Band
        The map.
    statistics : Statistics
        Of its values.
    """
    root = ET.Element("qgis", version="3.34", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    if band.classes:
        _add_palette(pipe, band.classes)
    else:
        _add_ramp(pipe, band, statistics)
    ET.indent(root)
    write_text(DOCTYPE + ET.tostring(root, encoding="unicode"), path)


def _add_palette(pipe: ET.Element, classes: Mapping[int, str]) -> None:
    """One colour a class, with its meaning."""
    renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    entries = ET.SubElement(renderer, "colorPalette")
    for colour, (code, label) in zip(class_colours(len(classes)), classes.items(), strict=True):
        ET.SubElement(entries, "paletteEntry", value=str(code), color=colour, label=label, alpha="255")


def _add_ramp(pipe: ET.Element, band: Band, statistics: Statistics) -> None:
    """Colours between two standard deviations below and above the mean, or symmetric about zero."""
    low, high = _limits(statistics)
    colours = ramp(colour_map(band.portrayal, band.unit), COLOURS)
    if band.portrayal.symmetric:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        low, high = low - 0.5, low + 0.5
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
        label = f"{value:.4g} {band.unit}"
        ET.SubElement(legend, "item", value=repr(value), color=colour, label=label, alpha="255")


def _limits(statistics: Statistics) -> tuple[float, float]:
    """Bulk of the values."""
    if not statistics.count:
        return 0.0, 1.0
    low = max(statistics.smallest, statistics.mean - 2 * statistics.sd)
    return low, min(statistics.largest, statistics.mean + 2 * statistics.sd)
