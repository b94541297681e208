"""Changes of totals under scenarios: members paired, today's error in proportion, what was not learned."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import CRS
from scipy.stats import t
from shapely import box

from hybridmap.config import Total
from hybridmap.export.changes import changes
from hybridmap.export.totals import OUTSIDE
from hybridmap.grid.depth_axis import DEPTH, Interval, create_depth_axis
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer

GRID = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 20, 30)
NOT_LEARNED = "q10 stayed at 1.98, its start"
SETS = [Total(name="land", polygons="p.gpkg", attribute="name")]
TODAY = {
    "totals": "land", "quantity": "soc", "polygon": ["=west", "east", OUTSIDE], "area_km2": [300.0, 0.0, 300.0],
    "stock_Tg": [2.0, 0.0, 2.0], "lower_Tg": [1.9, np.nan, 1.8], "upper_Tg": [2.3, np.nan, 2.2],
    "interval": "means of 40 held-out blocks",
}  # fmt: skip


def run_changes(
    folder: Path, members: int, today: dict[str, object], scenarios: tuple[str, ...] = ("warmer",)
) -> pd.DataFrame:
    root = create_grid_store(folder / "maps.zarr", GRID, {"title": "t"})
    about = {"units": "kg m-2", "long_name": "change", "not_learned": NOT_LEARNED}
    change = np.full((30, 20), -1.0, "float32")
    change[:, 10:15] = np.nan
    group = root.require_group("draws")
    for scenario in scenarios:
        create_layer(group, f"change_{scenario}_soc_stock", GRID.sizes, 64, about)[:] = change
        for k in range(members):
            name = f"change_{scenario}_soc_stock_{k:02}"
            create_layer(group, name, GRID.sizes, 64, about)[:] = change * (0.8 + 0.1 * k)
    shapes = [box(4e6, 2.97e6, 4.01e6, 3e6), box(4.01e6, 2.97e6, 4.015e6, 3e6)]
    gpd.GeoDataFrame({"name": ["=west", "east"]}, geometry=shapes, crs=3035).to_file(folder / "p.gpkg")
    pd.DataFrame(today).to_csv(folder / "totals.csv", index=False)
    changes(SETS, str(folder), 0.9, folder / "maps.zarr", folder / "totals.csv", folder / "changes.csv")
    return pd.read_csv(folder / "changes.csv")


def test_members_are_paired_and_todays_error_counts_in_proportion(tmp_path: Path) -> None:
    table = run_changes(tmp_path, 5, TODAY)
    west, east, rest = (table.iloc[k] for k in range(3))
    assert list(table["polygon"]) == ["'=west", "east", OUTSIDE]
    assert west["change_Tg"] == pytest.approx(-300e6 / 1e9)
    assert west["change_percent"] == pytest.approx(-15.0)
    members = np.std([0.8, 0.9, 1.0, 1.1, 1.2], ddof=1) * 0.3 * t.ppf(0.95, 4) * np.sqrt(1.2)
    # Today's interval is 1.9 to 2.3 about 2: 5 % more and 10 % to either side.
    half = np.hypot(members, 0.3 * 0.1)
    assert west["lower_Tg"] == pytest.approx(-0.3 * 1.05 - half)
    assert west["upper_Tg"] == pytest.approx(-0.3 * 1.05 + half)
    text = "differences between 5 members and the error of today's stock, in proportion"
    assert west["interval"] == f"{text}; equations and constants count as right"
    assert west["not_learned"] == NOT_LEARNED
    assert east[["change_Tg", "lower_Tg", "upper_Tg"]].isna().all()
    assert east["area_km2"] == 0
    assert rest["change_Tg"] == pytest.approx(-0.15)


def test_an_interval_says_what_it_holds(tmp_path: Path) -> None:
    draws = {**TODAY, "interval": "5 draws of the model"}
    cases = {
        (0, "means of 40 held-out blocks"): "the response itself counts as right",
        (5, "5 draws of the model"): "differences between 5 members",
        (0, "5 draws of the model"): "none: a single model, and no interval of today's stock",
    }
    for number, ((members, source), text) in enumerate(cases.items()):
        (folder := tmp_path / str(number)).mkdir()
        row = run_changes(folder, members, {**draws, "interval": source}).iloc[0]
        assert text in row["interval"]
        assert pd.isna(row["lower_Tg"]) == text.startswith("none")
        assert row["change_Tg"] == pytest.approx(-0.3)


def test_without_a_scenario_there_is_a_table_without_rows(tmp_path: Path) -> None:
    table = run_changes(tmp_path, 0, TODAY, scenarios=())
    assert table.empty
    assert {"scenario", "change_Tg", "not_learned"} <= set(table)


def test_every_depth_has_its_change_and_its_own_total(tmp_path: Path) -> None:
    root = create_grid_store(tmp_path / "maps.zarr", GRID, {"title": "t"})
    create_depth_axis(root, [Interval(0, 30), Interval(30, 60)])
    change = np.stack([np.full((30, 20), -2.0), np.full((30, 20), -1.0)]).astype("float32")
    about = {"units": "kg m-2", "long_name": "change"}
    group = root.require_group("draws")
    create_layer(group, "change_dry_soc_stock", {DEPTH: 2, **GRID.sizes}, 64, about)[:] = change
    gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(*GRID.bounds)], crs=3035).to_file(tmp_path / "p.gpkg")
    ends = [(0, 30), (0, 30), (30, 60), (30, 60), (0, 60), (0, 60)]
    rows = pd.DataFrame(ends, columns=["top_cm", "bottom_cm"]).assign(
        totals="land", quantity="soc", polygon=["all", OUTSIDE] * 3, stock_Tg=[4.0, 0, 2.0, 0, 6.0, 0],
        lower_Tg=np.nan, upper_Tg=np.nan, interval="none",
    )  # fmt: skip
    rows.to_csv(tmp_path / "totals.csv", index=False)
    changes(SETS, str(tmp_path), 0.9, tmp_path / "maps.zarr", tmp_path / "totals.csv", tmp_path / "changes.csv")
    table = pd.read_csv(tmp_path / "changes.csv")
    table = table[table["polygon"] == "all"].set_index(["top_cm", "bottom_cm"])
    assert table["change_Tg"].to_dict() == pytest.approx({(0, 30): -1.2, (30, 60): -0.6, (0, 60): -1.8})
    assert table["change_percent"].to_dict() == pytest.approx({(0, 30): -30.0, (30, 60): -30.0, (0, 60): -30.0})
