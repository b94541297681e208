"""Other members of the kinds of S1 to U10 that nobody had listed: tried by strangers, a case each."""

# ruff: noqa: E501 -- a case a line reads best

import lzma
from pathlib import Path

import numpy as np
import pandas as pd
from cases.files import Percent, frame, open_document, table
from cases.harness import (
    BD,
    EUROPE,
    MANRIQUE,
    OC,
    STATES,
    WORLD,
    Case,
    all_of,
    counts,
    holds,
    layers,
    parametrised,
    refuses,
    says,
    silent_about,
    sites,
)

LIMIT = "oc_g_kg: {column: oc, unit: g/kg, detection_limit: 2}"
TEXT = table("oc", "20", "30")
HEADER = ["id", "lon", "lat", "top", "bot", "oc"]


def sheet(*contents: object) -> list[list[object]]:
    """Rows of a sheet; numbers are numbers, texts are texts."""
    return [HEADER, *([f"S{k}", 10 + k / 10, 50, 0, 20, content] for k, content in enumerate(contents))]


PERCENT = OC.replace("g/kg", "pct")
STRUCTS = frame(oc=[{"a": 1.0}, {"a": 2.0}])

CELLS = [
    Case(
        "repeated_minus_one_is_no_noise",
        frame(oc=[20.0, -1.0, -1.0]),
        (refuses(r"t\.parquet", "oc", "row 3", "missing", "not_detected"),),
        LIMIT,
        path="t.parquet",
    ),
    Case(
        "varied_noise", frame(oc=[20.0, -1.0, -0.5]), (layers(oc_g_kg={"B": 1.0, "C": 1.0}),), LIMIT, path="t.parquet"
    ),
    Case(
        "minus_one_not_detected",
        frame(oc=[20.0, -1.0, -1.0]),
        (layers(oc_g_kg={"A": 20.0, "B": 1.0, "C": 1.0}, oc_flag={"A": "ok", "B": "lod"}),),
        LIMIT,
        "not_detected: ['-1']",
        path="t.parquet",
    ),
    Case(
        "typed_number_not_detected_without_limit",
        frame(oc=[20.0, 0.5]),
        (refuses(r"t\.parquet", "oc", "row 3", "detection_limit"),),
        OC,
        "not_detected: ['0.5']",
        path="t.parquet",
    ),
    Case("struct_is_no_list_of_repeats", STRUCTS, (refuses(r"t\.parquet", "oc", "row 2"),), path="t.parquet"),
    Case(
        "index_of_pandas_is_a_column",
        frame(oc=[20.0, 30.0]).set_index("id"),
        (layers(oc_g_kg={"A": 20.0, "B": 30.0}),),
        path="t.parquet",
    ),
    Case(
        "stored_number_beside_a_decimal_comma",
        sheet(1.684, 2.345, "3,5"),
        (refuses(r"t\.xlsx", "oc", "row 2", "thousands"),),
        PERCENT,
        path="t.xlsx",
    ),
    Case(
        "stored_number_by_key",
        sheet(1.684, 2.345, "3,5"),
        (layers(oc_g_kg={"S0": 16.84, "S1": 23.45, "S2": 35.0}),),
        PERCENT,
        "thousands: ''",
        path="t.xlsx",
    ),
    Case(
        "stored_decimals_beside_a_comma_that_is_either",
        sheet("1,684", 30.5),
        (refuses(r"t\.xlsx", "oc", "row 2", "decimal"),),
        OC.replace("g/kg", "mg/kg"),
        path="t.xlsx",
    ),
    *(
        Case(
            f"shown_in_percent_under_{name}",
            sheet(Percent(0.02), 3.5, Percent(0.1)),
            (layers(oc_g_kg=right),),
            OC.replace("g/kg", unit),
            path="t.xlsx",
        )
        for name, unit, right in (
            ("percent", "pct", {"S0": 20.0, "S1": 35.0, "S2": 100.0}),
            ("g_kg", "g/kg", {"S0": 20.0, "S1": 3.5, "S2": 100.0}),
        )
    ),
    Case(
        "all_shown_in_percent_as_a_share",
        sheet(Percent(0.02), Percent(0.1)),
        (layers(oc_g_kg={"S0": 20.0, "S1": 100.0}),),
        OC.replace("g/kg", "kg/kg"),
        path="t.xlsx",
    ),
    Case(
        "shown_in_percent_by_another_program",
        open_document("20", 0.02),
        (layers(oc_g_kg={"A": 20.0, "B": 20.0}),),
        PERCENT.replace("pct", "g/kg"),
        path="t.ods",
    ),
    Case(
        "units_in_cells",
        table("oc", "12 g/kg", "1.2 %", "14", "<0.2 %", "1500 mg kg-1"),
        (layers(oc_g_kg={"A": 12.0, "B": 12.0, "C": 14.0, "D": 1.0, "E": 1.5}), says("oc", "3 cells", "1.2 %")),
        LIMIT,
    ),
    Case(
        "constant_that_is_no_number",
        TEXT,
        (refuses("bd_fine_g_cm3", "'high'", "number"),),
        f"{OC}, bd_fine_g_cm3: {{value: high, unit: g/cm3}}",
    ),
    Case(
        "constant_that_is_no_year", TEXT, (refuses("year", "'2109'|'2109.0'", "1850"),), f"{OC}, year: {{value: 2109}}"
    ),
    Case("constant_day", TEXT, (layers(year={"A": 2018.0}),), f"{OC}, year: {{value: '2018-06-01'}}"),
    Case("no_unit_in_a_cell", table("oc", "12 g/kg", "1.2 apples"), (refuses("oc", "row 3", "1.2 apples"),)),
    Case(
        "metres_in_cells",
        TEXT.replace(",0,20,", ",0 m,0.2 m,", 1),
        (layers(bottom_cm={"A": 20.0, "B": 20.0}), says("0.2 m")),
    ),
    Case(
        "texts_of_a_sheet", sheet("1,68", "2,35"), (layers(oc_g_kg={"S0": 16.8, "S1": 23.5}),), PERCENT, path="t.xlsx"
    ),
    *(
        Case(
            f"no_limit_of_{name}",
            table("oc,x", "20,<1.2", "20,1.1"),
            (refuses(r"t\.csv", f"'{field}'", "row 2", "<1.2"),),
            f"{OC}, {field}: {{column: x{unit}}}",
            depth=depth,
        )
        for name, field, unit, depth in (
            ("a_depth", "bottom_cm", ", unit: m", "top_cm: {column: top, unit: cm}"),
            (
                "a_density",
                "bd_fine_g_cm3",
                ", unit: g/cm3",
                "top_cm: {column: top, unit: cm}, bottom_cm: {column: bot, unit: cm}",
            ),
        )
    ),
    Case("no_limit_of_a_place", table("oc", "20").replace(",50,", ",<50,"), (refuses("lat", "row 2", "<50"),)),
    Case(
        "a_limit_of_stones",
        table("oc,bd,cf", "20,1,<10"),
        (sites(soc_density_kg_m3={"A": 19.0}),),
        f"{OC}, {BD}, cf_vol: {{column: cf, unit: pct}}",
    ),
]


