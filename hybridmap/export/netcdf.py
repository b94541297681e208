"""All maps of an experiment in one NetCDF file, for programs that read no Zarr."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from hybridmap.grid.depth_axis import GRID_ARRAYS
from hybridmap.grid.verified_store import open_verified
from hybridmap.predict.portrayal import PREFIX

COMPRESSED = {"zlib": True, "complevel": 4, "shuffle": True}


def write_netcdf(store: Path, out: Path) -> None:
    """Copy the maps of a store as they are stored, packed ones packed, with their CF attributes.

    Parameters
    ----------
    store : Path
        ``maps.zarr``.
    out : Path
        NetCDF-4 file to write, whole or not at all.
    """
    root = open_verified(store)
    maps = [name for name in sorted(root.array_keys()) if name not in GRID_ARRAYS]
    axes = [name for name in GRID_ARRAYS if name in root]
    variables = {name: _variable(root[name]) for name in (*axes, *maps)}
    about = {key: value for key, value in root.attrs.items() if key != "consolidated_metadata"}
    partial = out.with_name(out.name + ".partial")
    partial.unlink(missing_ok=True)
    encoding: dict[str, dict[str, Any]] = dict.fromkeys(maps, COMPRESSED)
    encoding |= {name: {"_FillValue": None} for name in axes}
    scalars = [name for name in axes if variables[name].ndim == 0 and name != "spatial_ref"]
    if scalars:
        for name in maps:
            variables[name].attrs["coordinates"] = " ".join(scalars)
    try:
        xr.Dataset(variables, attrs=about).to_netcdf(partial, format="NETCDF4", encoding=encoding)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def _variable(array: zarr.Array[Any] | Any) -> xr.Variable:
    """An array with its attributes, those of flags in the type of its values."""
    attributes = {k: v for k, v in array.attrs.items() if not k.startswith(PREFIX)}
    fill = attributes.get("_FillValue", np.nan if array.dtype.kind == "f" and array.ndim >= 2 else None)
    typed: Mapping[str, NDArray[Any]] = {
        key: np.asarray(value, array.dtype)
        for key, value in (("flag_values", attributes.get("flag_values")), ("_FillValue", fill))
        if value is not None
    }
    dims = getattr(array.metadata, "dimension_names", None) or ()
    return xr.Variable(dims, np.asarray(array[...]), {**attributes, **typed})
