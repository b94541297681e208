"""Tables that are not what they seem: each is refused in a sentence that names file, column or row, and what to do."""

# ruff: noqa: E501 -- a case a line reads best

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.ingest import ingest

GRID = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [3_900_000, 2_500_000, 4_500_000, 3_300_000]}
COLUMNS: dict[str, Any] = {
    "site_id": "id",
    "lon": "x",
    "lat": "y",
    "top_cm": {"column": "top", "unit": "cm"},
    "bottom_cm": {"column": "bottom", "unit": "cm"},
    "oc_g_kg": {"column": "oc", "unit": "g/kg"},
    "bd_fine_g_cm3": {"column": "bd", "unit": "g/cm3"},
    "cf_vol": {"column": "cf", "unit": "fraction"},
    "clay_pct": {"column": "clay", "unit": "pct"},
    "mbc_g_kg": {"column": "mbc", "unit": "g/kg"},
}


def table() -> pd.DataFrame:
    """Thirty sound rows around Frankfurt."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(30)],
            "x": random.uniform(7.0, 10.5, 30).round(4),
            "y": random.uniform(48.5, 51.5, 30).round(4),
            "top": 0,
            "bottom": 20,
            "oc": random.uniform(10, 40, 30).round(2),
            "bd": random.uniform(1.0, 1.5, 30).round(2),
            "cf": random.uniform(0.0, 0.3, 30).round(3),
            "clay": random.uniform(5, 45, 30).round(1),
            "mbc": random.uniform(0.1, 0.8, 30).round(3),
        }
    )


def plain(**changes: Any) -> bytes:
    return table().assign(**changes).to_csv(index=False).encode()


def edited(edit: Callable[[list[str]], list[str]]) -> bytes:
    return "\n".join(edit(table().to_csv(index=False).splitlines())).encode()


def row(number: int, text: str) -> Callable[[list[str]], list[str]]:
    """Replace one row of the file (header: 1)."""
    return lambda lines: [*lines[: number - 1], text, *lines[number:]]


T = table()
GOOD_ROW = T.to_csv(index=False).splitlines()[4]
# Name → content, keys of the source, what the sentence must say.
CASES: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "empty": (b"", {}, r"the file is empty"),
    "blank_first_line": (b"\n" + plain(), {}, r"its first line is empty; the header belongs there"),
    "header_only": (b"id,x,y,top,bottom,oc,bd,cf,clay,mbc\n", {}, r"no row passes .*the table has no rows"),
    "web_page": (b"<!DOCTYPE html><html>login</html>", {}, r"is a web page, not a table; the download needs a login"),
    "excel": (b"PK\x03\x04" + bytes(50), {}, r"is a zip archive or an Excel workbook; unpack it, or save"),
    "old_excel": (b"\xd0\xcf\x11\xe0" + bytes(50), {}, r"is an old Excel workbook; save the sheet as CSV"),
    "pdf": (b"%PDF-1.4 ...", {}, r"is a PDF; get the table itself"),
    "lfs_pointer": (b"version https://git-lfs.github.com/spec/v1\noid", {}, r"fetch it with git lfs pull"),
    "utf16": (plain().decode().encode("utf-16"), {}, r"is UTF-16 text; set 'encoding: utf-16'"),
    "binary": (b"id\x00x,y\x00,top\n" + bytes(90), {}, r"it holds binary data"),
    "latin1": (plain(id=["Köln", *T["id"][1:]]).decode().encode("latin-1"), {}, r"row 2: byte 0xf6 is no utf-8 text; set"),
    "latin1_late": (plain(id=[*T["id"][:-1], "Köln"]).decode().encode("latin-1"), {}, r"row 31: byte 0xf6"),
    "duplicate_header": (plain().replace(b"clay", b"oc", 1), {}, r"has 'oc' more than once \(columns 6, 9\)"),
    "too_many_cells": (edited(row(5, GOOD_ROW + ",7")), {}, r"row 5 has 11 cells under a header of 10; look for a decimal comma"),
    "cut_off_line": (edited(row(31, "s29,8.1,50")), {}, r"row 31 has 3 cells under a header of 10; .*cut-off line"),
    "decimal_comma": (edited(row(5, GOOD_ROW.replace("0.", "0,", 1))), {}, r"row 5 has 11 cells under a header of 10"),
    "no_such_column": (plain(), {"columns": {**COLUMNS, "oc_g_kg": {"column": "OC", "unit": "g/kg"}}},
                       r"no column 'OC' for 'oc_g_kg' .did you mean 'oc'"),
    "text_for_number": (plain(oc=["much", *T["oc"][1:]]), {}, r"column 'oc' for 'oc_g_kg': row 2 holds 'much', expected"),
    "text_for_coordinate": (plain(x=[*T["x"][:5], "8°30'E", *T["x"][6:]]), {}, r"row 7 holds '8°30'E', expected a number"),
    "no_identifier": (plain(id=["", *T["id"][1:]]), {}, r"row 2 has no site identifier"),
    "two_places": (plain(id=["s1", *T["id"][1:]]), {}, r"site 's1' has two coordinates, .* in row 2 and .* in row 3"),
    "swapped": (plain(x=T["y"], y=T["x"]), {}, r"longitude \('x'\) and latitude \('y'\) look swapped, first in row 2"),
    "swapped_far_east": (plain(x=T["y"], y=T["x"] + 100), {}, r"look swapped"),
    "metres": (plain(x=T["x"] * 1e5 + 4e6, y=T["y"] * 6e4), {}, r"row 2 has coordinates .*expected degrees .*'crs'"),
    "no_such_crs": (plain(), {"crs": "EPSG:1"}, r"crs 'EPSG:1' is no known projection"),
    "elsewhere": (plain(x=T["x"] - 110), {}, r"no row passes .*because outside the bounds of the region"),
    "percent_for_g_kg": (plain(oc=T["oc"] / 40), {}, r"column 'oc' .*lies around 0\.\d+ .*looks like percent"),
    "mg_kg_for_g_kg": (plain(oc=T["oc"] * 1000), {}, r"column 'oc' .*which no soil has"),
    "density_in_kg_m3": (plain(bd=T["bd"] * 1000), {}, r"column 'bd' for 'bd_fine_g_cm3': .*looks like kg/m3"),
    "percent_for_share": (plain(cf=T["cf"] * 100), {}, r"column 'cf' for 'cf_vol': .*looks like percent, not a fraction"),
    "share_for_percent": (plain(clay=T["clay"] / 100), {}, r"column 'clay' .*looks like a fraction, not percent"),
    "biomass_in_ug_g": (plain(mbc=T["mbc"] * 1000), {}, r"column 'mbc' .*looks like ug/g"),
    "metres_for_cm": (plain(bottom=0.2), {}, r"column 'bottom' for 'bottom_cm': .*looks like m, not cm"),
    "millimetres_for_cm": (plain(bottom=2000), {}, r"column 'bottom' .*looks like mm, not cm"),
    "unstated_limit": (plain(oc=["< LOD", *T["oc"][1:]]), {}, r"row 2 is below a detection limit that the table does not"),
    "depth_in_words": (plain(top=["top soil", *["0-20 cm"] * 29]),
                       {"columns": {**COLUMNS, "top_cm": {"column": "top", "pick": "first", "unit": "cm"}}},
                       r"row 2 holds 'top soil', expected a range such as '0-20 cm'"),
    "filter_of_nothing": (plain(), {"where": {"id": ["x*"]}}, r"no row passes .*'id' is not one of \['x\*'\]"),
    "no_licence": (plain(), {"licence": ""}, r"source 's': 'licence' is missing"),
    "no_columns": (plain(), {"columns": {}}, r"source 's': no columns are mapped; add 'columns', or a known 'format'"),
    "unknown_format": (plain(), {"format": "wosis_2032"}, r"no format 'wosis_2032' .did you mean 'wosis_20"),
    "another_format": (plain(), {"format": "lucas_2018", "columns": {}}, r"t\.csv: no column 'POINTID' of the format"),
    "repeated_key": (plain(), {"joins": [{"path": "twice.csv", "by": {"id": "id"}, "take": {"v": "v"}}]},
                     r"twice\.csv: row 3 repeats 's1' with other values; say with 'combine'"),
    "text_to_average": (plain(), {"joins": [{"path": "words.csv", "by": {"id": "id"}, "take": {"v": "v"}, "combine": "mean"}]},
                        r"words\.csv: column 'v': row 3 holds 'many', expected a number"),
    "no_key": (plain(), {"joins": [{"path": "twice.csv", "by": {"id": "nr"}, "take": {"v": "v"}}]},
               r"twice\.csv: no column 'nr' to join by"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_malformed_tables_end_with_one_sentence_and_no_output(tmp_path: Path, case: str) -> None:
    content, keys, says = CASES[case]
    (tmp_path / "t.csv").write_bytes(content)
    (tmp_path / "twice.csv").write_text("id,v\ns1,1\ns1,2\n")
    (tmp_path / "words.csv").write_text("id,v\ns1,1\ns1,many\n")
    _refused(tmp_path, "t.csv", keys, says)


def _refused(folder: Path, path: str, keys: dict[str, Any], says: str) -> None:
    entry = {"name": "s", "path": path, "licence": "CC0", "columns": COLUMNS, **keys}
    config = Config.model_validate({"grid": GRID, "data_root": str(folder), "observations": [entry]})
    out = folder / "out" / "s.parquet"
    with pytest.raises(HybridmapError, match=says) as error:
        ingest(config.observations[0], config.data_root, RegionGrid.of(config.grid), out, folder / "out" / "s.csv")
    assert "\n" not in str(error.value)
    assert not out.parent.exists()


def test_the_sound_table_passes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(plain())
    entry = {"name": "s", "path": "t.csv", "licence": "CC0", "columns": COLUMNS}
    config = Config.model_validate({"grid": GRID, "data_root": str(tmp_path), "observations": [entry]})
    ingest(config.observations[0], config.data_root, RegionGrid.of(config.grid), tmp_path / "s.parquet")
    assert len(pd.read_parquet(tmp_path / "s.parquet")) == 30


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv.gz", gzip.compress(plain() * 20)[:200], r"t\.csv\.gz: cannot be read as a table"),
        ("t.csv.gz", plain(), r"t\.csv\.gz: cannot be read as a table \(Not a gzipped file"),
        ("t.parquet", b"PAR1 and nothing", r"t\.parquet: cannot be read as a table"),
        ("t.gpkg", b"SQLite format 3\x00 and nothing", r"t\.gpkg: cannot be read as a table"),
        ("t.nc", b"\x89HDF and nothing", r"t\.nc: cannot be read as a table"),
        ("folder", None, r"folder: no such table; check 'path'"),
    ],
)
def test_damaged_files_of_every_kind(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    _refused(tmp_path, name, {"variable_columns": ["id"], "layer": "v"} if name == "t.nc" else {}, says)


def test_a_unit_that_looks_wrong_passes_when_trusted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(plain(oc=table()["oc"] / 40))
    columns = {**COLUMNS, "oc_g_kg": {"column": "oc", "unit": "g/kg", "trust_unit": True}}
    columns.pop("mbc_g_kg")
    entry = {"name": "s", "path": "t.csv", "licence": "CC0", "columns": columns}
    config = Config.model_validate({"grid": GRID, "data_root": str(tmp_path), "observations": [entry]})
    ingest(config.observations[0], config.data_root, RegionGrid.of(config.grid), tmp_path / "s.parquet")


def test_projected_coordinates_are_brought_to_degrees(tmp_path: Path) -> None:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True).transform(
        T["x"].to_numpy(), T["y"].to_numpy()
    )
    (tmp_path / "t.csv").write_bytes(plain(x=x, y=y))
    entry = {"name": "s", "path": "t.csv", "licence": "CC0", "columns": COLUMNS, "crs": "EPSG:3035"}
    config = Config.model_validate({"grid": GRID, "data_root": str(tmp_path), "observations": [entry]})
    ingest(config.observations[0], config.data_root, RegionGrid.of(config.grid), tmp_path / "s.parquet")
    found = pd.read_parquet(tmp_path / "s.parquet")
    np.testing.assert_allclose(found[["lon", "lat"]], T[["x", "y"]], atol=1e-6)


@pytest.mark.parametrize("fill", [b"1", b",", b'"', b"a,"])
def test_a_line_without_end_is_refused_soon(tmp_path: Path, fill: bytes) -> None:
    """A megabyte of gzip may hold a gigabyte of one line: reading ends with the first megabytes of it."""
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        file.write(plain() + b"\n")
        for _ in range(64):
            file.write(fill * ((1 << 20) // len(fill)))
    config = Config.model_validate(
        {"grid": GRID, "data_root": str(tmp_path), "observations": [
            {"name": "s", "path": "t.csv.gz", "licence": "CC0", "columns": COLUMNS}]}
    )  # fmt: skip
    start = time.monotonic()
    with pytest.raises(HybridmapError, match=r"t\.csv\.gz: a line of over 8 MB"):
        ingest(config.observations[0], config.data_root, RegionGrid.of(config.grid), tmp_path / "o", tmp_path / "q")
    assert time.monotonic() - start < 10
