"""What a layer brings to a region, in words, before anything is warped."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from hybridmap.config import Raster
from hybridmap.covariates.cells import Cells
from hybridmap.covariates.pixel_locator import Block, Places
from hybridmap.covariates.raster_source import RasterSource, open_source, region_places, some_pixels
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid


def check_layer(layer: Raster, grid: RegionGrid, data_root: str) -> str:
    """Check a layer without warping it.

    Parameters
    ----------
    layer, grid, data_root
        As :func:`hybridmap.covariates.raster_source.open_source`, which also says what is raised.

    Returns
    -------
    str
        Size and bands of the raster, pixels to a cell, what it covers and what is lost, and what to think about.
    """
    with open_source(layer, grid, data_root) as source:
        words = [_size(source), *_pixels_per_cell(source, layer), *_cover(source, layer), *_notes(source, layer)]
        return "; ".join(words)


def _size(source: RasterSource) -> str:
    dataset, band = source.dataset, source.pixels.band
    text = f"{dataset.width} x {dataset.height} pixels of {dataset.dtypes[band - 1]}"
    return text if dataset.count == 1 else f"{text}, band {band} of {dataset.count}"


def _notes(source: RasterSource, layer: Raster) -> list[str]:
    """What the file says that the layer does not follow."""
    dataset, band, notes = source.dataset, source.pixels.band, []
    declared = dataset.scales[band - 1]
    if declared != 1.0 and layer.scale not in (None, declared):
        notes.append(f"'scale' {layer.scale:g} replaces {declared:g} that the file declares")
    is_mean = layer.kind in ("continuous", "average") and layer.equals is None
    if is_mean and dataset.colorinterp[band - 1] == ColorInterp.palette:
        notes.append("it has a table of colours, so its numbers look like classes; use 'classes' or 'kind: mode'")
    return notes


def _pixels_per_cell(source: RasterSource, layer: Raster) -> list[str]:
    """How many pixels lie side by side in a cell in the middle of the region, and what is made of them."""
    grid = source.locator.grid
    row, col = grid.height // 2, grid.width // 2
    across, along = Cells(Block.of(source.locator, range(row, row + 1), range(col, col + 1))).spread_shapes.extent
    number = float(max(across[0, 0], along[0, 0]))
    if not np.isfinite(number):
        return []
    if number <= 1.0:
        return [f"a pixel spans {1 / number:.2g} cells each way"]
    text = f"{number:.2g} pixels to a cell each way"
    use_of = {
        "continuous": "of which it is the mean",
        "average": "of which it is the mean",
        "mode": "of which it is the most frequent",
        "categorical": "of which it is the one at the centre ('kind: mode' takes the most frequent)",
    }
    return [f"{text}, {use_of[layer.kind]}" if number > 1.5 else text]


def _cover(source: RasterSource, layer: Raster) -> list[str]:
    """Share of the region that known pixels cover, and what the others are."""
    places = region_places(source)
    pixels, is_known = some_pixels(source, places)
    in_range = source.pixels.in_range(pixels)
    on_file = _on_file(source, places)
    if layer.missing == "drop" and not (is_known & in_range).any():
        reason = "outside valid_range" if is_known.any() else "nodata"
        raise HybridmapError(
            f"{source.label}: no pixel of the region has a value, all are {reason}; check nodata, valid_range, scale"
            " and offset."
        )
    words = [f"covers {_percent(on_file * float((is_known & in_range).mean()))} of the region"]
    shares_lost = {
        "lies beyond the raster": 1.0 - on_file,
        "is nodata": on_file * float((~is_known).mean()),
        "is outside valid_range": on_file * float((is_known & ~in_range).mean()),
    }
    words += [f"{_percent(share)} {reason}" for reason, share in shares_lost.items() if share > 0]
    return words + _unlisted(pixels[is_known & in_range], layer)


def _on_file(source: RasterSource, places: Places) -> float:
    """Share of the region that lies on the raster."""
    inside = (places.column >= 0) & (places.column <= source.dataset.width)
    inside |= bool(source.around) & np.isfinite(places.column)
    return float((inside & (places.line >= 0) & (places.line <= source.dataset.height)).mean())


def _unlisted(pixels: NDArray[Any], layer: Raster) -> list[str]:
    """Pixels that are in no class."""
    if layer.listed is None or not pixels.size:
        return []
    is_unlisted = ~np.isin(pixels, layer.listed)
    if not is_unlisted.any():
        return []
    values, counts = np.unique(pixels[is_unlisted], return_counts=True)
    most = ", ".join(f"{v:g}" for v in values[np.argsort(-counts)][:5])
    return [f"{_percent(float(is_unlisted.mean()))} of its pixels are in no class of 'classes' ({most})"]


def _percent(share: float) -> str:
    """A share in per cent; what is little is not called nothing, and what is nearly all not all."""
    if share <= 0.0 or share >= 1.0:
        return f"{100 * min(max(share, 0.0), 1.0):.0f}%"
    return "less than 0.1%" if share < 0.001 else f"{min(100 * share, 99.9):.3g}%"
