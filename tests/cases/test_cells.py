"""S1, S4, S22, U9 and missing codes: a column is parsed as a whole, and only then computed with."""

from pathlib import Path

import pandas as pd
from cases.files import frame, points, table
from cases.harness import BD, OC, Case, all_of, counts, either, holds, layers, parametrised, refuses, says, sites

LIMIT = "oc_g_kg: {column: oc, unit: g/kg, detection_limit: 2}"
S1_FIELDS = f"{LIMIT}, {BD}, clay_pct: {{column: clay, unit: pct}}"
MBC = f"{OC}, mbc_g_kg: {{column: mbc, unit: mg/kg}}"
PERCENT = "oc_g_kg: {column: oc, unit: pct, detection_limit: 0.2}"


def coded(code: float, dtype: str = "float64") -> pd.DataFrame:
    """The table of S1 with a missing code of one dtype."""
    return frame(
        oc=pd.array([18.5 if "f" in dtype else 18, code, 25], dtype=dtype),
        bd=pd.array([1.3, 1.2, code if "f" in dtype else -9999.0]),
        clay=pd.array([20, code, 25], dtype=dtype),
    )


S1_RIGHT = (
    layers(bd_fine_g_cm3={"A": 1.3, "B": 1.2, "C": None}, clay_pct={"A": 20.0, "B": None, "C": 25.0}),
    layers(oc_g_kg={"B": None, "C": 25.0}, oc_flag={"A": "ok", "B": "ok", "C": "ok"}),
    sites(soc_density_kg_m3={"B": None}),
)
NO_B = sites(soc_density_kg_m3={"A": 24.0, "B": None})
TWO = f"{LIMIT}, {BD}"

S1 = [
    Case(
        "float_parquet", coded(-9999.0), (*S1_RIGHT, sites(soc_density_kg_m3={"A": 24.05})), S1_FIELDS, path="t.parquet"
    ),
    Case("float32_parquet", coded(-9999.0, "float32"), S1_RIGHT, S1_FIELDS, path="t.parquet"),
    Case("integer_parquet", coded(-999, "int64"), S1_RIGHT, S1_FIELDS, path="t.parquet"),
    Case("smallest_float", coded(-3.4028234663852886e38), S1_RIGHT, S1_FIELDS, path="t.parquet"),
    Case("int16_minimum", coded(-32768, "int64"), S1_RIGHT, S1_FIELDS, path="t.parquet"),
    Case("nines_with_decimals", coded(-9999.99), S1_RIGHT, S1_FIELDS, path="t.parquet"),
    Case("two_nines_by_key", coded(-99.0), S1_RIGHT, S1_FIELDS, "missing: [-99]", path="t.parquet"),
    Case("geopackage", points(coded(-9999.0)), S1_RIGHT, S1_FIELDS, path="t.gpkg"),
    Case("workbook", coded(-9999.0), S1_RIGHT, S1_FIELDS, path="t.xlsx"),
    Case(
        "text_in_parquet",
        frame(oc=["20", "-9999.000", "25"], bd=["1.2", "1.2", "1.2"]),
        (layers(oc_g_kg={"B": None}), NO_B),
        TWO,
        path="t.parquet",
    ),
    Case("csv_more_decimals", table("oc,bd", "20,1.2", "-9999.00,1.2"), (layers(oc_g_kg={"B": None}), NO_B), TWO),
    Case("csv_exponent", table("oc,bd", "20,1.2", "-9.999E+03,1.2"), (layers(oc_g_kg={"B": None}), NO_B), TWO),
    Case(
        "csv_decimal_comma",
        table("oc;bd", "20;1,2", "-9999,00;1,2", delimiter=";", decimal=","),
        (layers(oc_g_kg={"B": None}), NO_B),
        TWO,
    ),
    Case("csv_unicode_minus", table("oc,bd", "20,1.2", "\u22129999,1.2"), (layers(oc_g_kg={"B": None}), NO_B), TWO),
    Case("netcdf_fill", frame(oc=[20.0, 9.969209968386869e36], bd=[1.2, 1.2]), (NO_B,), TWO, path="t.parquet"),
    Case(
        "positive_nines_by_key",
        frame(oc=[20.0, 99.9], bd=[1.2, 1.2]),
        (layers(oc_g_kg={"B": None}), NO_B),
        TWO,
        "missing: [99.9]",
        path="t.parquet",
    ),
    Case(
        "year",
        frame(oc=[20.0, 20.0], y=[2009, -9999]),
        (layers(year={"A": 2009.0, "B": None}),),
        f"{OC}, year: y",
        path="t.parquet",
    ),
    Case(
        "typed_place",
        frame(oc=[20.0, 20.0, 30.0]).assign(lat=[50.0, -9999.0, 50.0]),
        (counts("coordinates", 1), sites(oc_g_kg={"A": 20.0, "B": None, "C": 30.0})),
        path="t.parquet",
    ),
    # A small negative value is noise around the limit, as LUCAS has it; not a code.
    Case(
        "noise_below_zero",
        frame(oc=[20.0, -0.5], bd=[1.2, 1.2]),
        (layers(oc_g_kg={"B": 1.0}, oc_flag={"A": "ok", "B": "lod"}),),
        TWO,
        path="t.parquet",
    ),
    Case(
        "code_in_minus",
        frame(oc=[20.0, 30.0], tic=[1.0, -9999.0]),
        (layers(oc_g_kg={"A": 19.0, "B": None}),),
        "oc_g_kg: {column: oc, minus: tic, unit: g/kg}",
        path="t.parquet",
    ),
    Case(
        "code_in_otherwise",
        frame(oc=[-9999.0, 30.0], oc2=[21.0, 1.0]),
        (layers(oc_g_kg={"A": 21.0, "B": 30.0}),),
        "oc_g_kg: {column: oc, otherwise: [oc2], unit: g/kg}",
        path="t.parquet",
    ),
]


