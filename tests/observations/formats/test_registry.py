"""Published data sets: every file with its quirks, and another file in its place."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.formats.pages import format_page
from hybridmap.observations.formats.registry import format_names, read_format
from hybridmap.observations.ingest import read_source
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import SCHEMA
from hybridmap.testing import surveys

EUROPE = {"crs": "EPSG:4326", "resolution": 0.5, "bounds": [-10, 40, 20, 60]}
CONUS = {"crs": "EPSG:5070", "resolution": 10000, "bounds": [-2360000, 260000, 2270000, 3180000]}


def places(n: int = 60, box: tuple[float, float, float, float] = (0, 45, 10, 55), seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    west, south, east, north = box
    return surveys.soils(random.uniform(west, east, n).round(5), random.uniform(south, north, n).round(5), seed)


def read(
    folder: Path, format: str, path: str = ".", grid: dict[str, Any] = EUROPE, **more: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    entry = {"name": "s", "format": format, "path": path, **more}
    config = Config.model_validate({"grid": grid, "data_root": str(folder), "observations": [entry]})
    drops = DropCounts("ingest")
    return read_source(config.observations[0], config.data_root, RegionGrid.of(config.grid), drops), drops.table()


@pytest.fixture(scope="module")
def lucas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder, soils = tmp_path_factory.mktemp("lucas"), places()
    soils.loc[::9, "oc"] = 1.4  # below the detection limit
    surveys.write_lucas(folder, soils, np.arange(60) < 20)
    return folder, soils


FINE = {"path": "BD2018_data_for_paper.csv", "format": "lucas_bulk_density_fine"}
WHOLE = {"path": "BulkDensity_2018_final-2.csv", "format": "lucas_bulk_density_whole"}
TEXTURE = {"path": "LUCAS_Topsoil_2015_20200323.csv", "format": "lucas_texture"}


def test_lucas_2018_keeps_the_poorest_soils(lucas: tuple[Path, pd.DataFrame]) -> None:
    folder, soils = lucas
    poor = soils["oc"] < 2
    assert poor.any()
    table, _ = read(folder, "lucas_2018")
    assert list(table) == list(SCHEMA.layer_columns)
    assert table["oc_g_kg"].to_numpy() == pytest.approx(np.where(poor, 1.0, soils["oc"].round(1)))
    assert (table["oc_flag"] == np.where(poor, "lod", "ok")).all()
    assert table[["top_cm", "bottom_cm", "year"]].drop_duplicates().to_numpy().tolist() == [[0, 20, 2018]]
    assert table["revisit_id"][0] == "lucas:26000000"


@pytest.mark.parametrize(("policy", "value"), [("half", 1.0), ("zero", 0.0), ("keep_flag", 2.0), ("drop", np.nan)])
def test_what_becomes_of_values_below_the_limit(lucas: tuple[Path, pd.DataFrame], policy: str, value: float) -> None:
    folder, soils = lucas
    table, _ = read(folder, "lucas_2018", below_lod=policy)
    poor = (soils["oc"] < 2).to_numpy()
    assert table["oc_g_kg"][poor].to_numpy() == pytest.approx(value, nan_ok=True)
    assert (table["oc_flag"][poor] == "lod").all()


def test_lucas_exports_with_semicolons_and_decimal_commas_say_the_same(
    lucas: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    folder, _ = lucas
    raw = pd.read_csv(folder / "LUCAS-SOIL-2018.csv", dtype=str, keep_default_na=False)
    numbers = raw.apply(lambda c: c.str.replace(r"^(-?\d+)\.(\d+)$", r"\1,\2", regex=True))
    numbers.to_csv(tmp_path / "LUCAS-SOIL-2018.csv", sep=";", index=False)
    pd.testing.assert_frame_equal(read(tmp_path, "lucas_2018")[0], read(folder, "lucas_2018")[0])


def test_bulk_density_and_texture_are_joined_by_point(lucas: tuple[Path, pd.DataFrame]) -> None:
    folder, soils = lucas
    table, _ = read(folder, "lucas_2018", joins=[FINE, TEXTURE])
    assert table["bd_fine_g_cm3"].notna().sum() == table["cf_vol"].notna().sum() == 20
    assert table["bd_fine_g_cm3"][:20].to_numpy() == pytest.approx(soils["bd_fine"][:20], abs=1e-4)
    assert table["cf_vol"][:20].to_numpy() == pytest.approx(soils["stones"][:20], abs=1e-4)
    known = table["clay_pct"].notna()
    assert 30 < known.sum() < 60
    assert (table["clay_pct"][known] == soils["clay"][known]).all()


def test_whole_soil_density_alone_is_not_taken_for_fine_earth(lucas: tuple[Path, pd.DataFrame]) -> None:
    folder, soils = lucas
    alone, _ = read(folder, "lucas_2018", joins=[WHOLE])
    assert alone["bd_fine_g_cm3"].isna().all()
    # With the mass of fragments of 2015 it becomes the density of the fine earth.
    both, _ = read(
        folder,
        "lucas_2018",
        joins=[
            WHOLE,
            {**TEXTURE, "take": {"coarse": "Coarse"}, "columns": {"cf_mass": {"column": "coarse", "unit": "pct"}}},
        ],
    )
    known = both["bd_fine_g_cm3"].notna()
    assert known.sum() > 10
    assert both["bd_fine_g_cm3"][known].to_numpy() == pytest.approx(soils["bd_fine"][known], abs=0.02)


@pytest.mark.parametrize(
    ("join", "says"),
    [
        ({**FINE, "path": WHOLE["path"]}, "2.csv: has the column 'BD 0-20', so it is the bulk density of whole cores"),
        ({**WHOLE, "path": FINE["path"]}, "has the column 'BDfine_0_2', so it is the bulk density of the fine"),
        ({**FINE, "path": "SOM_fraction.csv"}, "SOM_fraction.csv: no column 'POINT_ID' of the format"),
        ({**FINE, "path": "gone.csv"}, "gone.csv: no such table"),
        ({"path": "SOM_fraction.csv", "take": {"x": "s_c_prc"}}, "SOM_fraction.csv': say with 'by'"),
        ({**FINE, "format": "lucas_2018"}, "'lucas_2018' is a source of its own"),
    ],
)  # fmt: skip
def test_the_two_density_tables_are_never_mixed_up(
    lucas: tuple[Path, pd.DataFrame], join: dict[str, Any], says: str
) -> None:
    with pytest.raises(HybridmapError) as error:
        read(lucas[0], "lucas_2018", joins=[join])
    assert says in str(error.value)


def test_lucas_2015_and_2009_and_fractions(lucas: tuple[Path, pd.DataFrame]) -> None:
    folder, _soils = lucas
    later, ladder = read(folder, "lucas_2015")
    assert set(later["revisit_id"]) <= set(read(folder, "lucas_2018")[0]["revisit_id"])
    assert ladder["before"][0] == len(later) + ladder["dropped"].sum()
    first, _ = read(folder, "lucas_2009")
    assert len(first) == 60
    fractions, _ = read(folder, "lucas_som_fractions")
    recovery = (fractions["poc_g_kg"] + fractions["moc_g_kg"]) / fractions["oc_g_kg"]
    assert recovery.between(0.85, 1.15).all()
    assert (fractions["frac_method"] == "measured").all()
    assert set(fractions["revisit_id"]) <= set(first["revisit_id"])


def test_land_cover_of_lucas_is_of_the_table_or_joined(lucas: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    folder, _ = lucas
    assert (read(folder, "lucas_2015")[0]["landcover"] == "").all()
    for name in ("LUCAS-SOIL-2018.csv", "LUCAS_TOPSOIL_v1.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    later = pd.read_csv(folder / "LUCAS_Topsoil_2015_20200323.csv", dtype=str)
    later.assign(LC1="B16").to_csv(tmp_path / "LUCAS_Topsoil_2015_20200323.csv", index=False)
    assert (read(tmp_path, "lucas_2015")[0]["landcover"] == "B16").all()
    assert (read(tmp_path, "lucas_2015", columns={"landcover": "Clay"})[0]["landcover"] != "B16").all()
    points = pd.read_csv(folder / "LUCAS_TOPSOIL_v1.csv")["POINT_ID"]
    survey = pd.concat(
        [pd.DataFrame({"point_id": points, "year": y, "lc1": c}) for y, c in ((2009, "C10"), (2018, "B11"))]
    )
    survey.to_csv(tmp_path / "lucas_harmo_uf.csv", index=False)
    table, _ = read(tmp_path, "lucas_2009", joins=[{"path": "lucas_harmo_uf.csv", "format": "lucas_landcover"}])
    assert (table["landcover"] == "C10").all()


def test_formats_whose_columns_nobody_could_check_ask_for_them(lucas: tuple[Path, pd.DataFrame]) -> None:
    with pytest.raises(HybridmapError, match="map 'poc_g_kg' under 'columns', because the names"):
        read(lucas[0], "lucas_som_fractions_vnir", "SOM_fraction.csv")
    table, _ = read(
        lucas[0],
        "lucas_som_fractions_vnir",
        "SOM_fraction.csv",
        columns={
            "site_id": "sample_ID",
            "poc_g_kg": {"column": "OC_pom_g_kg", "unit": "g/kg"},
            "moc_g_kg": {"column": "OC_sc_g_kg", "unit": "g/kg"},
        },
        joins=[
            {
                "path": "LUCAS_TOPSOIL_v1.csv",
                "by": {"sample_ID": "sample_ID"},
                "take": {"lon": "GPS_LONG", "lat": "GPS_LAT"},
                "required": True,
            }
        ],
    )
    assert set(table["frac_method"]) == {"vnir"}


@pytest.fixture(scope="module")
def wosis(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("wosis")
    soils = pd.concat([places(50), places(30, (60, -30, 140, 30), 1)], ignore_index=True)
    surveys.write_wosis_2023(folder / "2023", soils)
    surveys.write_wosis_2019(folder / "2019", soils)
    surveys.write_wosis_latest(folder / "latest", soils)
    return folder, soils


@pytest.mark.parametrize(("snapshot", "layers"), [("2023", 120), ("2019", 200), ("latest", 200)])
def test_wosis_dialects_are_told_apart(wosis: tuple[Path, pd.DataFrame], snapshot: str, layers: int) -> None:
    folder, _ = wosis
    found, ladder = read(folder, "wosis", snapshot)
    named, _ = read(folder, f"wosis_{snapshot}", snapshot)
    pd.testing.assert_frame_equal(found, named)
    assert (found["top_cm"] >= 0).sum() == layers
    assert "outside_region" in set(ladder["rule"])
    assert ladder.loc[ladder["rule"] == "outside_region", "after"].iloc[-1] == len(found)
    assert found["bd_fine_g_cm3"].notna().any()
    assert set(found["bd_method"]) <= {"bdfiod", "bdfi33", "bdfiad", "whole soil less fragments", ""}
    assert found["clay_pct"].notna().any()


def test_wosis_2023_leaves_out_vague_places_and_keeps_licences(wosis: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = wosis
    table, ladder = read(folder, "wosis_2023", "2023")
    assert set(table["licence"]) == {"CC BY 4.0", "CC BY-NC 3.0", "CC BY 3.0"}
    assert ladder.loc[ladder["rule"] == "filter", "dropped"].tolist() == [32 * 4]
    assert set(table["year"].dropna()) == {1998.0}
    free, _ = read(folder, "wosis_2023", "2023", exclude={"licence": ["CC BY-NC*"]})
    assert set(free["licence"]) == {"CC BY 4.0", "CC BY 3.0"}


def test_the_latest_dialect_is_known_by_one_file_too(wosis: tuple[Path, pd.DataFrame]) -> None:
    table, _ = read(wosis[0], "wosis", "latest/wosis_latest_orgc.csv")
    assert len(table) == 200
    with pytest.raises(HybridmapError, match="none of the wosis formats"):
        read(wosis[0], "wosis", "nothing_here")


def test_wosis_as_geopackage(wosis: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    import geopandas as gpd

    plain = pd.read_csv(wosis[0] / "latest/wosis_latest_orgc.csv")
    gpd.GeoDataFrame(plain, geometry=gpd.points_from_xy(plain["X"], plain["Y"]), crs="EPSG:4326").to_file(
        tmp_path / "wosis_latest_orgc.gpkg", layer="orgc"
    )
    table, _ = read(tmp_path, "wosis_latest", "wosis_latest_orgc.gpkg", layer="orgc")
    expected, _ = read(wosis[0], "wosis_latest", "latest")
    np.testing.assert_allclose(table["oc_g_kg"], expected["oc_g_kg"])


def test_braces_are_averaged(wosis: tuple[Path, pd.DataFrame]) -> None:
    table, _ = read(wosis[0], "wosis_2023", "2023", columns={"oc_g_kg": {"column": "value", "unit": "g/kg"}})
    expected, _ = read(wosis[0], "wosis_2023", "2023")
    np.testing.assert_allclose(table["oc_g_kg"], expected["oc_g_kg"])


def test_raca_takes_carbonate_from_total_carbon(tmp_path: Path) -> None:
    soils = places(40, (-100, 35, -90, 45))
    surveys.write_raca(tmp_path, soils)
    table, _ = read(tmp_path, "raca_samples", grid=CONUS)
    expected = surveys.profiles(soils, 0)["oc"].to_numpy()
    assert len(table) == 160
    assert table["oc_g_kg"].to_numpy() == pytest.approx(expected, abs=0.02)


def test_conus_profiles_are_matrices_without_names(tmp_path: Path) -> None:
    surveys.write_conus_profiles(tmp_path, places(30, (-100, 35, -90, 45)))
    table, _ = read(tmp_path, "conus_profiles", grid=CONUS)
    layers = surveys.profiles(places(30, (-100, 35, -90, 45)), 0)
    assert table["soc_density_kg_m3"].to_numpy() == pytest.approx((layers["oc"] * layers["bd_fine"]).to_numpy())


OPEN = {
    "israd": "israd",
    "sodah": "sodah",
    "neon": "sodah",
    "soilksatdb": "soilksatdb",
    "soter": "soter_soveur",
    "moc_synthesis": "moc_synthesis/moc_synthesis_no_lucas.csv",
    "microbial_biomass_xu": "microbial_biomass_xu/xu2014_microbial_biomass_spatial.csv.gz",
    "usgs_ds801": "usgs_ds801",
}


@pytest.mark.parametrize(("name", "path"), OPEN.items(), ids=OPEN)
def test_open_data_are_read_by_their_name(shared: Path, name: str, path: str) -> None:
    world = {"crs": "EPSG:4326", "resolution": 1, "bounds": [-180, -90, 180, 90]}
    table, _ = read(shared / "data", name, path, grid=world)
    assert len(table) > 1000
    assert table[["oc_g_kg", "moc_g_kg", "mbc_g_kg"]].notna().any(axis=None)


@pytest.mark.parametrize("name", format_names())
def test_formats_are_complete(name: str) -> None:
    known = read_format(name)
    assert known.title
    assert known.obtain
    assert known.notes
    assert known.citation
    assert bool(known.source) != bool(known.join)


def test_unknown_formats_name_the_nearest() -> None:
    with pytest.raises(HybridmapError, match=r"no format 'lucas2018' .did you mean 'lucas_2018'"):
        read_format("lucas2018")


def test_the_pages_of_the_docs_are_those_of_the_formats() -> None:
    pages = {page.stem: page.read_text() for page in (ROOT / "docs/formats").glob("*.md") if page.stem != "README"}
    assert pages == {name: format_page(name) for name in format_names()}, "run: hybridmap formats --out docs/formats"
