"""S6, S9, S10, S16, U6: overlaps are told apart, depths in words are whole, one zero, stocks need their depth."""

# ruff: noqa: E501 -- a case a line reads best

from pathlib import Path

import pandas as pd
from cases.harness import BD, OC, PLACE, Case, all_of, counts, either, holds, layers, parametrised, refuses, says, sites

STOCK = "soc_stock_kg_m2: {column: st, unit: Mg/ha}"
NESTED = "id,lon,lat,top,bot,st\nB,10.1,50,0,5,18\nB,10.1,50,0,30,75\nB,10.1,50,0,100,130\n"
STOCKS = {"stocks_cm": [30, 100]}
POINT_TO = refuses(r"t\.csv", "st", "row [345]", "minus|cumulative")
TO_30, TO_100 = {"B": 7.5}, {"B": 13.0}
DIFFERENCES = sites(soc_stock_0_30_kg_m2=TO_30, soc_stock_0_100_kg_m2=TO_100, soc_density_kg_m3={"B": 26.1})
ROWS = NESTED.splitlines()

S6 = [
    Case("nested", NESTED, (either(DIFFERENCES, POINT_TO),), STOCK, build=STOCKS),
    Case(
        "any_order_of_rows",
        "\n".join([ROWS[0], ROWS[3], ROWS[1], ROWS[2]]),
        (either(DIFFERENCES, POINT_TO),),
        STOCK,
        build=STOCKS,
    ),
    Case(
        "parquet_kg_m2",
        pd.DataFrame({"id": "B", "lon": 10.1, "lat": 50.0, "top": 0, "bot": [5, 30, 100], "st": [1.8, 7.5, 13.0]}),
        (either(DIFFERENCES, refuses("st", "row", "minus|cumulative")),),
        "soc_stock_kg_m2: {column: st, unit: kg/m2}",
        build=STOCKS,
        path="t.parquet",
    ),
    Case(
        "two_depths",
        "\n".join([ROWS[0], ROWS[2], ROWS[3]]),
        (either(sites(soc_stock_0_30_kg_m2=TO_30, soc_stock_0_100_kg_m2=TO_100), POINT_TO),),
        STOCK,
        build=STOCKS,
    ),
    Case(
        "years_apart",
        "id,lon,lat,top,bot,st,y\nB,10.1,50,0,5,18,2009\nB,10.1,50,0,30,75,2009\nB,10.1,50,0,30,81,2018\n",
        (
            either(
                sites(soc_density_kg_m3={"B": [26.1, 27.0]}),
                says("campaign|several years|years of sampling"),
                refuses(r"t\.csv", "row", "minus|cumulative"),
            ),
        ),
        f"{STOCK}, year: y",
    ),
    Case(
        "falling",
        "id,lon,lat,top,bot,st\nB,10.1,50,0,5,18\nB,10.1,50,0,30,15\n",
        (refuses(r"t\.csv", "st", "row [23]", "less|falls|smaller|decreas"),),
        STOCK,
    ),
    Case(
        "wide",
        "id,lon,lat,s5,s30\nB,10.1,50,18,75\n",
        (sites(soc_density_kg_m3={"B": 26.1}),),
        "",
        "layers: [{top_cm: {value: 0, unit: cm}, bottom_cm: {value: 5, unit: cm}, soc_stock_kg_m2: {column: s5, unit: Mg/ha}}, {top_cm: {value: 5, unit: cm}, bottom_cm: {value: 30, unit: cm}, soc_stock_kg_m2: {column: s30, minus: s5, unit: Mg/ha}}]",
        depth="",
    ),
    Case(
        "replicates",
        "id,lon,lat,top,bot,st\nB,10.1,50,0,20,50\nB,10.1,50,0,20,54\n",
        (sites(soc_density_kg_m3={"B": 26.0}),),
        STOCK,
    ),
    Case(
        "contents_do_not_add_up",
        "id,lon,lat,top,bot,oc,bd\nB,10.1,50,0,10,30,1\nB,10.1,50,10,20,10,1\n",
        (sites(soc_density_kg_m3={"B": 20.0}),),
        f"{OC}, {BD}",
    ),
    Case(
        "disjoint",
        "id,lon,lat,top,bot,st\nB,10.1,50,0,5,18\nB,10.1,50,5,30,57\nB,10.1,50,30,100,55\n",
        (DIFFERENCES,),
        STOCK,
        build=STOCKS,
    ),
]


