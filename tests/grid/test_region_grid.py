"""The grid of a region: true areas of its cells."""

import geopandas as gpd
import numpy as np
import pytest
from pyproj import CRS, Geod, Transformer
from shapely import Polygon

from hybridmap.config import Grid
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile


def test_cell_areas_are_true() -> None:
    whole = RegionGrid.of(Grid(resolution=1, bounds=(-180, -90, 180, 90)))
    assert whole.cell_areas().sum() / 1e6 == pytest.approx(510_065_621.7, rel=1e-9)  # the WGS84 ellipsoid
    geod = Geod(ellps="WGS84")
    for row, col in ((20, 10), (89, 200), (150, 359)):
        along = np.linspace(0, 1, 400)
        west, north = -180.0 + col, 90.0 - row
        lon = np.concatenate([west + along, west + along[::-1]])
        lat = np.concatenate([np.full(400, north), np.full(400, north - 1)])
        one = whole.cell_areas(Tile(row, row + 1, col, col + 1))
        assert one[0, 0] == pytest.approx(abs(geod.polygon_area_perimeter(lon, lat)[0]), rel=1e-5)


@pytest.mark.parametrize(("crs", "nominal"), [("EPSG:3035", True), ("EPSG:5070", True), ("EPSG:3857", False)])
def test_cell_areas_of_a_projection_are_those_on_the_ground(crs: str, nominal: bool) -> None:
    to = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = to.transform(-100.0 if crs == "EPSG:5070" else 10.0, 45.0 if crs == "EPSG:5070" else 55.0)
    grid = RegionGrid(CRS.from_user_input(crs), x, y, 1000.0, 120, 90)
    areas = grid.cell_areas()
    assert areas.shape == (90, 120)
    assert (abs(areas / 1e6 - 1) < 1e-6).all() == nominal
    ring = [(x, y), (x + 120_000, y), (x + 120_000, y - 90_000), (x, y - 90_000)]
    edge = gpd.GeoSeries([Polygon(ring)], crs=crs).segmentize(500).to_crs("EPSG:4326").iloc[0]
    true = abs(Geod(ellps="WGS84").geometry_area_perimeter(edge)[0])
    assert areas.sum() == pytest.approx(true, rel=2e-6)
    np.testing.assert_allclose(grid.cell_areas(Tile(30, 60, 10, 11)), areas[30:60, 10:11], rtol=1e-7)
