"""Carbon stocks of polygons: true areas, cells cut by borders, sums that add up, intervals from draws."""

import itertools
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from map_recipes import recipe_of
from pyproj import CRS, Geod
from shapely import Polygon, box

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.area_errors import AreaErrors
from hybridmap.evaluate.spatial_covariance import Covariance
from hybridmap.export.area_intervals import StockErrors, read_stock_errors
from hybridmap.export.totals import KG_PER_TG, OUTSIDE, totals
from hybridmap.files.tables import write_state
from hybridmap.grid.depth_axis import DEPTH, Interval, create_depth_axis
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer
from hybridmap.predict import run
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution
from hybridmap.quantities import QUANTITIES


def maps(folder: Path, grid: RegionGrid, stock: np.ndarray, draws: int = 0, **more: np.ndarray) -> Path:
    root = create_grid_store(folder / "maps.zarr", grid, {"title": "t"})
    about = {"units": "kg m-2", "long_name": "stock"}
    create_layer(root, "soc_stock", grid.sizes, 64, about)[:] = stock
    for name, values in more.items():
        create_layer(root, name, grid.sizes, 64, about, "uint8", 255)[:] = values
    for k in range(draws):
        group = root.require_group("draws")
        create_layer(group, f"soc_stock_{k:02}", grid.sizes, 64, about)[:] = stock * (1 + 0.1 * (k - 2))
    return folder / "maps.zarr"


def config(folder: Path, polygons: gpd.GeoDataFrame, **more: Any) -> Config:
    polygons.to_file(folder / "p.gpkg")
    raw = {
        "data_root": str(folder),
        "grid": {"crs": "EPSG:3035", "resolution": 1000, "bounds": [0, 0, 1000, 1000]},
        "totals": [{"name": "land", "polygons": "p.gpkg", "attribute": "name"}],
        "splits": [{"name": "block", "kind": "block"}],
        "experiments": [{"name": "e", "global": "all"}],
    }
    return Config.model_validate({**raw, **more})


def run_totals(folder: Path, polygons: gpd.GeoDataFrame, store: Path) -> pd.DataFrame:
    totals(config(folder, polygons).totals, str(folder), 0.9, store, folder / "totals.csv")
    return pd.read_csv(folder / "totals.csv").set_index("polygon")