@parametrised("S6", S6)
def test_cumulative_stocks_are_no_replicates(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


WORDS = "top_cm: {column: depth, pick: first, unit: cm}, bottom_cm: {column: depth, pick: second, unit: cm}"
THREE = "id;lon;lat;depth;oc\nA;10;50;{};60\nA;10;50;{};40\nA;10;50;{};20\n"


def words(*depths: str) -> str:
    """The profile of S9 with its depths in words."""
    return THREE.format(*depths)


PROFILE = layers(top_cm={"A": [0.0, 2.5, 7.5]}, bottom_cm={"A": [2.5, 7.5, 20.0]}, oc_g_kg={"A": [60.0, 40.0, 20.0]})


def one_depth(text: str) -> str:
    """A table of one layer whose depth is `text`."""
    return f"id;lon;lat;depth;oc\nA;10;50;{text};20\n"


TWENTY = layers(top_cm={"A": 0.0}, bottom_cm={"A": 20.0})
NO_RANGE = refuses(r"t\.csv", "depth", "row 2", "range")

S9 = [
    Case("decimal_comma", words("0-2,5", "2,5-7,5", "7,5-20"), (PROFILE, sites(oc_g_kg={"A": 30.0})), depth=WORDS),
    Case("decimal_point", words("0-2.5", "2.5-7.5", "7.5-20"), (PROFILE,), depth=WORDS),
    Case("unit_and_dash", words("0\u20132,5 cm", "2,5 \u2013 7,5 cm", "7,5\u201320 cm"), (PROFILE,), depth=WORDS),
    Case("to", words("0 to 2,5", "2,5 to 7,5", "7,5 to 20"), (PROFILE,), depth=WORDS),
    Case("code_before", one_depth("Ap1-0-20"), (either(TWENTY, NO_RANGE),), depth=WORDS),
    Case("horizon_before", one_depth("A2 0-20"), (either(TWENTY, NO_RANGE),), depth=WORDS),
    Case("number_before", one_depth("2: 0-20"), (either(TWENTY, NO_RANGE),), depth=WORDS),
    Case("three_numbers", one_depth("0-20-40"), (NO_RANGE,), depth=WORDS),
    Case("decimals_and_unit", one_depth("0-20.0cm"), (TWENTY,), depth=WORDS),
    Case("em_dash", one_depth("0\u201420"), (either(TWENTY, NO_RANGE),), depth=WORDS),
    Case("blanks_as_dash", one_depth("0 20"), (either(TWENTY, NO_RANGE),), depth=WORDS),
    Case("thousands", one_depth("0-1,250"), (either(layers(bottom_cm={"A": 1.25}), NO_RANGE),), depth=WORDS),
    Case("long_digits", one_depth("1" * 3000), (refuses(r"t\.csv", "depth", "row 2"),), depth=WORDS),
]


@parametrised("S9", S9)
def test_depths_in_words_are_read_whole(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


HEAD = "id,lon,lat,hzn,top,bot,oc,bd\n"


def soil(*rows: str) -> str:
    """One profile."""
    return HEAD + "".join(f"A,10,50,{row}\n" for row in rows)


F1 = soil("Oi,0,3,450,0.06", "Oa,3,8,380,0.15", "A,8,20,40,1.1", "B,20,50,10,1.4")
F2 = soil("Oi,8,5,450,0.06", "Oa,5,0,380,0.15", "A,0,12,40,1.1", "B,12,42,10,1.4")
F3 = soil("Oi,-8,-5,450,0.06", "Oa,-5,0,380,0.15", "A,0,12,40,1.1", "B,12,42,10,1.4")
MINERAL = sites(soc_density_kg_m3={"A": 32.0})
HORIZON = f"{OC}, {BD}, horizon: hzn"

S10 = [
    Case("from_the_litter", F1, (MINERAL, counts("organic|surface|horizon", 2)), HORIZON),
    Case("reversed", F2, (MINERAL, counts("organic|surface|horizon|depth", 2)), HORIZON),
    Case("negative", F3, (MINERAL, counts("organic|surface|horizon|depth", 2)), HORIZON),
    Case("reversed_without_horizon", F2, (MINERAL, counts("surface|depth", 2)), f"{OC}, {BD}"),
    Case("negative_without_horizon", F3, (MINERAL, counts("surface|depth", 2)), f"{OC}, {BD}"),
    Case(
        "negative_bottom_above_top",
        soil("Oi,-5,-8,450,0.06", "Oa,0,-5,380,0.15", "A,0,12,40,1.1", "B,12,42,10,1.4"),
        (MINERAL,),
        HORIZON,
    ),
    Case("german_letters", F1.replace("Oi", "L").replace("Oa", "H"), (MINERAL,), HORIZON),
    Case(
        "names_of_the_user",
        F1.replace("Oi", "litter").replace("Oa", "duff"),
        (MINERAL,),
        HORIZON,
        "organic_horizons: [litter, duff]",
    ),
    Case(
        "parquet",
        pd.DataFrame(
            {
                "id": "A",
                "lon": 10.0,
                "lat": 50.0,
                "hzn": ["Oi", "Oa", "A", "B"],
                "top": [0, 3, 8, 20],
                "bot": [3, 8, 20, 50],
                "oc": [450.0, 380.0, 40.0, 10.0],
                "bd": [0.06, 0.15, 1.1, 1.4],
            }
        ),
        (MINERAL,),
        HORIZON,
        path="t.parquet",
    ),
    Case(
        "spline",
        F1,
        (either(sites(soc_density_kg_m3={"A": 32.0}), counts("organic|surface|horizon", 2)),),
        HORIZON,
        build={"depth": "spline", "smoothing": 0},
    ),
    Case(
        "stock", F1, (sites(soc_stock_0_30_kg_m2={"A": (12 * 44 + 18 * 14) / 100}),), HORIZON, build={"stocks_cm": [30]}
    ),
    # A soil of organic horizons all through is a peat: its surface is the zero.
    Case("peat", soil("Oi,0,20,450,0.1", "Oe,20,60,420,0.15"), (sites(soc_density_kg_m3={"A": 45.0}),), HORIZON),
    Case(
        "mineral_letters", soil("Ap,0,25,20,1.2", "Bo,25,50,10,1.4"), (sites(soc_density_kg_m3={"A": 24.0}),), HORIZON
    ),
    Case("two_soils", F1 + "Z,11,50,A,0,20,20,1.2\n", (sites(soc_density_kg_m3={"A": 32.0, "Z": 24.0}),), HORIZON),
]


@parametrised("S10", S10)
def test_three_conventions_of_one_soil_have_one_zero(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


GAPS = "id,lon,lat,top,bot,oc,bd\n{}"


def layered(*rows: str) -> str:
    """One profile without horizons, and another that has everything."""
    return GAPS.format("".join(f"A,10,50,{row}\n" for row in rows) + "Z,11,50,0,50,20,1\n")


STOCK_30 = {"stocks_cm": [30], "min_coverage": 0.8}
NO_STOCK = sites(soc_stock_0_30_kg_m2={"A": None})
FILLED = sites(soc_stock_0_30_kg_m2={"A": 5.25}, soc_stock_0_30_flag={"A": "filled"})
TOP_UNKNOWN = layered("0,4,,0.9", "4,15,25,1.0", "15,30,10,1.2")
STRIPES = layered("0,5,20,1", "10,15,20,1", "20,25,20,1", "30,35,20,1")
PAIR = f"{OC}, {BD}"

S16 = [
    Case("richest_centimetres_missing", TOP_UNKNOWN, (either(FILLED, NO_STOCK),), PAIR, build=STOCK_30),
    Case("asked_for_more", TOP_UNKNOWN, (NO_STOCK,), PAIR, build=STOCK_30 | {"min_coverage": 0.9}),
    Case(
        "stripes",
        STRIPES,
        (either(NO_STOCK, sites(soc_stock_0_30_flag={"A": "filled"})),),
        PAIR,
        build=STOCK_30 | {"min_coverage": 0.5},
    ),
    Case("stripes_under_the_default", STRIPES, (NO_STOCK,), PAIR, build=STOCK_30),
    Case(
        "third_known",
        layered("0,4,20,1", "9,13,20,1", "18,20,20,1", "25,27,20,1", "30,35,20,1"),
        (NO_STOCK,),
        PAIR,
        build=STOCK_30 | {"min_coverage": 0.45},
    ),
    Case(
        "gap_in_the_middle",
        layered("0,10,20,1", "14,30,20,1"),
        (either(sites(soc_stock_0_30_kg_m2={"A": 6.0}, soc_stock_0_30_flag={"A": "filled"}), NO_STOCK),),
        PAIR,
        build=STOCK_30,
    ),
    Case(
        "whole",
        layered("0,15,25,1.0", "15,30,10,1.2"),
        (sites(soc_stock_0_30_kg_m2={"A": 5.55}, soc_stock_0_30_flag={"A": None}),),
        PAIR,
        build=STOCK_30,
    ),
    Case(
        "beyond",
        layered("0,50,20,1.0"),
        (sites(soc_stock_0_30_kg_m2={"A": 6.0}, soc_stock_0_30_flag={"A": None}),),
        PAIR,
        build=STOCK_30,
    ),
    Case(
        "continued",
        layered("0,25,20,1.0"),
        (sites(soc_stock_0_30_kg_m2={"A": 6.0}, soc_stock_0_30_flag={"A": "extrapolated"}),),
        PAIR,
        build=STOCK_30 | {"extrapolate": True},
    ),
]


@parametrised("S16", S16)
def test_a_stock_needs_its_depth(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


DATE = refuses(r"t\.csv", "depth", "row 2", "date")

U6 = [
    Case("iso_date", one_depth("2024-05-10"), (DATE,), depth=WORDS),
    Case("iso_date_and_time", one_depth("2024-05-10 00:00:00"), (DATE,), depth=WORDS),
    Case("slashes", one_depth("05/10/2024"), (either(DATE, NO_RANGE),), depth=WORDS),
    Case("points", one_depth("10.05.2024"), (either(DATE, NO_RANGE),), depth=WORDS),
    Case("month_in_letters", one_depth("05-Oct"), (either(DATE, NO_RANGE),), depth=WORDS),
    Case("month_first", one_depth("Oct-05"), (either(DATE, NO_RANGE),), depth=WORDS),
    Case("month_and_year", one_depth("Oct-2005"), (either(DATE, NO_RANGE),), depth=WORDS),
    Case(
        "typed_date",
        pd.DataFrame(
            {"id": ["A"], "lon": [10.0], "lat": [50.0], "depth": pd.to_datetime(["2024-05-10"]), "oc": [20.0]}
        ),
        (refuses(r"t\.parquet", "depth", "row 2", "date"),),
        depth=WORDS,
        path="t.parquet",
    ),
    Case("deep_but_true", one_depth("100-2024"), (layers(top_cm={"A": 100.0}, bottom_cm={"A": 2024.0}),), depth=WORDS),
    Case(
        "upside_down",
        one_depth("20-0"),
        (either(TWENTY, refuses("depth|upside", "row|site"), counts("depth", 1)),),
        depth=WORDS,
    ),
    Case(
        "two_columns",
        "id,lon,lat,top,bot,oc\nA,10,50,0,2024-05-20,20\n",
        (refuses(r"t\.csv", "bot", "row 2", "number"),),
    ),
]


@parametrised("U6", U6)
def test_dates_that_a_spreadsheet_made_of_depths_are_refused(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


# Kept together: what a message about depths should offer when a whole table has none left.
NONE_LEFT = [
    Case("all_above_the_surface", "id,lon,lat,top,bot,oc\nA,10,50,-20,-10,20\n", (refuses("depth|above the surface"),)),
    Case(
        "some_above",
        "id,lon,lat,top,bot,oc\nA,10,50,-5,0,300\nA,10,50,0,20,20\n",
        (all_of(sites(oc_g_kg={"A": 20.0}), counts("depth|surface", 1)),),
    ),
    Case("unit_of_depth", "id,lon,lat,top,bot,oc\nA,10,50,0,0.2,20\n", (refuses("thinner|unit|depth"),)),
    Case(
        "same_place_twice",
        f"{HEAD}A,10,50,A,0,20,20,1\nA,10,50,A,0,20,20,1\n",
        (all_of(sites(oc_g_kg={"A": 20.0}), says("same layer")),),
        PAIR,
        place=PLACE,
    ),
]


@parametrised("depth", NONE_LEFT)
def test_layers_that_depth_costs_are_said(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
