"""Rasters whose pixels have no place that a transform tells: said by kind, never taken for pixels of a degree."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

from rasterio.transform import Affine

from hybridmap.errors import HybridmapError

NETCDF = Lock()
"""The NetCDF library is not made for several threads."""
REMEDY = "make a raster on a regular grid of it first"
NAMES = {
    "latitude": ("lat", "latitude", "nav_lat"),
    "longitude": ("lon", "longitude", "nav_lon"),
    "grid_latitude": ("rlat",),
    "grid_longitude": ("rlon",),
}
"""Names of the axes where no attribute says what they are."""
UNITS = {
    **dict.fromkeys(("degrees_north", "degree_north", "degrees_n", "degree_n"), "latitude"),
    **dict.fromkeys(("degrees_east", "degree_east", "degrees_e", "degree_e"), "longitude"),
}


def refuse_unplaced(dataset: Any, axes: tuple[str, str] | None, label: str) -> None:
    """Raise HybridmapError unless the pixels of a raster have a place on the ground.

    Parameters
    ----------
    dataset : rasterio dataset
        The file, or a variable of it.
    axes : tuple of str, or None
        What lines and columns are, of :func:`axes_of`.
    label : str
        Names layer and file.
    """
    if axes is not None and ("time" in axes or (axes[0].endswith("longitude") and not axes[1].endswith("longitude"))):
        _refuse_order(axes, label)
    if axes is not None and "grid_longitude" in axes and not dataset.crs:
        raise HybridmapError(
            f"{label}: its axes are degrees about a rotated pole, for which GDAL finds no coordinate reference system;"
            f" {REMEDY} (cdo remapbil)."
        )
    if dataset.transform != Affine.identity():
        return
    raise HybridmapError(f"{label}: {_kind(dataset, axes)}; 'crs' alone does not help.")


def _refuse_order(axes: tuple[str, str], label: str) -> None:
    are = "its axes are swapped, " if axes[1].endswith("latitude") else ""
    raise HybridmapError(
        f"{label}: {are}lines are {axes[0]} and columns {axes[1]}; transpose the variable to (latitude, longitude), for"
        " example with 'ncpdq -a lat,lon'."
    )


def _kind(dataset: Any, axes: tuple[str, str] | None) -> str:
    if dataset.gcps[0]:
        return f"its pixels are placed by {len(dataset.gcps[0])} ground control points; {REMEDY} (gdalwarp)"
    if dataset.rpcs:
        return f"its pixels are placed by polynomials of a camera (RPC); {REMEDY} (gdalwarp -rpc)"
    if axes is not None and min(dataset.width, dataset.height) == 1:
        size = f"{dataset.width} x {dataset.height} pixels"
        return f"it is {size}, so that its axes do not say how large they are; give a GeoTIFF with its corners"
    if axes is not None and not any(axis.endswith(("latitude", "longitude")) for axis in axes):
        text = f"its axes ({axes[0]}, {axes[1]}) are uneven, or do not say by 'standard_name' what they are"
        return f"{text}; correct the attributes (ncatted), or {REMEDY} (cdo remapbil)"
    if axes is not None:
        return f"the steps of its axes ({axes[0]}, {axes[1]}) are uneven; {REMEDY} (cdo remapbil)"
    if dataset.tags(ns="GEOLOCATION"):
        return f"it is curvilinear, each pixel has a longitude and a latitude of its own; {REMEDY} (gdalwarp -geoloc)"
    return "the file does not say where its pixels lie (no geotransform); assign corners to it (gdal_edit -a_ullr)"


def axes_of(name: str, variable: str | None) -> tuple[str, str] | None:
    """What lines and columns of a variable of a NetCDF file are: names of axes of the CF conventions, or of dimensions.

    None where the file is none or has no coordinates of its last two dimensions.
    """
    import netCDF4

    if variable is None or name.startswith("/vsi") or not Path(name).is_file():
        return None
    try:
        with NETCDF, netCDF4.Dataset(name) as file:
            array = file[variable]
            groups = [array.group()]
            while groups[-1].parent is not None:
                groups.append(groups[-1].parent)
            coordinates = [_coordinate(groups, dimension) for dimension in array.dimensions[-2:]]
            kinds = [axis_kind(c.name, {k: c.getncattr(k) for k in c.ncattrs()}) for c in coordinates if c is not None]
    except (OSError, KeyError, IndexError, RuntimeError, AttributeError):
        return None
    return (kinds[0], kinds[1]) if len(kinds) == 2 else None


def _coordinate(groups: list[Any], dimension: str) -> Any:
    """The variable of one dimension that has its name, of the innermost group."""
    return next((g.variables[dimension] for g in groups if dimension in g.variables), None)


def axis_kind(name: str, attributes: dict[str, Any]) -> str:
    """What an axis is, in a word of the CF conventions where it says so, else its own name."""
    standard, units = str(attributes.get("standard_name", "")), str(attributes.get("units", "")).lower()
    if standard:
        return standard
    if units in UNITS:
        return UNITS[units]
    return next((kind for kind, names in NAMES.items() if name.lower() in names), name)
