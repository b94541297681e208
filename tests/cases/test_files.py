"""S20, T1, U2, U3, U4, U5, U8, U10 and the files of section D: whatever program wrote the table."""

# ruff: noqa: E501 -- a case a line reads best

import bz2
import gzip
import io
from pathlib import Path

import geopandas as gpd
import pandas as pd
from cases.files import frame, points, table
from cases.harness import OC, Case, Expectation, all_of, either, holds, layers, parametrised, refuses, says

TEXT = table("oc", "20", "30")
RIGHT = layers(oc_g_kg={"A": 20.0, "B": 30.0}, lon={"A": 10.0, "B": 10.1})
FRAME = frame(oc=[20.0, 30.0])
MUCH = frame(oc=[99.0, 98.0])


def numbered(*rows: int) -> Expectation:
    """The table is right and its layers are in these lines of the file."""
    return all_of(RIGHT, layers(source_row=dict(zip("AB", rows, strict=True))))


NAMES_LAYERS = refuses(r"t\.\w+", "test_points|first", "survey_2018|second", "layer")
STYLES = pd.DataFrame({"f_table_name": ["t"], "styleQML": ["<qgis/>"]})
DENSITY = "joins: [{path: j.gpkg, by: {id: id}, take: {bdj: bd}, columns: {bd_fine_g_cm3: {column: bdj, unit: g/cm3}}}]"

S20 = [
    Case("two_layers", {"test_points": points(MUCH), "survey_2018": points(FRAME)}, (NAMES_LAYERS,), path="t.gpkg"),
    Case(
        "layer_named",
        {"test_points": points(MUCH), "survey_2018": points(FRAME)},
        (RIGHT,),
        source="layer: survey_2018",
        path="t.gpkg",
    ),
    Case(
        "layer_misspelt",
        {"test_points": points(MUCH), "survey_2018": points(FRAME)},
        (refuses(r"t\.gpkg", "survey_2081", "survey_2018"),),
        source="layer: survey_2081",
        path="t.gpkg",
    ),
    Case("one_layer", {"any": points(FRAME)}, (RIGHT,), path="t.gpkg"),
    Case("styles_of_qgis", {"any": points(FRAME), "layer_styles": STYLES}, (RIGHT,), path="t.gpkg"),
    Case(
        "join_of_two_layers",
        TEXT,
        (refuses(r"j\.gpkg", "old", "new", "layer"),),
        source=DENSITY,
        files={"j.gpkg": {"old": points(FRAME.assign(bd=1.0)), "new": points(FRAME.assign(bd=1.2))}},
    ),
    Case("two_sheets", {"first": MUCH, "second": FRAME}, (NAMES_LAYERS,), path="t.xlsx"),
    Case("sheet_named", {"first": MUCH, "second": FRAME}, (RIGHT,), source="layer: second", path="t.xlsx"),
    Case("two_sheets_of_ods", {"first": MUCH, "second": FRAME}, (NAMES_LAYERS,), path="t.ods"),
    Case("two_members", {"first.csv": TEXT.replace("20", "99"), "second.csv": TEXT}, (NAMES_LAYERS,), path="t.zip"),
    Case(
        "member_named",
        {"first.csv": TEXT.replace("20", "99"), "second.csv": TEXT},
        (RIGHT,),
        source="layer: second.csv",
        path="t.zip",
    ),
]


