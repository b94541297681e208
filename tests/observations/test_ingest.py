"""The generic table reader: units, filters, wide tables, and one clear sentence for what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Column, Config
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.ingest import find_source, ingest, read_source
from hybridmap.observations.schema import SCHEMA

GRID = {"crs": "EPSG:4326", "resolution": 1, "bounds": [-180, -90, 180, 90]}
COLUMNS: dict[str, Any] = {
    "site_id": "id",
    "lon": "x",
    "lat": "y",
    "top_cm": {"column": "top", "unit": "cm"},
    "bottom_cm": {"column": "bottom", "unit": "cm"},
    "oc_g_kg": {"column": "oc", "unit": "pct"},
}
TABLE = "id,x,y,top,bottom,oc,kind\na,10,50,0,20,2.5,soil\nb,11,51,0,20,1,peat\n"


def config(folder: Path, text: str = TABLE, name: str = "t.csv", **source: Any) -> Config:
    (folder / name).write_text(text, encoding="utf-8")
    entry = {"name": "s", "path": name, "licence": "CC0", "columns": COLUMNS, **source}
    return Config.model_validate({"grid": GRID, "data_root": str(folder), "observations": [entry]})


def read(folder: Path, text: str = TABLE, **source: Any) -> pd.DataFrame:
    made = config(folder, text, **source)
    return read_source(made.observations[0], made.data_root, RegionGrid.of(made.grid))


def columns(**changes: Any) -> dict[str, Any]:
    return {**COLUMNS, **changes}


def test_common_schema_with_units_and_rows(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert list(table) == list(SCHEMA.layer_columns)
    assert table["oc_g_kg"].tolist() == [25.0, 10.0]
    assert table["source_row"].tolist() == [2, 3]
    assert table["licence"].tolist() == ["CC0", "CC0"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_any_delimiter_and_decimal_commas(tmp_path: Path, delimiter: str) -> None:
    text = TABLE.replace(",", delimiter).replace("2.5", "2,5")
    assert read(tmp_path, text)["oc_g_kg"].tolist() == [25.0, 10.0]


def test_filters_keep_and_drop(tmp_path: Path) -> None:
    assert read(tmp_path, where={"kind": ["soil"]})["site_id"].tolist() == ["a"]
    assert read(tmp_path, exclude={"kind": ["soil"]})["site_id"].tolist() == ["b"]


def test_values_below_the_detection_limit_stay_in_the_data(tmp_path: Path) -> None:
    text = "id,x,y,top,bottom,oc\na,1,1,0,20,<LOD\nb,2,2,0,20,< 0.4\nc,3,3,0,20,-0.1\nd,4,4,0,20,NA\n"
    table = read(tmp_path, text, columns=columns(oc_g_kg={"column": "oc", "unit": "pct", "detection_limit": 0.2}))
    assert table["oc_g_kg"].tolist()[:3] == [1.0, 2.0, 1.0]
    assert np.isnan(table["oc_g_kg"][3])
    assert table["oc_flag"].tolist() == ["lod", "lod", "lod", "ok"]


def test_wide_tables_and_cumulative_stocks_become_layers(tmp_path: Path) -> None:
    text = "id,x,y,s5,s30\na,1,1,10,40\n"
    base = {k: COLUMNS[k] for k in ("site_id", "lon", "lat")}
    layers = [
        {
            "top_cm": {"value": 0, "unit": "cm"},
            "bottom_cm": {"value": 5, "unit": "cm"},
            "soc_stock_kg_m2": {"column": "s5", "unit": "Mg/ha"},
        },
        {
            "top_cm": {"value": 5, "unit": "cm"},
            "bottom_cm": {"value": 30, "unit": "cm"},
            "soc_stock_kg_m2": {"column": "s30", "minus": "s5", "unit": "Mg/ha"},
        },
    ]
    table = read(tmp_path, text, columns=base, layers=layers)
    # 10 Mg/ha = 1 kg/m2 in 5 cm; 30 Mg/ha in 25 cm.
    assert table["soc_density_kg_m3"].tolist() == pytest.approx([20.0, 12.0])


def test_joined_identifiers_and_years_from_dates(tmp_path: Path) -> None:
    text = TABLE.replace(",kind", ",date").replace("soil", "06-07-18").replace("peat", "2009-05-01")
    table = read(tmp_path, text, columns=columns(site_id={"column": "id", "also": ["x", "y"]}, year="date"))
    assert table["site_id"].tolist() == ["a|10|50", "b|11|51"]
    assert table["year"].tolist() == [2018.0, 2009.0]


def test_molar_units_of_microbial_carbon(tmp_path: Path) -> None:
    table = read(tmp_path, columns=columns(mbc_g_kg={"column": "oc", "unit": "mmol/kg", "factor": 2}))
    assert table["mbc_g_kg"][0] == pytest.approx(2 * 2.5 * 12.011 / 1000)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("misspelt column", {"columns": columns(lon="xx")}, r"t\.csv: no column 'xx' for 'lon' \(did you mean 'x'\?\)"),
    ("misspelt field", {"columns": columns(oc_gkg="oc")}, r"'oc_gkg' is no field.*'oc_g_kg'"),
    ("unknown unit", {"columns": columns(oc_g_kg={"column": "oc", "unit": "g/acre"})}, r"'oc'.*unknown unit 'g/acre'"),
    ("no unit", {"columns": columns(oc_g_kg="oc")}, r"'oc' for 'oc_g_kg': needs a 'unit'"),
    ("misspelt filter", {"where": {"kindd": ["soil"]}}, r"no column 'kindd' for a filter"),
    ("nothing passes", {"where": {"kind": ["rock"]}}, r"no row passes"),
    ("text as number", {"columns": columns(oc_g_kg={"column": "kind", "unit": "pct"})}, r"row 2 holds 'soil'"),
    ("required field", {"columns": {k: v for k, v in COLUMNS.items() if k != "lat"}}, r"'lat' is not mapped"),
    ("nothing measured", {"columns": {k: v for k, v in COLUMNS.items() if k != "oc_g_kg"}}, r"no measured quantity"),
    ("missing file", {"path": "nowhere.csv"}, r"nowhere\.csv: no such table"),
]


@pytest.mark.parametrize(("source", "says"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_tables_end_with_one_sentence_and_no_output(tmp_path: Path, source: dict[str, Any], says: str) -> None:
    made, out = config(tmp_path, **source), tmp_path / "out" / "s.parquet"
    with pytest.raises(HybridmapError, match=says) as error:
        ingest(made.observations[0], made.data_root, RegionGrid.of(made.grid), out, tmp_path / "out" / "s.csv")
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_one_site_with_two_coordinates_names_both_rows(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"site 'a' has two coordinates, \(10.0, 50.0\) in row 2 and .* row 3"):
        read(tmp_path, TABLE.replace("b,11", "a,11"))


def test_unstated_detection_limit_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"row 2 is below a detection limit"):
        read(tmp_path, TABLE.replace("2.5", "<LOD"))


def test_empty_identifier_names_the_row(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"row 3 has no site identifier"):
        read(tmp_path, TABLE.replace("b,11", ",11"))


def test_gzip_parquet_and_geopackage_say_the_same(tmp_path: Path) -> None:
    import gzip
    import io

    import geopandas as gpd

    plain = read(tmp_path)
    made = config(tmp_path)
    frame = pd.read_csv(io.StringIO(TABLE))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    frame.to_parquet(tmp_path / "t.parquet")
    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["x"], frame["y"]), crs="EPSG:4326")
    points.to_crs("EPSG:3035").drop(columns=["x", "y"]).to_file(tmp_path / "t.gpkg")
    for name, places in (("t.csv.gz", {}), ("t.parquet", {}), ("t.gpkg", {"lon": "lon", "lat": "lat"})):
        source = made.observations[0].model_copy(
            update={"path": name, "columns": made.observations[0].columns | _columns(places)}
        )
        table = read_source(source, made.data_root, RegionGrid.of(made.grid))
        numbers = ["lon", "lat", "top_cm", "bottom_cm", "oc_g_kg"]
        np.testing.assert_allclose(table[numbers], plain[numbers], atol=1e-9)
        assert table["site_id"].tolist() == ["a", "b"]


def _columns(names: dict[str, str]) -> dict[str, Column]:
    return {field: Column(column=name) for field, name in names.items()}


def test_a_truncated_gzip_is_one_sentence(tmp_path: Path) -> None:
    import gzip

    made = config(tmp_path, path="t.csv.gz")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TABLE.encode() * 50)[:60])
    with pytest.raises(HybridmapError, match=r"t\.csv\.gz: cannot be read as a table"):
        read_source(made.observations[0], made.data_root, RegionGrid.of(made.grid))


def test_ingest_writes_geoparquet(tmp_path: Path) -> None:
    import geopandas as gpd

    made = config(tmp_path)
    ingest(made.observations[0], made.data_root, RegionGrid.of(made.grid), tmp_path / "s.parquet", tmp_path / "s.csv")
    table = gpd.read_parquet(tmp_path / "s.parquet")
    assert table.crs.to_epsg() == 4326
    assert table.geometry.x.tolist() == [10.0, 11.0]


def test_an_unknown_source_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"no observation source 'ss' .did you mean 's'.*there are \['s'\]"):
        find_source(config(tmp_path).observations, "ss")


@pytest.mark.parametrize("order", [1, -1])
def test_a_property_may_also_be_a_quantity_of_the_region_and_two_quantities_are_never_one_column(order: int) -> None:
    from hybridmap.check.tables import check_mapping
    from hybridmap.config import DeclaredQuantity, ObservationSource
    from hybridmap.config.quantities import all_quantities
    from hybridmap.observations.schema import Schema

    declared = [DeclaredQuantity(name=name, unit="g cm-3") for name in ("bulk_density", "other")]
    schema = Schema(all_quantities(declared))
    place = {"site_id": "a", "lon": "b", "lat": "c"}
    place |= {name: {"value": 0, "unit": "cm"} for name in ("top_cm", "bottom_cm")}

    def source(*names: str) -> ObservationSource:
        fields = {name: {"column": "db", "unit": "g/cm3"} for name in names[::order]}
        return ObservationSource.model_validate({"name": "s", "path": "s.csv", "columns": {**place, **fields}})

    check_mapping(source("bd_fine_g_cm3", "bulk_density"), schema)
    with pytest.raises(HybridmapError, match="are both read from the column 'db'; correct 'columns'"):
        check_mapping(source("other", "bulk_density"), schema)