@parametrised("S1", S1)
def test_missing_codes_are_missing_in_every_spelling_and_type(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


FORTY = [f'30,"{("1,684", "67", "541", "300", "980", "1,020", "75", "410", "88", "650")[k % 10]}"' for k in range(40)]
SEMICOLON = {"delimiter": ";", "decimal": ","}
ASKS = refuses(r"t\.csv", "mbc", r"row \d", "decimal|thousands")

S4 = [
    Case(
        "quoted_in_comma_file",
        table("oc,mbc", *FORTY),
        (layers(mbc_g_kg={"A": 1.684, "B": 0.067, "C": 0.541, "F": 1.02}),),
        MBC,
    ),
    Case(
        "several_groups",
        table("d", '"23,400"', '"1,234,567"', '"900"'),
        (layers(soc_density_kg_m3={"A": 23.4, "B": 1234.567, "C": 0.9}),),
        "soc_density_kg_m3: {column: d, unit: g/m3}",
    ),
    Case(
        "american_with_point",
        table("oc,mbc", '30,"1,684.5"', "30,67"),
        (layers(mbc_g_kg={"A": 1.6845, "B": 0.067}),),
        MBC,
    ),
    Case(
        "german_point_by_a_comma_beside",
        table("oc;mbc", "30;1.684", "30;670,52", **SEMICOLON),
        (layers(mbc_g_kg={"A": 1.684, "B": 0.67052}),),
        MBC,
    ),
    Case(
        "german_point_and_comma",
        table("oc;mbc", "30;1.684,5", "30;67", **SEMICOLON),
        (layers(mbc_g_kg={"A": 1.6845, "B": 0.067}),),
        MBC,
    ),
    Case("semicolon_decides_nothing", table("oc;mbc", "30;1,684", "30;67", **SEMICOLON), (ASKS,), MBC),
    Case("tab_decides_nothing", table("oc\tmbc", "30\t1,684", "30\t67", delimiter="\t"), (ASKS,), MBC),
    Case(
        "point_decides_nothing",
        table("oc;mbc", "30;1.684", "30;670", delimiter=";"),
        (either(layers(mbc_g_kg={"A": 0.001684, "B": 0.67}), ASKS),),
        MBC,
    ),
    Case(
        "decimal_key",
        table("oc;mbc", "30;1,684", "30;67", **SEMICOLON),
        (layers(mbc_g_kg={"A": 0.001684, "B": 0.067}),),
        MBC,
        'decimal: ","',
    ),
    Case(
        "thousands_key",
        table("oc;mbc", "30;1,684", "30;67", delimiter=";"),
        (layers(mbc_g_kg={"A": 1.684, "B": 0.067}),),
        MBC,
        'thousands: ","',
    ),
    Case(
        "decimal_key_of_a_column",
        table("oc;mbc", "30;1,684", "30;67", delimiter=";"),
        (layers(mbc_g_kg={"A": 0.001684, "B": 0.067}),),
        f'{OC}, mbc_g_kg: {{column: mbc, unit: mg/kg, decimal: ","}}',
    ),
    Case(
        "another_decimal_comma_settles_it",
        table("oc;mbc", "30;1,684", "30;2,5", **SEMICOLON),
        (layers(mbc_g_kg={"A": 0.001684, "B": 0.0025}),),
        MBC,
    ),
    Case(
        "text_in_parquet",
        frame(oc=[30, 30], mbc=["1,684", "67"]),
        (refuses(r"t\.parquet", "mbc", "row 2", "decimal|thousands"),),
        MBC,
        path="t.parquet",
    ),
    Case(
        "decimals_quoted_in_comma_file",
        table("oc,mbc", '30,"1,68"', '30,"67,5"'),
        (layers(mbc_g_kg={"A": 0.00168, "B": 0.0675}),),
        MBC,
    ),
    Case(
        "both_kinds_in_one_column",
        table("oc,mbc", '30,"1,684"', '30,"0,52"'),
        (either(layers(mbc_g_kg={"A": 0.001684, "B": 0.00052}), ASKS),),
        MBC,
    ),
    Case(
        "swiss_apostrophe",
        table("oc,mbc", "30,1'684", "30,67"),
        (either(layers(mbc_g_kg={"A": 1.684, "B": 0.067}), refuses(r"t\.csv", "mbc", "row 2", "thousands")),),
        MBC,
    ),
    Case(
        "narrow_blank",
        table("oc;mbc", "30;1\u202f684,5", "30;67", **SEMICOLON),
        (either(layers(mbc_g_kg={"A": 1.6845, "B": 0.067}), refuses(r"t\.csv", "mbc", "row 2", "thousands")),),
        MBC,
    ),
    Case(
        "blank_by_key",
        table("oc;mbc", "30;1 684", "30;67", delimiter=";"),
        (layers(mbc_g_kg={"A": 1.684, "B": 0.067}),),
        MBC,
        'thousands: " "',
    ),
    Case("two_conventions", table("oc,mbc", '30,"1.684,5"', '30,"1,684.5"'), (ASKS,), MBC),
    Case(
        "same_sign_twice",
        table("oc;mbc", "30;1,684", "30;67", delimiter=";"),
        (refuses("decimal", "thousands"),),
        MBC,
        'decimal: ",", thousands: ","',
    ),
    Case(
        "no_such_sign", table("oc;mbc", "30;1,684", "30;67", delimiter=";"), (refuses("decimal"),), MBC, 'decimal: "x"'
    ),
]


@parametrised("S4", S4)
def test_signs_of_numbers_are_those_of_the_column(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


HALF = layers(oc_g_kg={"A": 0.5, "B": 20.0}, oc_flag={"A": "lod", "B": "ok"})
LIMIT_HALF = layers(oc_g_kg={"A": 1.0, "B": 20.0}, oc_flag={"A": "lod", "B": "ok"})
NOT_MEASURED = layers(oc_g_kg={"A": None, "B": 20.0}, oc_flag={"A": "ok", "B": "ok"})

S22 = [
    Case("percent_sign", table("oc", "<0.1%", "2"), (HALF,), PERCENT),
    Case("blank_and_percent_sign", table("oc", "< 0.1 %", "2"), (HALF,), PERCENT),
    Case("decimal_comma", table("oc", "< 0,1", "2", delimiter=";"), (HALF,), PERCENT),
    Case("no_leading_zero", table("oc", "<.1", "2"), (HALF,), PERCENT),
    Case("at_most", table("oc", "\u22640.1", "2"), (HALF,), PERCENT),
    Case("limit_of_quantification", table("oc", "<LOQ", "2"), (LIMIT_HALF,), PERCENT),
    Case("number_without_key", table("oc", "<0.1", "2"), (HALF,), "oc_g_kg: {column: oc, unit: pct}"),
    Case(
        "unit_after_the_number",
        table("oc", "<0.1 wt%", "2"),
        (either(HALF, refuses(r"t\.csv", "oc", "row 2", "0.1 wt%")),),
        PERCENT,
    ),
    Case(
        "another_unit", table("oc", "<1 g/kg", "2"), (either(HALF, refuses(r"t\.csv", "oc", "row 2", "g/kg")),), PERCENT
    ),
    Case(
        "percent_sign_under_g_kg",
        table("oc", "<0.1%", "20"),
        (either(HALF, refuses(r"t\.csv", "oc", "row 2", "%")),),
        LIMIT,
    ),
    Case("text_in_parquet", frame(oc=["<0.1%", "2"]), (HALF,), PERCENT, path="t.parquet"),
    Case(
        "nd_undecided",
        table("oc", "n.d.", "2"),
        (either(refuses(r"t\.csv", "oc", "row 2", "not_detected", "missing"), all_of(NOT_MEASURED, says(r"n\.d\."))),),
        PERCENT,
    ),
    Case("nd_is_not_detected", table("oc", "n.d.", "2"), (LIMIT_HALF,), PERCENT, "not_detected: [n.d.]"),
    Case("nd_is_missing", table("oc", "n.d.", "2"), (NOT_MEASURED,), PERCENT, "missing: [n.d.]"),
    Case(
        "capitals_of_nd",
        table("oc", "N.D.", "2"),
        (LIMIT_HALF,),
        "oc_g_kg: {column: oc, unit: pct, detection_limit: 0.2, not_detected: [n.d.]}",
    ),
    Case("bdl_by_key", table("oc", "BDL", "2"), (LIMIT_HALF,), PERCENT, "not_detected: [BDL, tr]"),
    Case("traces_by_key", table("oc", "tr", "2"), (LIMIT_HALF,), PERCENT, "not_detected: [BDL, tr]"),
    Case(
        "not_detected_without_limit",
        table("oc", "BDL", "2"),
        (refuses(r"t\.csv", "oc", "row 2", "detection_limit"),),
        "oc_g_kg: {column: oc, unit: pct}",
        "not_detected: [BDL]",
    ),
]


@parametrised("S22", S22)
def test_a_limit_in_the_cell_is_that_limit(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


NAMES_LETTER = refuses(r"t\.csv", "oc", "row 2", r"\\u|U\+|invisible")
RIGHT = layers(oc_g_kg={"A": 22.0, "B": 20.0})

U9 = [
    Case("zero_width_space", table("oc", "22\u200b", "20"), (either(RIGHT, NAMES_LETTER),)),
    Case("no_break_space", table("oc", "22\u00a0", "20"), (either(RIGHT, NAMES_LETTER),)),
    Case("byte_order_mark", table("oc", "\ufeff22", "20"), (either(RIGHT, NAMES_LETTER),)),
    Case("left_to_right_mark", table("oc", "\u200e22", "20"), (either(RIGHT, NAMES_LETTER),)),
    Case("soft_hyphen", table("oc", "2\u00ad2", "20"), (either(RIGHT, NAMES_LETTER),)),
    Case(
        "in_a_header", table("oc\u200b", "22", "20"), (either(RIGHT, refuses(r"t\.csv", "oc", r"\\u|U\+|invisible")),)
    ),
    Case(
        "in_parquet",
        frame(oc=["22\u200b", "20"]),
        (either(RIGHT, refuses(r"t\.parquet", "oc", "row 2", r"\\u|U\+|invisible")),),
        path="t.parquet",
    ),
]


@parametrised("U9", U9)
def test_invisible_letters_are_left_out_or_shown(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


D_MISSING = [
    *(
        Case(f"asks_for_{name}", table("oc", "22", code), (refuses(r"t\.csv", "oc", "row 3", "missing"),))
        for name, code in {
            "point": ".",
            "excel": "#VALUE!",
            "traces": "tr",
            "below": "BDL",
            "star": "*",
            "words": "not determined",
        }.items()
    ),
    Case(
        "excel_error",
        table("oc", "22", "#N/A"),
        (either(layers(oc_g_kg={"B": None}), refuses(r"t\.csv", "oc", "row 3", "missing")),),
    ),
    Case(
        "list_of_the_source",
        table("oc", "22", ".", "#N/A", "BDL", "Tr"),
        (layers(oc_g_kg={"A": 22.0, "B": None, "C": None, "D": None, "E": None}),),
        source='missing: [".", "#N/A", bdl, tr]',
    ),
    Case(
        "list_of_a_column",
        table("oc,mbc", "22,.", "20,300"),
        (layers(mbc_g_kg={"A": None, "B": 0.3}),),
        f'{OC}, mbc_g_kg: {{column: mbc, unit: mg/kg, missing: ["."]}}',
    ),
    Case(
        "a_column_only",
        table("oc,mbc", "22,.", ".,300"),
        (refuses(r"t\.csv", "'oc'", "row 3", "missing"),),
        f'{OC}, mbc_g_kg: {{column: mbc, unit: mg/kg, missing: ["."]}}',
    ),
    Case(
        "numbers_and_texts",
        table("oc", "22", "-1", "-1.0", "-1.00"),
        (layers(oc_g_kg={"A": 22.0, "B": None, "C": None, "D": None}),),
        LIMIT,
        "missing: [-1]",
    ),
    Case("boolean_in_the_list", table("oc", "22", "no"), (refuses("missing", "quote"),), source="missing: [no]"),
    Case(
        "texts_too",
        table("oc,lc", "22,unknown", "20,Wheat"),
        (layers(landcover={"A": None, "B": "Wheat"}),),
        f"{OC}, landcover: lc",
        "missing: [unknown]",
    ),
]


@parametrised("D_missing", D_MISSING)
def test_missing_codes_are_a_list_of_the_user(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


U11 = [
    Case("full_width", table("oc", "２０", "20"), (refuses(r"t\.csv", "'oc'", "row 2 holds '２０'", "number"),)),
    Case("arabic", table("oc", "٢٠", "20"), (refuses(r"t\.csv", "'oc'", "row 2 holds '٢٠'", "number"),)),
    Case("in_a_depth", table("oc", "20").replace(",20,", ",２０,"), (refuses("'bot'", "row 2 holds '２０'"),)),
    Case(
        "in_a_depth_in_words",
        "id,lon,lat,d,oc\nA,10,50,０-２０,20\n",
        (refuses("'d'", "row 2", at_ingest=True),),
        depth="top_cm: {column: d, pick: first, unit: cm}, bottom_cm: {column: d, pick: second, unit: cm}",
    ),
    Case("point_alone", table("oc", ".", "20"), (refuses("'oc'", r"row 2 holds '\.', expected a number", "missing"),)),
    Case("point_by_key", table("oc", ".", "20"), (layers(oc_g_kg={"A": None, "B": 20.0}),), source="missing: ['.']"),
    Case("comma_alone", table("oc", '","', "20"), (refuses("'oc'", r"row 2 holds ',', expected a number"),)),
]


@parametrised("U11", U11)
def test_digits_of_other_scripts_and_signs_without_digits_are_no_numbers(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
