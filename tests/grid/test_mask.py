"""Polygons of every kind on a grid: holes, other units, turns around the Earth, polar caps, and what has no area."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
from numpy.typing import NDArray
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from hybridmap.errors import HybridmapError
from hybridmap.grid.mask import read_named_polygons, region_mask
from hybridmap.grid.region_grid import RegionGrid

DEGREES = RegionGrid(pyproj.CRS(4326), 10.0, 50.0, 0.5, 10, 10)
ALASKA = RegionGrid(pyproj.CRS(3338), -2200000.0, 1200000.0, 50000.0, 52, 16)
ARCTIC = RegionGrid(pyproj.CRS(3995), -3e6, 3e6, 1e5, 60, 60)
ANTARCTIC = RegionGrid(pyproj.CRS(3031), -3e6, 3e6, 1e5, 60, 60)
PENNSYLVANIA = RegionGrid(pyproj.CRS(4326), -76.0, 41.0, 0.05, 20, 20)
RING = Polygon(box(10, 45, 15, 50).exterior.coords, [list(box(11.1, 46.1, 13.9, 48.9).exterior.coords)])
Inside = Callable[[Any, Any], Any]


def around_180(lon: Any, lat: Any) -> Any:
    return (lon % 360 > 175) & (lon % 360 < 185) & (lat > 50) & (lat < 60)


CASES: dict[str, tuple[Any, int, RegionGrid, Inside | None]] = {
    "hole": (RING, 4326, DEGREES, lambda x, y: ~((x > 11.1) & (x < 13.9) & (y > 46.1) & (y < 48.9))),
    "collection": (GeometryCollection([box(10, 45, 12, 50), Point(14, 47)]), 4326, DEGREES, lambda x, y: x < 12),
    "from_0_to_360": (box(370, 45, 372, 50), 4326, DEGREES, lambda x, y: x < 12),
    "beyond_180": (box(175, 50, 185, 60), 4326, ALASKA, around_180),
    "before_180": (box(-185, 50, -175, 60), 4326, ALASKA, around_180),
    "cut_at_180": (MultiPolygon([box(175, 50, 180, 60), box(-180, 50, -175, 60)]), 4326, ALASKA, around_180),
    "arctic": (box(-180, 70, 180, 90), 4326, ARCTIC, lambda x, y: y > 70),
    "arctic_from_0": (box(0, 70, 360, 90), 4326, ARCTIC, lambda x, y: y > 70),
    "antarctic": (box(-180, -90, 180, -70), 4326, ANTARCTIC, lambda x, y: y < -70),
    "metres": (box(4.1e6, 2.5e6, 4.5e6, 2.9e6), 3035, DEGREES, None),
    "feet": (box(2500000, 200000, 2700000, 400000), 2272, PENNSYLVANIA, None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mask_holds_every_cell_inside_and_no_other_than_those_at_its_edge(tmp_path: Path, case: str) -> None:
    geometry, code, grid, inside = CASES[case]
    gpd.GeoDataFrame(geometry=[geometry], crs=code).to_file(tmp_path / "m.gpkg")
    mask = region_mask(tmp_path / "m.gpkg", grid)
    to_file = pyproj.Transformer.from_crs(grid.crs, code, always_xy=True)
    west, south, east, north = geometry.bounds
    rule = inside or (lambda x, y: (x > west) & (x < east) & (y > south) & (y < north))

    def at(dx: float, dy: float) -> NDArray[np.bool_]:
        points = np.meshgrid(grid.x + dx * grid.resolution, grid.y + dy * grid.resolution)
        return np.asarray(rule(*to_file.transform(*points)))

    shares = np.linspace(-0.5, 0.5, 11)
    assert not (at(0, 0) & ~mask).any()
    touched = np.any([at(dx, dy) for dx in shares for dy in shares], axis=0)
    assert (mask & ~touched).sum() <= 0.03 * mask.sum()


@pytest.mark.parametrize("geometry", [Point(12, 47), LineString([(10, 45), (15, 50)])])
def test_what_has_no_area_is_no_mask(tmp_path: Path, geometry: Any) -> None:
    gpd.GeoDataFrame(geometry=[geometry], crs=4326).to_file(tmp_path / "m.gpkg")
    with pytest.raises(HybridmapError, match=f"holds no polygon, but {geometry.geom_type}"):
        region_mask(tmp_path / "m.gpkg", DEGREES)


def test_points_among_polygons_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    geometries = [box(10, 45, 12, 50), Point(14, 47), None, Polygon()]
    gpd.GeoDataFrame(geometry=geometries, crs=4326).to_file(tmp_path / "m.gpkg")
    with caplog.at_level(logging.WARNING, logger="hybridmap"):
        mask = region_mask(tmp_path / "m.gpkg", DEGREES)
    assert mask.sum() == 40
    assert "3 of 4 features are no polygons and are not used" in caplog.text


def test_zones_of_one_name_are_one(tmp_path: Path) -> None:
    zones = {"zone": ["a", "b", "a"]}
    geometries = [box(10, 45, 12, 50), box(12, 45, 14, 50), box(370 + 4, 45, 375, 50)]
    gpd.GeoDataFrame(zones, geometry=geometries, crs=4326).to_file(tmp_path / "m.gpkg")
    named = read_named_polygons(tmp_path / "m.gpkg", "zone", DEGREES)
    assert named["name"].tolist() == ["a", "b"]
    np.testing.assert_allclose([geometry.area for geometry in named.geometry], [15, 10])
