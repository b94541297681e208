"""Styles that QGIS applies by itself when it opens a map, and the statistics that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from hybridmap.files.tables import write_text

CARBON = ("#ffffe5", "#fee391", "#fe9929", "#cc4c02", "#662506")
OTHER = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
CHANGE = ("#8c510a", "#dfc27d", "#f5f5f5", "#80cdc1", "#01665e")
CLASSES = ("#b3472a", "#1f6f8b", "#d98b2b", "#5a8f3d", "#8b4f9f")


@dataclass(frozen=True)
class Statistics:
    """Count, sum, sum of squares, smallest and largest of the known values of a map, in its unit."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    smallest: float = np.inf
    largest: float = -np.inf

    @classmethod
    def of(cls, known: NDArray[np.float64]) -> Statistics:
        """Of an array of known values."""
        if not known.size:
            return cls()
        return cls(known.size, float(known.sum()), float((known**2).sum()), float(known.min()), float(known.max()))

    def merged(self, other: Statistics) -> Statistics:
        """Of both together."""
        return Statistics(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            min(self.smallest, other.smallest),
            max(self.largest, other.largest),
        )

    @property
    def mean(self) -> float:
        """Mean."""
        return self.total / max(self.count, 1)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(max(self.squares / max(self.count, 1) - self.mean**2, 0.0)))

    def tags(self, scale: float) -> dict[str, str]:
        """GDAL's statistics, in stored units as it wants them."""
        values = {"MINIMUM": self.smallest, "MAXIMUM": self.largest, "MEAN": self.mean, "STDDEV": self.sd}
        return {f"STATISTICS_{key}": repr(value / scale) for key, value in values.items()}


def write_style(path: Path, about: Mapping[str, Any], statistics: Statistics, name: str) -> None:
    """Write a QGIS style: classes with their meaning, changes around zero, the rest over the bulk of their values."""
    root = ET.Element("qgis", version="3.34", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    if "flag_values" in about:
        renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
        entries = ET.SubElement(renderer, "colorPalette")
        for i, (code, text) in enumerate(zip(about["flag_values"], about["flag_meanings"].split(), strict=True)):
            label = text.replace("_", " ")
            ET.SubElement(entries, "paletteEntry", value=str(code), color=CLASSES[i % 5], label=label, alpha="255")
    else:
        low = max(statistics.smallest, statistics.mean - 2 * statistics.sd) if statistics.count else 0.0
        high = min(statistics.largest, statistics.mean + 2 * statistics.sd) if statistics.count else 1.0
        colours = CARBON if str(about["units"]) in ("kg m-3", "kg m-2") else OTHER
        if "_change_" in name:
            high = max(abs(low), abs(high))
            low, colours = -high, CHANGE
        if not high > low:
            low, high = low - 0.5, low + 0.5
        renderer = ET.SubElement(
            pipe, "rasterrenderer", type="singlebandpseudocolor", band="1", opacity="1", alphaBand="-1",
            classificationMin=repr(low), classificationMax=repr(high),
        )  # fmt: skip
        shader = ET.SubElement(renderer, "rastershader")
        ramp = ET.SubElement(
            shader, "colorrampshader", colorRampType="INTERPOLATED", classificationMode="1", clip="0",
            minimumValue=repr(low), maximumValue=repr(high), labelPrecision="4",
        )  # fmt: skip
        for place, colour in enumerate(colours):
            value = low + (high - low) * place / (len(colours) - 1)
            label = f"{value:.4g} {about['units']}"
            ET.SubElement(ramp, "item", value=repr(value), color=colour, label=label, alpha="255")
    ET.indent(root)
    write_text(
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode"), path
    )