GRID = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 150, 130)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1000))
def test_polygons_and_the_rest_add_up_to_the_map(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = tmp_path_factory.mktemp("t")
    random = np.random.default_rng(seed)
    stock = random.gamma(4, 2, (130, 150)).astype("float32")
    stock[random.random(stock.shape) < 0.2] = np.nan
    # Strips with crooked borders: shared edges cut cells, and nothing overlaps.
    edges = np.array([4.02e6, 4.05e6, 4.09e6, 4.13e6]) + random.uniform(-5e3, 5e3, 4)
    knots = np.linspace(2.87e6, 3.0e6, 9)
    lines = [[(x + random.normal(0, 900), y) for y in knots] for x in edges]
    strips = [Polygon(a + b[::-1]).buffer(0) for a, b in itertools.pairwise(lines)]
    frame = gpd.GeoDataFrame({"name": ["a", "b", "c"]}, geometry=strips, crs="EPSG:3035")
    frame["geometry"] = [g.difference(frame.geometry.iloc[:i].union_all()) for i, g in enumerate(frame.geometry)]
    table = run_totals(folder, frame, maps(folder, GRID, stock))
    whole = np.nansum(stock.astype("float64")) * 1e6 / 1e9
    assert table["stock_Tg"].sum() == pytest.approx(whole, rel=1e-6)
    assert table["area_km2"].sum() == pytest.approx(np.isfinite(stock).sum(), rel=1e-6)
    inside = table.drop(index=OUTSIDE)
    covered = (inside["area_km2"] + inside["missing_km2"]).to_numpy()
    np.testing.assert_allclose(covered, frame.geometry.area / 1e6, rtol=1e-4)


def test_cells_cut_by_a_border_count_by_their_share(tmp_path: Path) -> None:
    stock = np.full((130, 150), 10.0, "float32")
    small = box(4_010_250, 2_950_500, 4_011_000, 2_951_000)  # three eighths of one cell
    table = run_totals(tmp_path, gpd.GeoDataFrame({"name": ["s"]}, geometry=[small], crs="EPSG:3035"),
                       maps(tmp_path, GRID, stock))  # fmt: skip
    assert table.loc["s", "area_km2"] == pytest.approx(0.375)
    assert table.loc["s", "stock_Tg"] == pytest.approx(10 * 0.375e6 / 1e9)
    assert table.loc["s", "mean_kg_m2"] == pytest.approx(10)


def test_areas_in_degrees_are_true(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(4326), 10.0, 60.0, 0.05, 100, 200)
    shape = box(11.013, 52.507, 13.391, 58.222)
    frame = gpd.GeoDataFrame({"name": ["s"]}, geometry=[shape], crs="EPSG:4326")
    table = run_totals(tmp_path, frame, maps(tmp_path, grid, np.ones((200, 100), "float32")))
    true = abs(Geod(ellps="WGS84").geometry_area_perimeter(shape.segmentize(0.01))[0])
    assert table.loc["s", "stock_Tg"] == pytest.approx(true / 1e9, rel=1e-5)


def test_intervals_come_from_sums_of_draws_and_areas_are_split(tmp_path: Path) -> None:
    stock = np.full((130, 150), 10.0, "float32")
    stock[:10] = np.nan
    inside = np.where(np.isfinite(stock), 1, 255).astype("uint8")
    inside[100:115] = 0
    inside[115:] = 2  # not judged, and so not where the model applies
    frame = gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(*GRID.bounds)], crs="EPSG:3035")
    table = run_totals(tmp_path, frame, maps(tmp_path, GRID, stock, draws=5, applicable=inside))
    row = table.loc["all"]
    assert row["stock_Tg"] == pytest.approx(120 * 150 * 10 * 1e6 / 1e9)
    assert row["stock_outside_applicability_Tg"] == pytest.approx(30 * 150 * 10 * 1e6 / 1e9)
    assert row["missing_km2"] == pytest.approx(10 * 150)
    # Draws of 0.8 to 1.2 times the stock: errors of a whole map do not average out.
    assert row["sd_Tg"] == pytest.approx(row["stock_Tg"] * np.std([0.8, 0.9, 1.0, 1.1, 1.2], ddof=1), rel=1e-5)
    assert row["lower_Tg"] == pytest.approx(row["stock_Tg"] * 0.82, rel=1e-5)
    assert row["upper_Tg"] == pytest.approx(row["stock_Tg"] * 1.18, rel=1e-5)
    assert table.loc[OUTSIDE, "stock_Tg"] == pytest.approx(0, abs=1e-6)


def test_wrong_polygons_are_named(tmp_path: Path) -> None:
    store = maps(tmp_path, GRID, np.ones((130, 150), "float32"))

    def failing(shapes: list[Polygon], match: str, name: str = "name") -> None:
        frame = gpd.GeoDataFrame({name: [str(i) for i in range(len(shapes))]}, geometry=shapes, crs="EPSG:3035")
        with pytest.raises(HybridmapError, match=match):
            run_totals(tmp_path, frame, store)
        assert not (tmp_path / "totals.csv").exists()

    failing([box(4e6, 2.9e6, 4.1e6, 3e6), box(4.05e6, 2.9e6, 4.15e6, 3e6)], "'land': polygons of p.gpkg overlap")
    failing([box(5e6, 2.9e6, 5.1e6, 3e6)], "no polygon of p.gpkg lies on the map")
    failing([box(4e6, 2.9e6, 4.1e6, 3e6)], "no attribute 'name'", name="names")
    plain = create_grid_store(tmp_path / "other.zarr", GRID, {})
    assert isinstance(plain, zarr.Group)
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(*GRID.bounds)], crs="EPSG:3035")
    with pytest.raises(HybridmapError, match="no map 'soc_stock', which totals are made of"):
        run_totals(tmp_path, frame, tmp_path / "other.zarr")


