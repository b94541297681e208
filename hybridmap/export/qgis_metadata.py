"""Metadata that QGIS shows of a raster by itself: what it is, where it comes from, and what it may be used for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from pyproj import CRS

from hybridmap.export.band import Band
from hybridmap.export.qgis import DOCTYPE
from hybridmap.files.tables import write_text
from hybridmap.grid.region_grid import RegionGrid

VERSION = "3.22.0"
"""Of QGIS, whose files these are; later ones read them."""


def write_metadata(path: Path, band: Band, about: Mapping[str, str], grid: RegionGrid) -> None:
    """Write the metadata of one raster.

    Parameters
    ----------
    path : Path
        Metadata to write (QMD), beside the raster and of its name.
    band : Band
        The map.
    about : mapping of str to str
        What every file of the store repeats, such as ``TITLE`` and ``LICENSE``.
    grid : RegionGrid
        Of the map.
    """
    root, name = ET.Element("qgis", version=VERSION), str(band.attributes["long_name"])
    years = about.get("YEARS_OF_OBSERVATIONS", "")
    sentences = (f"{name} ({band.unit})", about.get("TITLE"), about.get("SOURCE"), years and f"observations of {years}")
    texts = {
        "identifier": band.name,
        "language": "ENG",
        "type": "dataset",
        "title": f"{name}, {about['TITLE']}" if "TITLE" in about else name,
        "abstract": "; ".join(filter(None, sentences)),
        "history": about.get("HISTORY", ""),
        "license": about.get("LICENSE", ""),
    }
    for tag, text in filter(all, texts.items()):
        ET.SubElement(root, tag).text = text
    add_crs(ET.SubElement(root, "crs"), grid.crs)
    ends = (f"{end:.12g}" for end in grid.bounds)
    west, south, east, north = ends
    code = ":".join(grid.crs.to_authority() or ())
    ET.SubElement(
        ET.SubElement(root, "extent"), "spatial",
        crs=code, minx=west, miny=south, maxx=east, maxy=north, minz="0", maxz="0", dimensions="2",
    )  # fmt: skip
    ET.indent(root)
    write_text(DOCTYPE + ET.tostring(root, encoding="unicode"), path)


def add_crs(parent: ET.Element, crs: CRS) -> None:
    """Add a coordinate system, by its code where it has one, and as WKT."""
    system = ET.SubElement(parent, "spatialrefsys", nativeFormat="Wkt")
    ET.SubElement(system, "wkt").text = crs.to_wkt()
    ET.SubElement(system, "authid").text = ":".join(crs.to_authority() or ())