@parametrised("S20", S20)
def test_one_of_several_layers_is_named(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


HORIZONS = FRAME.drop(columns=["lon", "lat"])
SITES = points(FRAME[["id", "lon", "lat"]])
BY_SITE = "joins: [{path: t.gpkg, layer: sites, by: {id: id}, take: {lon: lon, lat: lat}}]"

T1 = [
    Case(
        "sites_and_horizons",
        {"sites": SITES, "horizons": HORIZONS},
        (RIGHT,),
        source=f"layer: horizons, {BY_SITE}",
        path="t.gpkg",
    ),
    Case(
        "horizons_first",
        {"horizons": HORIZONS, "sites": SITES},
        (RIGHT,),
        source=f"layer: horizons, {BY_SITE}",
        path="t.gpkg",
    ),
    Case(
        "sites_in_another_projection",
        {"sites": points(FRAME[["id", "lon", "lat"]], "EPSG:3035"), "horizons": HORIZONS},
        (RIGHT,),
        source=f"layer: horizons, {BY_SITE}",
        path="t.gpkg",
    ),
    Case("table_with_coordinates", {"horizons": FRAME}, (RIGHT,), path="t.gpkg"),
    Case(
        "table_joined_to_text",
        table("x", "1", "1"),
        (RIGHT,),
        source="joins: [{path: h.gpkg, layer: horizons, by: {id: id}, take: {oc: oc}}]",
        files={"h.gpkg": {"horizons": HORIZONS[["id", "oc"]]}},
    ),
    Case(
        "sites_as_geojson",
        {"horizons": HORIZONS},
        (RIGHT,),
        source="joins: [{path: s.geojson, by: {id: id}, take: {lon: lon, lat: lat}}]",
        path="t.gpkg",
        files={"s.geojson": SITES.to_json()},
    ),
    Case(
        "sites_without_projection",
        {
            "sites": gpd.GeoDataFrame(SITES[["id"]], geometry=SITES.geometry.values).set_crs(None, allow_override=True),
            "horizons": HORIZONS,
        },
        (refuses(r"t\.gpkg", "coordinate reference system|projection|crs"),),
        source=f"layer: horizons, {BY_SITE}",
        path="t.gpkg",
    ),
]


@parametrised("T1", T1)
def test_tables_without_geometry_are_tables(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


REMARK = table('oc,"remarks\n(field)"', "20,dry", "30,wet")

U2 = [
    Case("two_lines_in_a_name", REMARK, (numbered(3, 4),)),
    Case("carriage_returns", REMARK.replace("\n", "\r\n"), (numbered(3, 4),)),
    Case("semicolon", table('oc;"remarks\n(field)"', "20;dry", "30;wet", delimiter=";"), (numbered(3, 4),)),
    Case("gzipped", REMARK, (numbered(3, 4),), path="t.csv.gz"),
    Case("mapped_name", table('"oc\n(g/kg)"', "20", "30"), (RIGHT,), 'oc_g_kg: {column: "oc\\n(g/kg)", unit: g/kg}'),
    Case("quote_in_a_name", table('oc,"depth ""true"""', "20,1", "30,1"), (numbered(2, 3),)),
]


@parametrised("U2", U2)
def test_a_name_may_hold_a_line_break(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


BIG_ENDIAN = b"\xfe\xff" + TEXT.encode("utf-16-be")
SET_UTF_16 = refuses(r"t\.csv", "UTF-16", "encoding")

U3 = [
    Case("capitals_gz", TEXT, (RIGHT,), path="T.CSV.GZ"),
    Case("capitals_csv", TEXT, (RIGHT,), path="T.CSV"),
    Case("capitals_gpkg", points(FRAME), (RIGHT,), path="T.GPKG"),
    Case("capitals_parquet", FRAME, (RIGHT,), path="T.PARQUET"),
    Case("bz2", TEXT, (RIGHT,), path="t.csv.bz2"),
    Case("capitals_bz2", TEXT, (RIGHT,), path="T.CSV.BZ2"),
    Case("tsv_bz2", TEXT.replace(",", "\t"), (RIGHT,), path="t.tsv.bz2"),
    Case("zip", TEXT, (RIGHT,), path="t.zip"),
    Case("csv_zip", TEXT, (RIGHT,), path="t.csv.zip"),
    Case(
        "cut_off_bz2",
        bz2.compress(TEXT.encode() * 50)[:60],
        (refuses(r"t\.csv", "cannot be read|damaged|bz2"),),
        path="t.csv",
    ),
    Case("utf_16_be", BIG_ENDIAN, (either(RIGHT, SET_UTF_16),)),
    Case("utf_16_be_told", BIG_ENDIAN, (RIGHT,), source="encoding: utf-16"),
    Case("utf_16_le", b"\xff\xfe" + TEXT.encode("utf-16-le"), (either(RIGHT, SET_UTF_16),)),
    Case("gz_without_its_name", gzip.compress(TEXT.encode()), (either(RIGHT, refuses(r"t\.csv", "gzip")),)),
    Case("parquet_without_its_name", FRAME, (either(RIGHT, refuses(r"t\.dat", "parquet")),), path="t.dat"),
]


@parametrised("U3", U3)
def test_packing_and_letters_of_a_name_do_not_matter(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


EMPTY_ROWS = pd.DataFrame([[None] * 6] * 2, columns=FRAME.columns).astype(
    FRAME.dtypes.replace({FRAME["top"].dtype: "float64"}).to_dict()
)

U4 = [
    Case("trailing_commas", TEXT + ",,,,,\n,,,,,\n", (numbered(2, 3),)),
    Case("trailing_semicolons", TEXT.replace(",", ";") + ";;;;;\n", (numbered(2, 3),)),
    Case("blanks_in_cells", TEXT + " , ,, ,,\n", (numbered(2, 3),)),
    Case("in_the_middle", TEXT.replace("B,", ",,,,,\nB,"), (numbered(2, 4),)),
    Case("trailing_tabs", TEXT.replace(",", "\t") + "\t\t\t\t\t\n", (numbered(2, 3),)),
    Case(
        "parquet",
        pd.concat([FRAME.astype({"top": "float64", "bot": "float64"}), EMPTY_ROWS], ignore_index=True),
        (RIGHT,),
        path="t.parquet",
    ),
    Case(
        "workbook",
        [list(FRAME.columns), *FRAME.to_numpy(object).tolist(), [None] * 6, [None] * 6],
        (RIGHT,),
        path="t.xlsx",
    ),
    Case("not_wholly_empty", TEXT + ",10.2,50,0,20,25\n", (refuses(r"t\.csv", "row 4", "identifier"),)),
]


@parametrised("U4", U4)
def test_wholly_empty_rows_are_skipped(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


TITLES = "Soil survey of the northern district.\nPrinted 2018; all values preliminary\n"
HEADER = refuses(r"t\.csv", "header_row")
TWO_ROWS = "id,lon,lat,top,bot,oc\n,deg,deg,cm,cm,g/kg\n" + TEXT.split("\n", 1)[1]
SPLIT_NAMES = "id,lon,lat,depth,depth,oc\n,,,top,bottom,\n" + TEXT.split("\n", 1)[1]
WRITE_TABLE = '"id" "lon" "lat" "top" "bot" "oc"\n"1" "A" 10 50 0 20 20\n"2" "B" 10.1 50 0 20 30\n'

U5 = [
    Case("titles", TITLES + TEXT, (either(numbered(4, 5), HEADER),)),
    Case("titles_by_key", TITLES + TEXT, (numbered(4, 5),), source="header_row: 3"),
    Case("excel_sep", "sep=;\n" + TEXT.replace(",", ";"), (either(numbered(3, 4), HEADER),)),
    Case("excel_sep_by_key", "sep=;\n" + TEXT.replace(",", ";"), (numbered(3, 4),), source="header_row: 2"),
    Case("comment", "# made with R 4.4\n#\n" + TEXT, (either(numbered(4, 5), HEADER),)),
    Case("comment_by_key", "# made with R 4.4\n#\n" + TEXT, (numbered(4, 5),), source="header_row: 3"),
    Case("units_below", TWO_ROWS, (either(numbered(3, 4), refuses(r"t\.csv", "row 2", "header_row|skip_rows")),)),
    Case("units_below_skipped", TWO_ROWS, (numbered(3, 4),), source="skip_rows: 1"),
    Case("two_rows_of_names", SPLIT_NAMES, (refuses(r"t\.csv", "depth", "more than once|header_row"),)),
    Case(
        "two_rows_of_names_by_key",
        SPLIT_NAMES,
        (numbered(3, 4),),
        depth="top_cm: {column: depth top, unit: cm}, bottom_cm: {column: depth bottom, unit: cm}",
        source="header_row: [1, 2]",
    ),
    Case(
        "units_into_names",
        TWO_ROWS,
        (numbered(3, 4),),
        "oc_g_kg: {column: oc g/kg, unit: g/kg}",
        "header_row: [1, 2]",
        place="site_id: id, lon: lon deg, lat: lat deg",
        depth="top_cm: {column: top cm, unit: cm}, bottom_cm: {column: bot cm, unit: cm}",
    ),
    Case("write_table", WRITE_TABLE, (either(RIGHT, refuses(r"t\.csv", "delimiter")),)),
    Case("write_table_by_key", WRITE_TABLE, (RIGHT,), source='delimiter: " "'),
    Case("columns_of_blanks", TEXT.replace(",", "   "), (RIGHT,), source="delimiter: space"),
    Case("blank_first_line", "\n" + TEXT, (either(numbered(3, 4), HEADER),)),
    Case("blank_first_line_by_key", "\n" + TEXT, (numbered(3, 4),), source="header_row: 2"),
    Case(
        "join_with_titles",
        TEXT,
        (layers(bd_fine_g_cm3={"A": 1.2, "B": 1.1}),),
        source="joins: [{path: j.csv, header_row: 2, by: {id: id}, take: {bdj: bd}, columns: {bd_fine_g_cm3: {column: bdj, unit: g/cm3}}}]",
        files={"j.csv": "Bulk density\nid,bd\nA,1.2\nB,1.1\n"},
    ),
    Case(
        "workbook",
        [["Survey"], [None], list(FRAME.columns), *FRAME.to_numpy(object).tolist()],
        (RIGHT,),
        source="header_row: 3",
        path="t.xlsx",
    ),
    Case("no_such_row", TEXT, (refuses(r"t\.csv", "header_row", "9"),), source="header_row: 9"),
    Case("nought", TEXT, (refuses("header_row"),), source="header_row: 0"),
]


@parametrised("U5", U5)
def test_the_header_may_stand_lower(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


BAD_B = refuses(r"t\.csv", "oc", "row 4", "much")
QUOTED = 'id\tlon\tlat\ttop\tbot\toc\n"A"\t"10"\t"50"\t"0"\t"20"\t"20"\n"B"\t"10.1"\t"50"\t"0"\t"20"\t"30"\n'

U8 = [
    Case("blank_line", TEXT.replace("\nB", "\n\nB").replace("30", "much"), (BAD_B,)),
    Case(
        "cell_of_two_lines",
        'id,lon,lat,top,bot,oc,remark\nA,10,50,0,20,20,"dry\nand hot"\nB,10.1,50,0,20,much,\n',
        (BAD_B,),
    ),
    Case("blank_line_of_returns", TEXT.replace("\nB", "\n\nB").replace("30", "much").replace("\n", "\r\n"), (BAD_B,)),
    Case("rows_of_sound_tables", TEXT.replace("\nB", "\n\n\nB"), (numbered(2, 5),)),
    Case(
        "rows_below_long_cells",
        'id,lon,lat,top,bot,remark,oc\nA,10,50,0,20,"dry\nand\nhot",20\nB,10.1,50,0,20,,30\n',
        (numbered(2, 5),),
    ),
    Case("quoted_cells_of_tabs", QUOTED, (numbered(2, 3),), path="t.tsv"),
    Case(
        "lone_quotes_of_tabs",
        'id\tlon\tlat\ttop\tbot\tremark\toc\nA\t10\t50\t0\t20\t5" core\t20\nB\t10.1\t50\t0\t20\t6" core\t30\n',
        (numbered(2, 3),),
        path="t.tsv",
    ),
    Case(
        "quoted_bad_cell",
        QUOTED.replace('"30"', '"much"'),
        (refuses(r"t\.tsv", "oc", "row 3", "'much'"),),
        path="t.tsv",
    ),
    Case(
        "too_many_cells", TEXT.replace("\nB", "\n\nB").replace("30", "30,7"), (refuses(r"t\.csv", "row 4", "7 cells"),)
    ),
    Case(
        "after_skipped_rows",
        TWO_ROWS.replace("\nB", "\n\nB").replace("30", "much"),
        (refuses(r"t\.csv", "row 5", "much"),),
        source="skip_rows: 1",
    ),
]


@parametrised("U8", U8)
def test_a_row_is_the_line_of_the_file(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


LONG = '"Remarks, method, laboratory, operator, project, funding, contact"'
GERMAN = f"id;lon;lat;top;bot;oc;{LONG}\nA;10,5;50,25;0;20;21,5;none\n"
GERMAN_RIGHT = layers(oc_g_kg={"A": 21.5}, lon={"A": 10.5}, lat={"A": 50.25})

U10 = [
    Case("commas_in_a_name", GERMAN, (GERMAN_RIGHT,)),
    Case("by_key", GERMAN, (GERMAN_RIGHT,), source='delimiter: ";"'),
    Case(
        "semicolons_in_a_name",
        TEXT.replace("oc", 'oc,"a; b; c; d; e; f; g"').replace("20\n", "20,x\n").replace("30\n", "30,x\n"),
        (RIGHT,),
    ),
    Case(
        "tabs",
        TEXT.replace("oc", "oc,remarks, method, laboratory, all, the, rest")
        .replace(",", "\t", 6)
        .replace("A,10.0,50,0,20,20", "A\t10.0\t50\t0\t20\t20\tx")
        .replace("B,10.1,50,0,20,30", "B\t10.1\t50\t0\t20\t30\tx"),
        (either(RIGHT, refuses(r"t\.csv", "delimiter")),),
    ),
    Case("tab_by_word", TEXT.replace(",", "\t"), (RIGHT,), source="delimiter: tab"),
    Case("another_sign", TEXT.replace(",", "^"), (either(RIGHT, refuses(r"t\.csv", "delimiter")),)),
    Case("another_sign_by_key", TEXT.replace(",", "^"), (RIGHT,), source='delimiter: "^"'),
    Case("wrong_key", TEXT, (refuses(r"t\.csv", "delimiter"),), source='delimiter: ";"'),
    Case("two_letters", TEXT, (refuses("delimiter"),), source='delimiter: ";;"'),
]


@parametrised("U10", U10)
def test_delimiters_inside_quotes_are_letters(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def with_geometry(crs: str = "EPSG:4326") -> bytes:
    """A GeoParquet file of points."""
    file = io.BytesIO()
    points(FRAME, crs).to_parquet(file)
    return file.getvalue()


D_FILES = [
    Case("geoparquet", with_geometry(), (RIGHT,), path="t.parquet"),
    Case("geoparquet_projected", with_geometry("EPSG:3035"), (RIGHT,), path="t.parquet"),
    Case("geoparquet_by_its_name", with_geometry(), (RIGHT,), path="t.geoparquet"),
    Case("workbook", FRAME, (RIGHT,), path="t.xlsx"),
    Case(
        "workbook_of_texts",
        [list(FRAME.columns), *[[str(v) for v in row] for row in FRAME.to_numpy(object).tolist()]],
        (RIGHT,),
        path="t.xlsx",
    ),
    Case(
        "workbook_with_numbers_as_names",
        FRAME.assign(id=[101, 102]),
        (layers(oc_g_kg={"101": 20.0, "102": 30.0}),),
        path="t.xlsx",
    ),
    Case("open_document", FRAME, (RIGHT,), path="t.ods"),
    Case("capitals", FRAME, (RIGHT,), path="T.XLSX"),
    Case(
        "damaged_workbook",
        b"PK\x03\x04" + bytes(60),
        (refuses(r"t\.xlsx", "cannot be read|damaged|workbook"),),
        path="t.xlsx",
    ),
    Case(
        "encrypted_or_old_workbook",
        b"\xd0\xcf\x11\xe0" + bytes(60),
        (refuses(r"t\.xls", "old Excel|password|save"),),
        path="t.xls",
    ),
    Case(
        "degrees_minutes",
        'id,lon,lat,top,bot,oc\nA,"10°30\'00""E","50°15\'00""N",0,20,20\n',
        (either(layers(lon={"A": 10.5}, lat={"A": 50.25}), refuses(r"t\.csv", "lon", "row 2", "degrees")),),
    ),
    Case(
        "hemisphere_letters",
        "id,lon,lat,top,bot,oc\nA,10.5E,50.25N,0,20,20\n",
        (either(layers(lon={"A": 10.5}, lat={"A": 50.25}), refuses(r"t\.csv", "lon", "row 2", "degrees")),),
    ),
    Case("check_says_what_was_read", FRAME, (RIGHT, says("2 layers of 2 sites")), OC, path="t.xlsx"),
]


@parametrised("D_files", D_FILES)
def test_files_that_users_have(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