def test_totals_of_a_predicted_map(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    base, folder = small_region
    west, south, east, north = 4_000_000, 2_600_000, 4_160_000, 2_720_000
    half = (west + east) / 2 + 333
    frame = gpd.GeoDataFrame(
        {"name": ["west", "east"]}, geometry=[box(west, south, half, north), box(half, south, east, north)],
        crs="EPSG:3035",
    )  # fmt: skip
    frame.to_file(tmp_path / "p.gpkg")
    block = base.predict.model_copy(update={"intervals": "none", "maps": ["soc_stock"]})
    totals_of = config(tmp_path, frame).totals
    asked = base.model_copy(update={"totals": totals_of, "predict": block, "data_root": str(tmp_path)})
    recipe = recipe_of(asked, "some_neural", trained / "some_neural/all/model")
    run.predict(Job(recipe, folder / "cube.zarr", tmp_path / "maps.zarr"), Execution(2))
    totals(totals_of, str(tmp_path), 0.9, tmp_path / "maps.zarr", tmp_path / "totals.csv")
    table = pd.read_csv(tmp_path / "totals.csv").set_index("polygon")
    root = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    whole = np.nansum(np.asarray(root["soc_stock"], dtype="float64")) * 2000**2 / 1e9
    assert table["stock_Tg"].sum() == pytest.approx(whole, rel=1e-6)
    assert table.loc[OUTSIDE, "stock_Tg"] == pytest.approx(0, abs=whole * 1e-6)
    assert (table.loc[["west", "east"], "sd_Tg"] > 0).all()
    draws = np.stack([np.asarray(root[f"draws/soc_stock_{k:02}"]) for k in range(5)])
    np.testing.assert_allclose(draws.mean(0), np.asarray(root["soc_stock"]), rtol=1e-5)  # the map is their mean


def test_every_interval_has_its_rows_and_all_that_touch_a_sum(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 20, 30)
    root = create_grid_store(tmp_path / "maps.zarr", grid, {"title": "t"})
    intervals = [Interval(0, 30), Interval(30, 60)]
    create_depth_axis(root, intervals)
    about = {"units": "kg m-2", "long_name": "stock"}
    sizes = {DEPTH: 2, **grid.sizes}
    stock = np.stack([np.full((30, 20), 3.0), np.full((30, 20), 2.0)]).astype("float32")
    stock[1, :, :4] = np.nan
    create_layer(root, "soc_stock", sizes, 64, about)[:] = stock
    for k in range(5):
        create_layer(root.require_group("draws"), f"soc_stock_{k:02}", sizes, 64, about)[:] = stock * (0.8 + 0.1 * k)
    polygons = gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(4e6, 2.97e6, 4.02e6, 3e6)], crs=3035)
    totals(config(tmp_path, polygons).totals, str(tmp_path), 0.9, tmp_path / "maps.zarr", tmp_path / "totals.csv")
    table = pd.read_csv(tmp_path / "totals.csv")
    rows = table[table["polygon"] == "all"].set_index(["top_cm", "bottom_cm"])
    assert list(rows.index) == [(0, 30), (30, 60), (0, 60)]
    per_cell = rows.loc[(0, 30), "area_km2"] * 1e6 / KG_PER_TG
    np.testing.assert_allclose(rows.loc[(0, 30), "stock_Tg"], 3.0 * per_cell, rtol=1e-6)
    np.testing.assert_allclose(rows.loc[(30, 60), "mean_kg_m2"], 2.0, rtol=1e-6)
    # Where one interval is unknown, so is the sum.
    np.testing.assert_allclose(rows.loc[(0, 60), "mean_kg_m2"], 5.0, rtol=1e-6)
    np.testing.assert_allclose(rows.loc[(0, 60), "area_km2"], rows.loc[(30, 60), "area_km2"])
    np.testing.assert_allclose(rows.loc[(0, 60), "upper_Tg"] / rows.loc[(0, 60), "stock_Tg"], 1.18, rtol=1e-3)


def test_excluded_land_is_told_apart_from_missing_cells(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 20, 30)
    root = create_grid_store(tmp_path / "maps.zarr", grid, {"title": "t"})
    stock = np.full((30, 20), 3.0, "float32")
    stock[:10] = np.nan
    create_layer(root, "soc_stock", grid.sizes, 64, {"units": "kg m-2", "long_name": "stock"})[:] = stock
    polygons = gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(4e6, 2.97e6, 4.02e6, 3e6)], crs=3035)

    def row() -> pd.Series:
        sets = config(tmp_path, polygons).totals
        totals(sets, str(tmp_path), 0.9, tmp_path / "maps.zarr", tmp_path / "totals.csv")
        return pd.read_csv(tmp_path / "totals.csv").set_index("polygon").loc["all"]

    before = row()
    assert "excluded_km2" not in before
    assert before["missing_km2"] == pytest.approx(200)
    excluded = np.full((30, 20), 255, "uint8")
    excluded[:4], excluded[4:7] = 1, 2
    about = {"units": "1", "long_name": "class", "_FillValue": 255}
    create_layer(root, "excluded", grid.sizes, 64, about, "uint8", 255)[:] = excluded
    after = row()
    assert after["excluded_km2"] == pytest.approx(140)
    assert after["missing_km2"] == pytest.approx(60)
    assert after["area_km2"] == pytest.approx(400)
    assert after["stock_Tg"] == before["stock_Tg"]