@parametrised("more_cells", CELLS)
def test_cells(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


RIGHT = layers(oc_g_kg={"A": 20.0, "B": 30.0}, source_row={"A": 2, "B": 3})

FILES = [
    Case("xz", lzma.compress(TEXT.encode()), (RIGHT,), path="t.csv.xz"),
    Case("utf_16_without_a_mark", TEXT.encode("utf-16-le"), (refuses(r"t\.csv", "encoding: utf-16-le"),)),
    Case("utf_16_in_the_other_order", TEXT.encode("utf-16-be"), (refuses(r"t\.csv", "encoding: utf-16-be"),)),
    Case("utf_16_told", TEXT.encode("utf-16-le"), (RIGHT,), source="encoding: utf-16-le"),
    Case("mark_of_utf_8", "\ufeff" + TEXT, (refuses(r"t\.csv", "UTF-8", "encoding"),), source="encoding: cp1252"),
    Case("zstd", b"\x28\xb5\x2f\xfd" + b"0" * 60, (refuses(r"t\.csv\.zst", "unpack"),), path="t.csv.zst"),
    Case("seven_zip", b"7z\xbc\xaf\x27\x1c" + b"0" * 60, (refuses(r"t\.7z", "unpack"),), path="t.7z"),
    Case("database", b"SQLite format 3\x00" + b"0" * 90, (refuses(r"t\.db", "GeoPackage"),), path="t.db"),
    Case("feather", b"ARROW1\x00\x00" + b"0" * 60, (refuses(r"t\.feather", "CSV or Parquet"),), path="t.feather"),
    Case("inch_mark", table("rem,oc", '5" core,20', "none,30"), (RIGHT,)),
    Case(
        "inch_marks_beside_cells_of_two_lines",
        table("rem,oc", '"dry\nand ""stony""",20', '6" core,30', '7" core,40'),
        (layers(oc_g_kg={"A": 20.0, "B": 30.0, "C": 40.0}, source_row={"A": 2, "B": 4, "C": 5}),),
    ),
    Case("mark_after_a_backslash", table("oc,rem", '20,"a \\" b"', "30,c"), (RIGHT,)),
    Case(
        "letters_in_two_pieces",
        TEXT.replace("id,", "Gro\u0308ße,"),
        (RIGHT,),
        place="site_id: Größe, lon: lon, lat: lat",
    ),
    Case(
        "name_of_two_lines_in_one_sentence",
        TEXT.replace(",oc\n", ',"soil\r\noc"\n', 1),
        (refuses(r"t\.csv", "soil oc", r"soil\\noc"),),
        "oc_g_kg: {column: soil oc, unit: g/kg}",
    ),
    Case(
        "name_of_two_windows_lines",
        TEXT.replace(",oc\n", ',"soil\r\noc"\n', 1),
        (layers(oc_g_kg={"A": 20.0, "B": 30.0}),),
        'oc_g_kg: {column: "soil\\noc", unit: g/kg}',
    ),
]


@parametrised("more_files", FILES)
def test_files(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


WORDS = "top_cm: {column: d, pick: first, unit: cm}, bottom_cm: {column: d, pick: second, unit: cm}"


def in_words(name: str, cell: str, *expects: object) -> Case:
    """A depth in words, beside an ordinary one."""
    text = f"id\tlon\tlat\td\toc\nA\t10\t50\t{cell}\t20\nB\t10.1\t50\t0-20\t20\n"
    return Case(name, text, expects or (layers(top_cm={"A": 0.0}, bottom_cm={"A": 20.0}),), depth=WORDS)  # type: ignore[arg-type]


DATE = refuses(r"t\.csv", "'d'", "row 2", "date")

DEPTHS = [
    *(in_words(f"dash_{ord(dash):x}", f"0{dash}20") for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d~"),
    in_words("french", "0 à 20 cm"),
    in_words("minus_signs", "\u22125\u22120", layers(top_cm={"A": -5.0}, bottom_cm={"A": 0.0})),
    in_words("day_of_a_workbook", "2023/10/20 00:00:00", DATE),
    in_words("number_of_a_day", "45219", DATE),
    in_words("german_day", "20. Okt", DATE),
    in_words("two_parts_of_a_day", "20.10.", DATE),
    Case("day_in_a_column_of_numbers", TEXT.replace(",0,20,", ",0,10-Oct,", 1), (refuses("bot", "row 2", "date"),)),
    Case(
        "code_as_the_end",
        TEXT.replace("B,10.1,50,0,20,", "B,10.1,50,60,999,"),
        (layers(bottom_cm={"A": 20.0, "B": None}), counts("thicker", 1)),
    ),
    Case(
        "no_end",
        TEXT.replace("B,10.1,50,0,20,", "B,10.1,50,60,inf,"),
        (layers(oc_g_kg={"A": 20.0}), silent_about("Warning")),
    ),
    Case(
        "all_upside_down",
        table("oc", *["20"] * 6).replace(",0,20,", ",20,0,"),
        (refuses(r"t\.csv", "bot", "downwards", "exchange"),),
    ),
    Case("all_below_zero", table("oc", *["20"] * 6).replace(",0,20,", ",0,-20,"), (refuses(r"t\.csv", "downwards"),)),
    Case("one_upside_down", TEXT.replace(",0,20,", ",20,0,", 1), (counts("upside down", 1),)),
    *(
        Case(
            f"litter_called_{name}",
            f"id,lon,lat,hz,top,bot,oc,bd\nA,10,50,{word},0,8,400,0.1\nA,10,50,A,8,28,40,1.1\n",
            (sites(soc_density_kg_m3={"A": 44.0}), counts("organic horizon", 1)),
            f"{OC}, {BD}, horizon: hz",
        )
        for name, word in {
            "a_word": "Litter",
            "l_and_f": "L/F",
            "h_1": "H1",
            "forest_floor": "forest floor (Of)",
        }.items()
    ),
]


@parametrised("more_depths", DEPTHS)
def test_depths(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def at(name: str, expects: object, *places: str, crs: str = "", grid: object = EUROPE, place: str = "") -> Case:
    """Sites at coordinates as text."""
    rows = "".join(f"S{k},{place_},0,20,20\n" for k, place_ in enumerate(places))
    keys = {"source": f"crs: {crs}"} if crs else {}
    keys |= {"place": place} if place else {}
    return Case(name, ",".join(HEADER) + "\n" + rows, (expects,), grid=grid, **keys)  # type: ignore[arg-type]


SWAPPED = refuses(r"t\.csv", "swapped", "row 2")

PLACES = [
    at("degrees_called_metres", refuses(r"t\.csv", "row 2", "degrees", "crs"), "10,50", "11,51", crs="EPSG:3035"),
    at("degrees_called_metres_worldwide", refuses("degrees", "crs"), "10,50", crs="EPSG:3857", grid=WORLD),
    at("metres", layers(lon={"S0": 10.0}, lat={"S0": 52.0}), "4321000,3210000", crs="EPSG:3035"),
    at("swapped_metres", SWAPPED, "5500000,500000", "5510000,500000", crs="EPSG:32632"),
    at("swapped_degrees_with_crs", SWAPPED, "50,10", "51,11", crs="EPSG:4326"),
    at("swapped_in_america", SWAPPED, "40,-100", "41,-101", grid=STATES),
    at("heights", refuses("EPSG:5773", "horizontal"), "10,50", crs="EPSG:5773"),
    at("from_the_centre_of_the_earth", refuses("EPSG:4978", "horizontal"), "10,50", crs="EPSG:4978"),
    at("beyond_minus_180", layers(lon={"S0": 170.0, "S1": 10.0}), "-190,50", "10,50", grid=WORLD),
    at(
        "one_column_twice", refuses("'lon' and 'lat'", "column 'lon'"), "10,50", place="site_id: id, lon: lon, lat: lon"
    ),
]


@parametrised("more_places", PLACES)
def test_places(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def joined(keys: str = "", take: str = "{bdj: bd}") -> str:
    """A join of densities."""
    return f"joins: [{{path: bd.csv, by: {{id: id}}, take: {take}{keys}, columns: {{bd_fine_g_cm3: {{column: bdj, unit: g/cm3}}}}}}]"


def partner(rows: str) -> dict[str, str]:
    """The joined table."""
    return {"bd.csv": f"id,bd\nA,1.1\nB,1.2\n{rows}"}


USES = "id,lon,lat,top,bot,oc,use\nA,10,50,0,20,20,Forest\nB,10.1,50,0,20,30,forest \nC,10.2,50,0,20,30,For\u00eat  noire\n"

JOINS = [
    Case(
        "mean_leaves_out_the_codes_of_the_user",
        TEXT,
        (layers(bd_fine_g_cm3={"A": 1.1, "B": 1.2}),),
        source="missing: [9], " + joined(", combine: mean"),
        files=partner("A,9\n"),
    ),
    Case(
        "mean_without_the_key",
        TEXT,
        (layers(bd_fine_g_cm3={"A": None}), counts("domain", 1)),
        source=joined(", combine: mean"),
        files=partner("A,9\n"),
    ),
    Case(
        "mean_of_traces",
        TEXT,
        (refuses(r"bd\.csv", "row 4", "<0.5"),),
        source=joined(", combine: mean"),
        files=partner("A,<0.5\n"),
    ),
    Case(
        "takes_a_name_that_is_there",
        TEXT,
        (refuses(r"bd\.csv", "'oc'", "another name", "take"),),
        source=joined(take="{oc: bd, bdj: bd}"),
        files=partner(""),
    ),
    Case(
        "blanks_in_keys",
        TEXT.replace("A,", "A  1,"),
        (counts(r"bd\.csv", 0, rows_before=2),),
        source=joined(),
        files=partner("A\u00a01,1.1\n"),
    ),
    Case(
        "letters_of_keys",
        TEXT.replace("A,", "Größ,"),
        (counts(r"bd\.csv", 0, rows_before=2),),
        source=joined(),
        files=partner("Gro\u0308ß,1.1\n"),
    ),
]
TRUTHS = frame(oc=[20.0, 30.0, 30.0], wet=pd.array([True, False, None], dtype=object))

FILTERS = [
    Case(
        "capitals_of_some",
        USES,
        (layers(oc_g_kg={"A": None, "B": 30.0}), says("'Forest' of 'use'", "capitals")),
        source="where: {use: [forest]}",
    ),
    Case(
        "nothing_kept_names_what_there_is", USES, (refuses(r"t\.csv", "'bog'", "Forest"),), source="where: {use: [bog]}"
    ),
    Case(
        "blanks_and_letters",
        USES,
        (layers(oc_g_kg={"A": None, "C": 30.0}),),
        source='where: {use: ["Fore\u0302t noire"]}',
    ),
    *(
        Case(
            f"truths_with_gaps_{word}",
            TRUTHS,
            (all_of(layers(oc_g_kg={"A": None, "B": 30.0, "C": 30.0}), counts("filter", 1)),),
            source=f'exclude: {{wet: ["{word}"]}}',
            path="t.parquet",
        )
        for word in ("true", "TRUE")
    ),
]


@parametrised("more_joins", JOINS)
def test_joins(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


@parametrised("more_filters", FILTERS)
def test_filters(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


STONES = f"{OC}, {BD}, cf_vol: {{column: cf, unit: pct}}"
PER_WHOLE = f"{OC}, bd_fine_whole_g_cm3: {{column: bd, unit: g/cm3}}, cf_mass: {{column: cf, unit: pct}}"
SHARES = np.round(np.linspace(0.02, 0.6, 30), 3)

DENSITY = [
    Case(
        "fraction_called_percent",
        frame(oc=[20.0] * 30, bd=[1.2] * 30, cf=SHARES),
        (refuses(r"t\.parquet", "'cf'", "fraction", "unit"),),
        STONES,
        path="t.parquet",
    ),
    Case(
        "fraction",
        frame(oc=[20.0] * 30, bd=[1.2] * 30, cf=SHARES),
        (layers(cf_vol={"A": 0.02}),),
        STONES.replace("pct", "fraction"),
        path="t.parquet",
    ),
    Case(
        "few_stones_that_are_trusted",
        frame(oc=[20.0] * 30, bd=[1.2] * 30, cf=SHARES),
        (layers(cf_vol={"A": 0.0002}),),
        STONES.replace("pct", "pct, trust_unit: true"),
        path="t.parquet",
    ),
    # In a cm3, 1.45 g of fine earth and 3 g for each of its grams are 4.35 g of stones: 1.6 cm3.
    Case(
        "more_stones_than_room",
        table("oc,bd,cf", "20,1.45,75"),
        (layers(bd_fine_whole_g_cm3={"A": None}), counts("do not fit", 1)),
        PER_WHOLE,
        build=MANRIQUE,
    ),
    Case(
        "stones_that_fit",
        table("oc,bd,cf", "20,1.05,30"),
        (sites(soc_density_kg_m3={"A": 21.0}), silent_about("do not fit")),
        PER_WHOLE,
        build=MANRIQUE,
    ),
    Case(
        "light_mineral_soil_per_whole",
        table("oc,bd,cf", "20,0.2,"),
        (sites(soc_density_kg_m3={"A": 24.2056}), counts("bulk density outside", 1)),
        PER_WHOLE,
        build=MANRIQUE,
    ),
    Case(
        "as_light_between_stones",
        table("oc,bd,cf", "20,0.2,85"),
        (sites(soc_density_kg_m3={"A": 4.0}),),
        PER_WHOLE,
        build=MANRIQUE,
    ),
]


@parametrised("more_densities", DENSITY)
def test_densities(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
