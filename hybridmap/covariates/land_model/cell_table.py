"""The forcing table that ``clm5_interval`` looks up, and the raster of the numbers of its cells: one schema."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.files.disk import room_for

LOG = logging.getLogger("hybridmap")


def write_cell_table(
    out: Path,
    forcing: Mapping[str, NDArray[Any]],
    places: tuple[NDArray[Any], NDArray[Any]],
    number: NDArray[np.int32],
    georeference: Any,
) -> None:
    """Write table and raster; the table comes last, so that it is there only with its raster.

    Parameters
    ----------
    out : Path
        Numpy archive to write; the raster goes to ``{out stem}_cell.tif`` beside it.
    forcing : mapping of str to array
        Each (cell, month) or (cell, layer, month).
    places : pair of array, shape (cell,)
        Longitude and latitude [degrees].
    number : array, shape (row, column)
        Number of the cell from the north, -1 where there is none.
    georeference : mapping
        ``crs`` and ``transform`` of the raster, as rasterio takes them.
    """
    partial = out.with_name(out.stem + ".partial.npz")
    out.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: values.astype("float32") for name, values in forcing.items()}
    with room_for(out):
        np.savez(partial, lon=places[0], lat=places[1], **arrays)
    raster = out.with_name(out.stem + "_cell.tif")
    _write_cell_numbers(raster, number, georeference)
    partial.replace(out)
    LOG.info(
        "%d forcings at %d cells of the land model; raster of their numbers: %s", len(forcing), len(places[0]), raster
    )


def _write_cell_numbers(path: Path, number: NDArray[np.int32], georeference: Any) -> None:
    import rasterio

    partial = path.with_suffix(".tif.partial")
    with rasterio.open(
        partial, "w", driver="GTiff", height=number.shape[0], width=number.shape[1], count=1, dtype="int32",
        nodata=-1, compress="deflate", **georeference,
    ) as file:  # fmt: skip
        file.write(number, 1)
        file.set_band_description(1, "clm5_cell")
    partial.replace(path)
