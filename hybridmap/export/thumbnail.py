"""A small picture of the main map of an experiment, for catalogues."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from hybridmap.files.tables import write_bytes
from hybridmap.predict.colours import colour_map
from hybridmap.predict.portrayal import Portrayal

EDGE_PIXELS = 512
"""Largest edge of the picture."""
BULK = (0.02, 0.98)
"""Shares of the pixels whose values have the end colours."""


def write_thumbnail(entries: Sequence[Mapping[str, Any]], folder: Path, path: Path) -> None:
    """Draw the first quantity that has a raster; without any the picture is one transparent pixel.

    Parameters
    ----------
    entries : sequence of mapping
        The list of maps.
    folder : Path
        Which the files of the list are relative to.
    path : Path
        Picture to write (PNG), without a date or a version in it.
    """
    from matplotlib import colormaps
    from matplotlib.image import imsave

    entry = main_map(entries)
    values = np.ma.masked_invalid([[np.nan]]) if entry is None else _reduced(folder / entry["file"])
    valid = values.compressed()
    low, high = np.quantile(valid, BULK) if valid.size else (0.0, 1.0)
    name = colour_map(Portrayal.of(entry), entry["units"]) if entry else Portrayal().colours
    stream = io.BytesIO()
    imsave(
        stream, values, vmin=low, vmax=max(high, low + 1e-9), cmap=colormaps[name], format="png",
        metadata={"Software": "hybridmap"},
    )  # fmt: skip
    write_bytes(stream.getvalue(), path)


def main_map(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the map that a picture shows: of those with a raster the first quantity, or else the first continuous one.

    Examples
    --------
    >>> clay = {"name": "clay", "file": "clay.tif", "type": "float32"}
    >>> main_map([clay, {**clay, "name": "soc", "figure_group": "quantity"}])["name"]
    'soc'
    """
    rasters = [entry for entry in entries if entry["file"] and entry["type"] != "uint8"]
    return min(rasters, key=_place, default=None)


def _place(entry: Mapping[str, Any]) -> tuple[bool, int]:
    portrayal = Portrayal.of(entry)
    return portrayal.group != "quantity", portrayal.rank


def _reduced(path: Path) -> np.ma.MaskedArray[Any, np.dtype[np.float64]]:
    """Values of a raster in its unit, averaged to the size of the picture."""
    with rasterio.open(path) as file:
        step = max(1.0, max(file.height, file.width) / EDGE_PIXELS)
        shape = (max(1, round(file.height / step)), max(1, round(file.width / step)))
        stored: NDArray[Any] = file.read(1, out_shape=shape, masked=True, resampling=Resampling.average)
        return np.ma.masked_invalid(stored.astype("float64") * file.scales[0] + file.offsets[0])
