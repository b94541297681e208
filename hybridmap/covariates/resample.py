"""Pixels to cells: means over the area of a cell, the nearest pixel, or the class of the largest area.

A mean is taken over the area of the cell, or over a window of the size of a pixel where that is larger (which is
bilinear interpolation at the centre). The window of a cell follows from that cell and the pixels under it
alone, so that a value does not depend on what else is warped with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridmap.covariates.area_means import area_sums
from hybridmap.covariates.cells import ALIGNED, Cells
from hybridmap.covariates.pixels import Field, Pixels, nearest

MOST_SAMPLES = 32
"""Samples of classes along a side of a cell."""
AT_ONCE = 4_000_000
"""Samples of classes that are sorted at a time."""
LEAST = 1e-6
"""Share of a cell below which nothing of it counts as known."""


def resampled(pixels: Pixels, cells: Cells, kind: str, min_share: float) -> Field:
    """Values of cells; those of bent ones are not to be used, but for the nearest pixel.

    Parameters
    ----------
    pixels : Pixels
        All under the cells, and one more at each side where the raster has them.
    cells : Cells
        Where the cells lie.
    kind : str
        ``continuous``, ``average``, ``categorical`` or ``mode``.
    min_share : float
        Least share of known pixels for a value.

    Returns
    -------
    array, shape (row, column), float32
        NaN where unknown.
    """
    if not pixels.is_known.any():
        return np.full((len(cells.block.rows), len(cells.block.columns)), np.nan, dtype="float32")
    if kind == "categorical":
        return nearest(pixels, cells.centre)
    if kind == "mode":
        return _mode(pixels, cells, min_share)
    total, weight = area_sums(pixels, cells, kind == "continuous")
    if weight is None:
        return np.asarray(total, dtype="float32")
    values = means(total, weight, min_share)
    if kind == "continuous":
        # As the pixel at the centre decides where a pixel is larger, coasts stay where the raster has them.
        values[_is_coast(pixels, cells)] = np.nan
    return values


def means(total: Any, weight: Any, min_share: float) -> Field:
    """Sums of values over sums of weights.

    Parameters
    ----------
    total, weight : array
        Of known pixels.
    min_share : float
        Least weight for a value.

    Returns
    -------
    array, float32
        NaN where the weight is less.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weight < max(min_share - LEAST, LEAST), np.nan, total / weight).astype("float32")


def _is_coast(pixels: Pixels, cells: Cells) -> Any:
    """Cells no larger than a pixel whose centre lies on an unknown one, shape (row, column)."""
    across, along = cells.most
    if across > 1.0 or along > 1.0:
        across, along = cells.shapes.extent  # type: ignore[assignment]
    is_unknown = np.isnan(nearest(pixels, cells.centre))
    return is_unknown & (across <= 1.0 + ALIGNED) & (along <= 1.0 + ALIGNED)


def _mode(pixels: Pixels, cells: Cells, min_share: float) -> Field:
    """Class of the largest area of each cell, the smallest of those with the same."""
    across, along = cells.shapes.extent
    finest = np.nan_to_num(np.maximum(across, along), nan=1.0)
    samples = np.clip(2 * np.ceil(finest - ALIGNED), 1, MOST_SAMPLES).astype(int)
    out = np.full(samples.shape, np.nan, dtype="float32")
    for count in np.unique(samples):
        flat = np.flatnonzero(samples == count)
        for part in np.array_split(flat, -(-flat.size * count**2 // AT_ONCE)):
            selected = np.zeros(samples.shape, dtype=np.bool_)
            selected.flat[part] = True
            offsets = (np.arange(count) + 0.5) / count
            drawn_classes = [nearest(pixels, cells.points(down, offsets, selected)) for down in offsets]
            out[selected] = most_frequent(np.concatenate(drawn_classes), min_share)
    return out


def most_frequent(drawn_classes: Field, min_share: float) -> Field:
    """Most frequent value along the first axis, the smallest of those; NaN where too few are known."""
    drawn_classes = np.sort(drawn_classes, axis=0)
    best, longest = drawn_classes[0].copy(), np.zeros(drawn_classes.shape[1], dtype=int)
    run = np.zeros_like(longest)
    for k, values in enumerate(drawn_classes):
        run = np.where(values == drawn_classes[max(k - 1, 0)], run + 1, np.where(np.isnan(values), 0, 1))
        better = run > longest
        best[better], longest[better] = values[better], run[better]
    share = np.isfinite(drawn_classes).mean(axis=0)
    return np.where((share > 0) & (share >= min_share - LEAST), best, np.nan).astype("float32")
