"""Where a map ends: shares by true areas, countries by name, and a plain sentence."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from pyproj import CRS
from shapely.geometry import box

from hybridmap.diagnose.extent import ELSEWHERE, Borders, extent_of
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer

GRID = RegionGrid(CRS.from_epsg(3035), 4_000_000.0, 3_000_000.0, 1000.0, 40, 30)


def store_of(folder: Path, codes: np.ndarray) -> Path:
    root = create_grid_store(folder / "maps.zarr", GRID, {"title": "t"})
    create_layer(root, "applicable", GRID.sizes, 16, {"units": "1", "long_name": "a"}, "uint8", 255)[:] = codes
    return folder / "maps.zarr"


def borders(folder: Path) -> Borders:
    west, south, east, north = GRID.bounds
    middle = (west + east) / 2
    frame = gpd.GeoDataFrame(
        {"land": ["West", "East"]},
        geometry=[box(west, south, middle, north), box(middle, south + 10_000, east, north)],
        crs=GRID.crs.to_wkt(),
    )
    frame.to_file(folder / "b.gpkg")
    return Borders(folder / "b.gpkg", "land")


def test_the_countries_that_the_map_does_not_hold_in_are_named(tmp_path: Path) -> None:
    codes = np.ones((30, 40), "uint8")
    codes[:, 20:] = 0
    codes[:2] = 255
    extent = extent_of(store_of(tmp_path, codes), None, borders(tmp_path))
    assert extent["share_outside"] == pytest.approx(0.5)
    assert extent["area_km2"] == pytest.approx(28 * 40)
    rows = {row["name"]: row for row in extent["countries"]}
    assert rows["East"]["share_outside"] == 1
    assert rows["West"]["share_outside"] == 0
    assert rows["East"]["share_of_outside"] == pytest.approx(18 / 28, abs=1e-4)
    assert rows[ELSEWHERE]["area_km2"] == pytest.approx(200)
    assert extent["sentence"] == (
        "the model does not apply on 50% of the map, most of that in East (100% of it), elsewhere (100% of it)"
    )
    assert "countries" not in extent_of(store_of(tmp_path / "n", codes), None, None)["sentence"]


def test_what_was_not_judged_is_not_called_applicable(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"not_judged": "1 regions hold observations, and 10 are needed"}))
    codes = np.full((30, 40), 2, "uint8")
    extent = extent_of(store_of(tmp_path, codes), tmp_path / "s.json", borders(tmp_path))
    assert (extent["share_outside"], extent["share_not_judged"]) == (0, 1)
    assert extent["sentence"].startswith("where the map applies is not judged: 1 regions hold observations")


def test_names_that_the_borders_lack_are_said(tmp_path: Path) -> None:
    store, wrong = store_of(tmp_path, np.ones((30, 40), "uint8")), borders(tmp_path)._replace(attribute="lnad")
    with pytest.raises(HybridmapError, match=r"no attribute 'lnad'.*land"):
        extent_of(store, None, wrong)
