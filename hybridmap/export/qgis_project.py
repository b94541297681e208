"""A QGIS project of all maps of an experiment, in groups and with their styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from hybridmap.export.catalog import relative_href
from hybridmap.export.qgis import DOCTYPE
from hybridmap.export.qgis_metadata import VERSION, add_crs
from hybridmap.export.thumbnail import main_map
from hybridmap.files.reading import read_json
from hybridmap.files.tables import write_text
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.predict.colours import CARBON_UNITS
from hybridmap.predict.portrayal import Portrayal

GROUPS = {
    "quantity": "Pools",
    "interval": "Intervals",
    "parameter": "Parameters",
    "trust": "Applicability",
    "scenario": "Scenarios",
    "diagnostic": "Diagnostics",
}
"""Groups of layers, from the top, by the group of a map in figures."""
CHECKED = {True: "Qt::Checked", False: "Qt::Unchecked"}
IDENTIFIER = "hybridmap_{name}"
"""Of a layer: QGIS gives those of up to ten characters another one."""
Entry = Mapping[str, Any]


def write_project(title: str, grid: RegionGrid, summary: Path, path: Path) -> None:
    """Write a project that shows the main map and holds all others; without rasters it holds no layers.

    Parameters
    ----------
    title : str
        Of the project.
    grid : RegionGrid
        Of the maps.
    summary : Path
        The list of maps; styles and metadata lie beside their rasters.
    path : Path
        Project to write (QGS); paths in it are relative to its folder.
    """
    entries = [entry for entry in read_json(summary) if entry["file"]]
    root = ET.Element("qgis", version=VERSION, projectname=title)
    ET.SubElement(root, "title").text = title
    add_crs(ET.SubElement(root, "projectCrs"), grid.crs)
    _add_tree(root, entries, summary.parent, path.parent)
    _add_canvas(root, grid)
    layers = ET.SubElement(root, "projectlayers")
    for entry in entries:
        _add_layer(layers, entry, grid, summary.parent, path.parent)
    properties = ET.SubElement(root, "properties")
    ET.SubElement(ET.SubElement(properties, "Paths"), "Absolute", type="bool").text = "false"
    ET.SubElement(ET.SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", type="int").text = "1"
    ET.indent(root)
    write_text(DOCTYPE + ET.tostring(root, encoding="unicode"), path)


def group_of(entry: Entry) -> str:
    """Return the group of a map; those that are in no figure go by their unit and type.

    Examples
    --------
    >>> group_of({"units": "kg m-2", "type": "float32"}), group_of({"units": "1", "type": "uint8"})
    ('Pools', 'Applicability')
    """
    plain = "Pools" if entry["units"] in CARBON_UNITS else "Diagnostics"
    return GROUPS.get(Portrayal.of(entry).group) or ("Applicability" if entry["type"] == "uint8" else plain)


def _add_tree(root: ET.Element, entries: Sequence[Entry], base: Path, folder: Path) -> None:
    """The groups; of all layers the main one is shown."""
    tree, main = ET.SubElement(root, "layer-tree-group"), main_map(entries)
    for name in GROUPS.values():
        layers = sorted((e for e in entries if group_of(e) == name), key=_place)
        if not layers:
            continue
        is_shown = main in layers
        group = ET.SubElement(
            tree, "layer-tree-group", name=name, checked=CHECKED[is_shown], expanded=str(int(is_shown))
        )
        for entry in layers:
            ET.SubElement(
                group, "layer-tree-layer", id=IDENTIFIER.format(**entry), name=_title(entry), providerKey="gdal",
                source=relative_href(base / entry["file"], folder), checked=CHECKED[entry == main], expanded="1",
            )  # fmt: skip


def _place(entry: Entry) -> tuple[bool, int, str]:
    portrayal = Portrayal.of(entry)
    return not portrayal.group, portrayal.rank, entry["name"]


def _title(entry: Entry) -> str:
    unit = "" if entry["units"] == "1" else f" ({entry['units']})"
    return f"{entry['long_name']}{unit}"


def _add_canvas(root: ET.Element, grid: RegionGrid) -> None:
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas")
    extent = ET.SubElement(canvas, "extent")
    for tag, end in zip(("xmin", "ymin", "xmax", "ymax"), grid.bounds, strict=True):
        ET.SubElement(extent, tag).text = f"{end:.12g}"
    add_crs(ET.SubElement(canvas, "destinationsrs"), grid.crs)


def _add_layer(layers: ET.Element, entry: Entry, grid: RegionGrid, base: Path, folder: Path) -> None:
    """A raster with its style."""
    raster = base / entry["file"]
    layer = ET.SubElement(layers, "maplayer", type="raster")
    texts = {
        "id": IDENTIFIER.format(**entry),
        "datasource": relative_href(raster, folder),
        "layername": _title(entry),
        "provider": "gdal",
    }
    for tag, text in texts.items():
        ET.SubElement(layer, tag).text = text
    add_crs(ET.SubElement(layer, "srs"), grid.crs)
    ET.SubElement(layer, "resourceMetadata").extend(ET.parse(raster.with_suffix(".qmd")).getroot())
    layer.extend(ET.parse(raster.with_suffix(".qml")).getroot())
