"""The outline of a grid in degrees, and what a store says of where it lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from hybridmap.grid.region_grid import RegionGrid

EDGE_POINTS = 50
"""Points along each edge of the grid when its outline is carried to degrees."""


def outline(grid: RegionGrid) -> tuple[dict[str, Any], list[float]]:
    """GeoJSON geometry and bounding box of the grid in degrees; cut in two where it crosses the antimeridian."""
    ring = _ring(grid)
    bbox = _box_of(ring)
    low, high = float(ring[:, 0].min()), float(ring[:, 0].max())
    rounded = ring.round(6)
    if low >= -180.0 and high <= 180.0:
        return {"type": "Polygon", "coordinates": [[*rounded.tolist(), rounded[0].tolist()]]}, bbox
    from shapely import Polygon, box, union_all
    from shapely.affinity import translate
    from shapely.geometry import mapping

    whole = Polygon(rounded)
    pieces = [translate(whole.intersection(box(-180 + k, -90, 180 + k, 90)), -k) for k in (-360, 0, 360)]
    return dict(mapping(union_all([piece for piece in pieces if not piece.is_empty]))), bbox


def place_attributes(grid: RegionGrid) -> dict[str, str | float]:
    """Where a grid lies, by ACDD's names: the box around it in degrees; nothing where a corner is off the globe.

    Examples
    --------
    >>> from pyproj import CRS
    >>> place = place_attributes(RegionGrid(CRS.from_epsg(4326), 5.0, 50.0, 0.5, 4, 2))
    >>> place["geospatial_lat_min"], place["geospatial_bounds"]
    (49.0, 'POLYGON ((49 5, 49 7, 50 7, 50 5, 49 5))')
    """
    ring = _ring(grid)
    if not np.isfinite(ring).all():
        return {}
    west, south, east, north = _box_of(ring)
    box: dict[str, str | float] = {
        "geospatial_lat_min": south,
        "geospatial_lat_max": north,
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": west,
        "geospatial_lon_max": east,
        "geospatial_lon_units": "degrees_east",
    }
    if west >= east:  # a polygon across 180 degrees would be the rest of the globe
        return box
    corners = [(south, west), (south, east), (north, east), (north, west), (south, west)]
    text = ", ".join(f"{latitude:.9g} {longitude:.9g}" for latitude, longitude in corners)
    return box | {"geospatial_bounds": f"POLYGON (({text}))", "geospatial_bounds_crs": "EPSG:4326"}


def _ring(grid: RegionGrid) -> NDArray[np.float64]:
    """Longitude and latitude along the edge, continuous also across 180 degrees."""
    west, south, east, north = grid.bounds
    along = np.linspace(0.0, 1.0, EDGE_POINTS)
    x = np.concatenate([west + along * (east - west), np.full(EDGE_POINTS, east),
                        east - along * (east - west), np.full(EDGE_POINTS, west)])  # fmt: skip
    y = np.concatenate([np.full(EDGE_POINTS, north), north - along * (north - south),
                        np.full(EDGE_POINTS, south), south + along * (north - south)])  # fmt: skip
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    turned = np.rad2deg(np.unwrap(np.deg2rad(lon)))
    turned -= 360.0 * np.floor((turned.mean() + 180.0) / 360.0)
    return np.column_stack([turned, lat])


def _box_of(ring: NDArray[np.float64]) -> list[float]:
    """West, south, east, north; west is east of east where the box crosses 180 degrees."""
    low, high = float(ring[:, 0].min()), float(ring[:, 0].max())
    return [_wrapped(low), float(ring[:, 1].min()), _wrapped(high), float(ring[:, 1].max())]


def _wrapped(longitude: float) -> float:
    return float((longitude + 180.0) % 360.0 - 180.0) if abs(longitude) > 180.0 else longitude
