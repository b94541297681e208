"""Whether a GeoTIFF that was just written is whole."""

from __future__ import annotations

from pathlib import Path

import rasterio
from rasterio.errors import RasterioIOError


def is_cut_off(path: Path) -> bool:
    """Whether a file ends before its last tile, or before its head: GDAL closes one on a full disk without a word."""
    size = path.stat().st_size
    try:
        with rasterio.open(path) as file:
            for (y, x), _ in file.block_windows(1):
                start, length = (file.get_tag_item(f"BLOCK_{of}_{x}_{y}", "TIFF", bidx=1) for of in ("OFFSET", "SIZE"))
                if start and int(start) + int(length) > size:
                    return True
    except RasterioIOError:
        return True
    return False
