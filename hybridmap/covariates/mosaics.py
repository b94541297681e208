"""Virtual mosaics with gaps: GDAL shows a place that no source covers as 0 where no nodata value is declared."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hybridmap.errors import HybridmapError

LEAST_GAP = 1e-6
"""Share of the pixels that counts as a gap; rectangles of sources may end between pixels."""
SOURCES = ("SimpleSource", "ComplexSource", "AveragedSource", "KernelFilteredSource")


def refuse_gaps(dataset: Any, band: int, label: str) -> None:
    """Raise HybridmapError if the sources of a band of a mosaic cannot cover it.

    Parameters
    ----------
    dataset : rasterio dataset
        Without a nodata value.
    band : int
        Its number, from 1.
    label : str
        Names layer and file.
    """
    if getattr(dataset, "driver", None) != "VRT":
        return
    text = "".join(dataset.tags(ns="xml:VRT").values())
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return
    share = 1.0 - _covered(root, band) / (dataset.width * dataset.height)
    if share > LEAST_GAP:
        raise HybridmapError(
            f"{label}: no source of the mosaic covers {share:.2g} of it, where GDAL reads 0, as it declares no nodata"
            " value; make it with one (gdalbuildvrt -vrtnodata), or add 'nodata: 0' if 0 is no value."
        )


def _covered(root: ElementTree.Element, band: int) -> float:
    """Most pixels that the sources of a band can cover; infinite where they are not said."""
    element = next((e for e in root.findall("VRTRasterBand") if e.get("band", str(band)) == str(band)), None)
    sources = [] if element is None else [source for source in element if source.tag in SOURCES]
    if not sources:
        return float("inf")
    area = 0.0
    for source in sources:
        rectangle = source.find("DstRect")
        if rectangle is None:
            return float("inf")
        area += float(rectangle.get("xSize", "inf")) * float(rectangle.get("ySize", "inf"))
    return area
