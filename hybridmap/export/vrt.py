"""A virtual raster over the pieces of a large map, so that GIS programs show them as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from hybridmap.export.band import Band
from hybridmap.files.tables import write_text
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile

GDAL_TYPES = {"float32": "Float32", "int16": "Int16", "uint8": "Byte"}


def write_vrt(path: Path, files: Mapping[Tile, Path], grid: RegionGrid, band: Band) -> None:
    """Write a GDAL virtual raster over files, with paths relative to it.

    Parameters
    ----------
    path : Path
        VRT to write.
    files : mapping of Tile to Path
        Where each piece lies.
    grid : RegionGrid
        Of the whole map.
    band : Band
        The map.
    """
    left, size, _, top, _, _ = grid.transform().to_gdal()
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    ET.SubElement(
        root, "SRS", dataAxisToSRSAxisMapping="2,1" if grid.crs.is_geographic else "1,2"
    ).text = grid.crs.to_wkt()
    ET.SubElement(root, "GeoTransform").text = f"{left!r}, {size!r}, 0.0, {top!r}, 0.0, {-size!r}"
    element = ET.SubElement(root, "VRTRasterBand", dataType=GDAL_TYPES[band.dtype], band="1")
    for tag, text in (
        ("Description", band.name),
        ("UnitType", band.unit),
        ("NoDataValue", f"{band.nodata:g}"),
        ("Scale", str(band.scale)),
        ("Offset", str(band.offset)),
    ):
        ET.SubElement(element, tag).text = text
    for tile, file in files.items():
        source = ET.SubElement(element, "ComplexSource")
        ET.SubElement(source, "SourceFilename", relativeToVRT="1").text = file.relative_to(path.parent).as_posix()
        ET.SubElement(source, "SourceBand").text = "1"
        rows, cols = tile.row1 - tile.row0, tile.col1 - tile.col0
        ET.SubElement(source, "SrcRect", xOff="0", yOff="0", xSize=str(cols), ySize=str(rows))
        ET.SubElement(source, "DstRect", xOff=str(tile.col0), yOff=str(tile.row0), xSize=str(cols), ySize=str(rows))
        ET.SubElement(source, "NODATA").text = f"{band.nodata:g}"
    ET.indent(root)
    write_text(ET.tostring(root, encoding="unicode"), path)
