"""The outline of a grid in degrees."""

from map_stores import europe
from pyproj import CRS
from shapely.geometry import shape

from hybridmap.grid.outline import outline, place_attributes
from hybridmap.grid.region_grid import RegionGrid


def test_an_outline_across_the_antimeridian_is_cut_there() -> None:
    grid = RegionGrid(CRS.from_epsg(3832), 2.5e6, 7e6, 10_000.0, 200, 100)  # Pacific Mercator, about 150 E
    geometry, bbox = outline(grid)
    assert geometry["type"] == "MultiPolygon"
    assert bbox[0] > 150
    assert bbox[2] < -150  # west of the eastern end, as GeoJSON asks for
    box = shape(geometry)
    assert box.is_valid
    assert -180 <= box.bounds[0] < -150
    assert 150 < box.bounds[2] <= 180
    plain, small = outline(europe(100, 100))
    assert plain["type"] == "Polygon"
    assert small[0] < small[2]
    place = place_attributes(grid)
    assert (place["geospatial_lon_min"], place["geospatial_lon_max"]) == (bbox[0], bbox[2])
    assert "geospatial_bounds" not in place  # it would be the rest of the globe
    assert "POLYGON" in str(place_attributes(europe(100, 100))["geospatial_bounds"])