def test_totals_have_rows_to_30_and_100_cm(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 20, 30)
    root = create_grid_store(tmp_path / "maps.zarr", grid, {"title": "t"})
    ends = [0, 5, 30, 60, 100, 200]
    create_depth_axis(root, [Interval(top, bottom) for top, bottom in pairwise(ends)])
    sizes, thickness = {DEPTH: 5, **grid.sizes}, np.diff(ends)[:, None, None] / 100
    density = np.array([50.0, 40.0, 20.0, 10.0, 5.0])[:, None, None] * np.ones((5, 30, 20))
    for name, values in (
        ("soc_stock", density * thickness), ("soc_lower", 0.8 * density), ("soc_upper", 1.2 * density),
    ):  # fmt: skip
        create_layer(root, name, sizes, 64, {"units": "u", "long_name": name})[:] = values.astype("float32")
    polygons = gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(4e6, 2.97e6, 4.02e6, 3e6)], crs=3035)
    errors = stock_errors()
    sets = config(tmp_path, polygons).totals
    totals(sets, str(tmp_path), 0.9, tmp_path / "maps.zarr", tmp_path / "totals.csv", ("soc",), errors)
    table = pd.read_csv(tmp_path / "totals.csv")
    rows = table[table["polygon"] == "all"].set_index(["top_cm", "bottom_cm"])
    assert list(rows.index)[5:] == [(0, 30), (0, 100), (0, 200)]
    assert rows.loc[(0, 30), "mean_kg_m2"] == pytest.approx(0.05 * 50 + 0.25 * 40)
    assert rows.loc[(0, 100), "mean_kg_m2"] == pytest.approx(0.05 * 50 + 0.25 * 40 + 0.3 * 20 + 0.4 * 10)
    assert (rows["lower_Tg"] < rows["stock_Tg"]).all()
    assert (rows["stock_Tg"] < rows["upper_Tg"]).all()
    width = rows["upper_Tg"] - rows["lower_Tg"]
    # Errors at several depths of a cell count as one.
    assert width[(0, 30)] == pytest.approx(width[(0, 5)] + width[(5, 30)])


def with_ends(folder: Path, stock: np.ndarray, half_width: float, grid: RegionGrid = GRID) -> Path:
    """Maps of 20 cm of soil with an interval of the density [kg m-3]."""
    store = maps(folder, grid, stock, draws=5)
    root = zarr.open_group(store)
    for end, sign in (("lower", -1), ("upper", 1)):
        density = (stock / 0.2 + sign * half_width).astype("float32")
        create_layer(root, f"soc_{end}", grid.sizes, 64, {"units": "kg m-3", "long_name": end})[:] = density
    return store


def stock_errors(**changes: Any) -> dict[str, StockErrors]:
    errors = AreaErrors(Covariance(1.0, (0.25,), (1e6,)), 0.1, 0.0, 2.0, 40, "")._replace(**changes)
    return {"soc": StockErrors(errors, 1.0, 0.2, 0.0)}


def held_out_totals(folder: Path, frame: gpd.GeoDataFrame, store: Path, errors: dict[str, StockErrors]) -> pd.DataFrame:
    sets = config(folder, frame).totals
    totals(sets, str(folder), 0.9, store, folder / "totals.csv", ("soc",), errors)
    return pd.read_csv(folder / "totals.csv").set_index("polygon")


