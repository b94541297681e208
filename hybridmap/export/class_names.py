"""Names of the classes of a raster, where GDAL looks for them: R and QGIS then show words instead of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from hybridmap.files.tables import write_text


def write_class_names(path: Path, classes: Mapping[int, str]) -> None:
    """Write GDAL's list of category names.

    Parameters
    ----------
    path : Path
        ``{raster}.aux.xml``; a GeoTIFF has no place of its own for them.
    classes : mapping of int to str
        Code → meaning; codes between them that mean nothing have an empty name.
    """
    root = ET.Element("PAMDataset")
    names = ET.SubElement(ET.SubElement(root, "PAMRasterBand", band="1"), "CategoryNames")
    for code in range(max(classes) + 1):
        ET.SubElement(names, "Category").text = classes.get(code, "")
    ET.indent(root)
    write_text(ET.tostring(root, encoding="unicode"), path)