def test_intervals_of_totals_come_from_held_out_blocks(tmp_path: Path) -> None:
    store = with_ends(tmp_path, np.full((130, 150), 4.0, "float32"), half_width=5.0)
    shapes = [box(4.0e6, 2.9e6, 4.05e6, 3e6), box(4.1005e6, 2.9e6, 4.1008e6, 2.9001e6)]
    frame = gpd.GeoDataFrame({"name": ["district", "cell"]}, geometry=shapes, crs="EPSG:3035")
    table = held_out_totals(tmp_path, frame, store, stock_errors())
    row = table.loc["district"]
    # Half a width of 5 kg m-3 is 1 kg m-2 in 20 cm; what all cells share is 0.5 of it, the nugget is gone.
    assert row["mean_lower_kg_m2"] == pytest.approx(4.0 + 0.1 - 2 * 0.5, rel=2e-3)
    assert row["mean_upper_kg_m2"] == pytest.approx(4.0 + 0.1 + 2 * 0.5, rel=2e-3)
    assert row["lower_Tg"] == pytest.approx(row["mean_lower_kg_m2"] * row["area_km2"] / 1e3, rel=1e-6)
    assert row["sd_Tg"] == pytest.approx(0.5 * row["area_km2"] / 1e3, rel=2e-3)
    assert (table["interval"] == "means of 40 held-out blocks").all()
    # A polygon within one cell has the nugget too, and no end below nothing.
    one = table.loc["cell"]
    assert one["mean_upper_kg_m2"] == pytest.approx(4.1 + 2 * math.sqrt(1.25), rel=1e-3)
    wide = held_out_totals(tmp_path, frame, store, stock_errors(factor=20.0))
    assert wide.loc["cell", "lower_Tg"] == 0.0
    signed = {"soc": replace(stock_errors(factor=20.0)["soc"], least=-np.inf)}
    assert held_out_totals(tmp_path, frame, store, signed).loc["cell", "lower_Tg"] < 0


def test_tiles_and_their_order_change_no_interval(tmp_path: Path) -> None:
    random, tables = np.random.default_rng(0), []
    stock = random.gamma(4, 1, (130, 150)).astype("float32")
    frame = gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(*GRID.bounds)], crs="EPSG:3035")
    for edge in (16, 64):
        folder = tmp_path / str(edge)
        folder.mkdir()
        root = create_grid_store(folder / "maps.zarr", GRID, {"title": "t"})
        for name, values in (("soc_stock", stock), ("soc_lower", 4 * stock), ("soc_upper", 7 * stock)):
            create_layer(root, name, GRID.sizes, edge, {"units": "1", "long_name": name})[:] = values
        errors = stock_errors(covariance=Covariance(1.0, (0.25, 0.1), (20.0, 100.0)))
        tables.append(held_out_totals(folder, frame, folder / "maps.zarr", errors))
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)


def test_a_total_without_an_interval_says_why(tmp_path: Path) -> None:
    stock = np.full((130, 150), 4.0, "float32")
    stock[:10] = np.nan
    store = with_ends(tmp_path, stock, half_width=5.0)
    shapes = [box(4.0e6, 2.9e6, 4.05e6, 2.98e6), box(4.0e6, 2.9905e6, 4.05e6, 3e6)]
    frame = gpd.GeoDataFrame({"name": ["land", "unknown"]}, geometry=shapes, crs="EPSG:3035")
    few = stock_errors(factor=math.nan, note="12 blocks with 5 observations or more, 20 are needed")
    table = held_out_totals(tmp_path, frame, store, few)
    assert table[["lower_Tg", "upper_Tg", "sd_Tg"]].isna().all(axis=None)
    assert (table["interval"] == "none: 12 blocks with 5 observations or more, 20 are needed").all()
    # A polygon without a prediction has no mean and no interval, and its neighbour has both.
    table = held_out_totals(tmp_path, frame, store, stock_errors())
    assert table.loc["unknown", "area_km2"] == 0
    assert table.loc["unknown", ["lower_Tg", "upper_Tg", "mean_lower_kg_m2"]].isna().all()
    assert table.loc["land", "upper_Tg"] > table.loc["land", "lower_Tg"]
    # Draws stand in only where nobody asked for held-out blocks.
    assert (run_totals(tmp_path, frame, store)["interval"] == "5 draws of the model").all()
    (plain := tmp_path / "plain").mkdir()
    table = held_out_totals(plain, frame, maps(plain, GRID, stock), stock_errors())
    assert table["interval"].str.contains("add soc to predict.interval_of").all()


def test_errors_are_read_from_the_calibration(tmp_path: Path) -> None:
    errors = stock_errors()["soc"].errors
    write_state({"areas": {"soc": errors.facts(), "poc": errors.facts()}}, tmp_path / "conformal.json")
    assert read_stock_errors(tmp_path / "conformal.json", QUANTITIES, 0.2) == stock_errors()
    assert read_stock_errors(None, QUANTITIES, 0.2) == {}
    write_state({"factors": {}}, tmp_path / "old.json")
    assert read_stock_errors(tmp_path / "old.json", QUANTITIES, 0.2) == {}
    write_state({"areas": {"soc": {"mean": 1}}}, tmp_path / "bad.json")
    with pytest.raises(HybridmapError, match=r"bad.json: not a conformal.json of 'hybridmap evaluate'"):
        read_stock_errors(tmp_path / "bad.json", QUANTITIES, 0.2)
