"""S2, S3, S14, S21: an instruction that matches nothing, and a value that is not used, are said and counted."""

# ruff: noqa: E501 -- a case a line reads best

from pathlib import Path

import pandas as pd
from cases.files import frame, points
from cases.harness import (
    BD,
    MANRIQUE,
    OC,
    Case,
    all_of,
    counts,
    either,
    holds,
    layers,
    parametrised,
    refuses,
    says,
    sites,
)
from conftest import ROOT

PEAT = "id,lon,lat,top,bot,oc,peat,irrigated,hzn,iso,day\nA,10,50,0,20,20,no,FALSE,01,SE,12:29\nB,10.1,50,0,20,450,yes,TRUE,02,NO,12:30\n"
QUOTE = refuses("exclude", "quote")
NO_MATCH = either(refuses(r"t\.csv", "exclude", "matches no"), says("matches no"))
ONLY_A = all_of(layers(oc_g_kg={"A": 20.0, "B": None}), counts("filter|exclude|one of", 1, rows_before=2))

S2 = [
    Case("yes", PEAT, (QUOTE,), source="exclude: {peat: [yes]}"),
    Case("true", PEAT, (QUOTE,), source="exclude: {irrigated: [TRUE]}"),
    Case("octal", PEAT, (refuses("region.yaml", "quotes"),), source="exclude: {hzn: [02]}"),
    Case("norway", PEAT, (QUOTE,), source="exclude: {iso: [NO, SE]}"),
    Case("where", PEAT, (refuses("where", "quote"),), source="where: {peat: [no]}"),
    Case("off", PEAT, (QUOTE,), source="exclude: {peat: [off]}"),
    Case("null", PEAT, (refuses("exclude", "quote|null|empty"),), source="exclude: {peat: [~]}"),
    Case("time", PEAT, (refuses("region.yaml", "quotes"),), source="exclude: {day: [12:30]}"),
    Case(
        "date",
        PEAT.replace("12:30", "2018-06-01"),
        (either(refuses("exclude", "quote"), ONLY_A),),
        source="exclude: {day: [2018-06-01]}",
    ),
    Case("other_capitals", PEAT, (NO_MATCH,), source='exclude: {peat: ["Yes"]}'),
    Case("blank_inside", PEAT, (NO_MATCH,), source='exclude: {peat: ["ye s"]}'),
    Case(
        "one_of_two_matches_none",
        PEAT,
        (either(refuses("exclude", "'bog'", "matches no"), all_of(ONLY_A, says("'bog'"))),),
        source='exclude: {peat: ["yes", bog]}',
    ),
    Case(
        "where_that_matches_some",
        PEAT,
        (either(refuses("where", "'bog'", "matches no"), all_of(ONLY_A, says("'bog'"))),),
        source='where: {peat: ["no", bog]}',
    ),
    Case("quoted", PEAT, (ONLY_A,), source='exclude: {peat: ["yes"]}'),
    Case("quoted_number", PEAT, (ONLY_A,), source='exclude: {hzn: ["02"]}'),
    Case("number", PEAT, (ONLY_A,), source="exclude: {oc: [450]}"),
    Case(
        "typed_boolean",
        frame(oc=[20.0, 450.0], irrigated=[False, True]),
        (ONLY_A,),
        source='exclude: {irrigated: ["true"]}',
        path="t.parquet",
    ),
    Case(
        "typed_boolean_unquoted",
        frame(oc=[20.0, 450.0], irrigated=[False, True]),
        (either(ONLY_A, refuses("exclude", "quote")),),
        source="exclude: {irrigated: [true]}",
        path="t.parquet",
    ),
    Case(
        "in_a_join",
        PEAT,
        (refuses("where", "quote"),),
        f"{OC}, {BD}",
        "joins: [{path: bd.csv, by: {id: id}, take: {bd: bd}, where: {use: [yes]}}]",
        files={"bd.csv": "id,bd,use\nA,1.2,yes\nB,1.1,yes\n"},
    ),
    Case(
        "join_that_matches_none",
        PEAT,
        (either(refuses(r"bd\.csv", "'ok'"), says(r"bd\.csv.*0 of 2")),),
        f"{OC}, {BD}",
        'joins: [{path: bd.csv, by: {id: id}, take: {bd: bd}, where: {use: ["ok"]}}]',
        files={"bd.csv": "id,bd,use\nA,1.2,yes\nB,1.1,yes\n"},
    ),
]


@parametrised("S2", S2)
def test_a_filter_says_what_it_does(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


JOIN = "joins: [{path: bd.csv, by: {id: id}, take: {bdj: bd, cfj: cf}, columns: {bd_fine_g_cm3: {column: bdj, unit: g/cm3}, cf_vol: {column: cfj, unit: pct}}}]"
NUMBERED = "id,lon,lat,top,bot,oc\n00123,10,50,0,20,20\n00124,10.1,50,0,20,30\n"
PARTNER = "id,bd,cf\n123,1.05,40\n124,0.95,35\n"
NO_PARTNER = refuses(r"bd\.csv", "0 of 2", "00123", "123", "by|join")
JOINED = all_of(sites(soc_density_kg_m3={"00123": 12.6, "00124": 18.525}), counts(r"bd\.csv", 0, rows_before=2))
FOUR = "id,lon,lat,top,bot,oc\nA,10,50,0,20,20\nB,10.1,50,0,20,30\nC,10.2,50,0,20,30\nD,10.3,50,0,20,30\n"


def joined(name: str) -> str:
    """The join of S3 with another file."""
    return JOIN.replace("bd.csv", name)


S3 = [
    Case("leading_zeros", NUMBERED, (either(NO_PARTNER, JOINED),), source=JOIN, files={"bd.csv": PARTNER}),
    Case(
        "capitals",
        NUMBERED.replace("0012", "a"),
        (refuses(r"bd\.csv", "0 of 2", "a3", "A3"),),
        source=JOIN,
        files={"bd.csv": PARTNER.replace("12", "A")},
    ),
    Case(
        "prefix",
        NUMBERED.replace("0012", "DE-12"),
        (refuses(r"bd\.csv", "0 of 2", "DE-123", "123"),),
        source=JOIN,
        files={"bd.csv": PARTNER},
    ),
    Case(
        "dash",
        NUMBERED.replace("0012", "P-12"),
        (refuses(r"bd\.csv", "0 of 2", "P-123", "P123"),),
        source=JOIN,
        files={"bd.csv": PARTNER.replace("12", "P12")},
    ),
    Case(
        "another_column",
        NUMBERED,
        (refuses(r"bd\.csv", "0 of 2", "00123", "1.05"),),
        source=JOIN.replace("by: {id: id}", "by: {id: bd}"),
        files={"bd.csv": PARTNER},
    ),
    Case(
        "empty_partner", NUMBERED, (refuses(r"bd\.csv", "0 of 2|no rows"),), source=JOIN, files={"bd.csv": "id,bd,cf\n"}
    ),
    Case(
        "parquet_partner",
        NUMBERED,
        (either(refuses(r"bd\.parquet", "0 of 2", "00123", "123"), all_of(sites(soc_density_kg_m3={"00123": 12.6}))),),
        source=joined("bd.parquet"),
        files={"bd.parquet": pd.DataFrame({"id": [123, 124], "bd": [1.05, 0.95], "cf": [40, 35]})},
    ),
    Case(
        "workbook_partner",
        NUMBERED.replace("00", ""),
        (sites(soc_density_kg_m3={"123": 12.6, "124": 18.525}),),
        source=joined("bd.xlsx"),
        files={"bd.xlsx": pd.DataFrame({"id": [123, 124], "bd": [1.05, 0.95], "cf": [40, 35]})},
    ),
    Case(
        "floats",
        NUMBERED.replace("00", ""),
        (sites(soc_density_kg_m3={"123": 12.6, "124": 18.525}),),
        source=joined("bd.parquet"),
        files={"bd.parquet": pd.DataFrame({"id": [123.0, 124.0], "bd": [1.05, 0.95], "cf": [40, 35]})},
    ),
    Case(
        "blanks_around",
        NUMBERED.replace("00", ""),
        (sites(soc_density_kg_m3={"123": 12.6, "124": 18.525}),),
        source=JOIN,
        files={"bd.csv": PARTNER.replace("123", " 123 ")},
    ),
    Case(
        "one_of_four_warns",
        FOUR,
        (says(r"bd\.csv.*1 of 4"), counts(r"bd\.csv", 3, rows_before=4)),
        source=JOIN,
        files={"bd.csv": "id,bd,cf\nA,1.05,40\n"},
    ),
    Case(
        "three_of_four",
        FOUR,
        (counts(r"bd\.csv", 1, rows_before=4),),
        source=JOIN,
        files={"bd.csv": "id,bd,cf\nA,1.05,40\nB,1,0\nC,1,0\n"},
    ),
    Case(
        "all",
        NUMBERED,
        (counts(r"bd\.csv", 0, rows_before=2),),
        source=JOIN,
        files={"bd.csv": PARTNER.replace("12", "0012")},
    ),
    Case(
        "required",
        NUMBERED,
        (refuses(r"bd\.csv", "0 of 2", "00123", "123"),),
        source=JOIN.replace("by:", "required: true, by:"),
        files={"bd.csv": PARTNER},
    ),
    Case(
        "by_place",
        FOUR,
        (sites(soc_density_kg_m3={"A": 24.0, "B": 33.0}),),
        source="joins: [{path: bd.csv, by: {lon: x, lat: y}, take: {bdj: bd}, columns: {bd_fine_g_cm3: {column: bdj, unit: g/cm3}}}]",
        files={"bd.csv": "x,y,bd\n10.0,50.0,1.2\n10.10,50.00,1.1\n10.2,50,1\n10.3,50,1\n"},
    ),
]


@parametrised("S3", S3)
def test_a_join_says_how_many_rows_found_a_partner(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


WHOLE = f"{OC}, bd_whole_g_cm3: {{column: bd, unit: g/cm3}}"
UNKNOWN = says("coarse fragments unknown|coarse fragments are unknown")
WHOLE_ROWS = "id,lon,lat,top,bot,oc,bd\nA,10,50,0,20,20,1.45\nB,10.1,50,0,20,20,0.95\n"
# Either with the fragments that the region assumes (said), or by the function (counted): never in silence.
UNUSED = either(
    all_of(sites(soc_density_kg_m3={"A": 29.0, "B": 19.0}), UNKNOWN),
    all_of(sites(soc_density_kg_m3={"A": 24.2056, "B": 24.2056}), counts("bd_whole|whole", 2), UNKNOWN),
)

S14 = [
    Case("whole_density_alone", WHOLE_ROWS, (UNUSED,), WHOLE, build=MANRIQUE),
    Case(
        "fragments_in_one_row",
        "id,lon,lat,top,bot,oc,bd,cf\nA,10,50,0,20,20,1.4,20\nB,10.1,50,0,20,20,0.95,\n",
        (sites(soc_density_kg_m3={"A": 22.4}), UNKNOWN),
        f"{WHOLE}, cf_mass: {{column: cf, unit: pct}}",
        build=MANRIQUE,
    ),
    Case("parquet", frame(oc=[20.0, 20.0], bd=[1.45, 0.95]), (UNUSED,), WHOLE, build=MANRIQUE, path="t.parquet"),
    Case(
        "fragments_assumed",
        WHOLE_ROWS,
        (
            UNKNOWN,
            either(
                sites(soc_density_kg_m3={"A": 20 * (1.45 - 0.265), "B": 20 * (0.95 - 0.265)}),
                counts("bd_whole|whole", 2),
            ),
        ),
        WHOLE,
        build=MANRIQUE | {"missing_coarse_fragments": 0.1},
    ),
    Case(
        "fine_density_goes_before",
        "id,lon,lat,top,bot,oc,bd,bw\nA,10,50,0,20,20,1.2,1.45\n",
        (sites(soc_density_kg_m3={"A": 24.0}, bd_source={"A": "measured"}),),
        f"{OC}, {BD}, bd_whole_g_cm3: {{column: bw, unit: g/cm3}}",
    ),
    Case(
        "stock_that_a_density_hides",
        "id,lon,lat,top,bot,st,d\nA,10,50,0,20,50,26\n",
        (sites(soc_density_kg_m3={"A": 26.0}), counts("stock", 1)),
        "soc_stock_kg_m2: {column: st, unit: Mg/ha}, soc_density_kg_m3: {column: d, unit: kg/m3}",
    ),
    Case(
        "mass_of_stones_that_volume_hides",
        "id,lon,lat,top,bot,oc,bd,cm,cv\nA,10,50,0,20,20,1.2,30,10\n",
        (sites(soc_density_kg_m3={"A": 21.6}), counts("cf_mass", 1)),
        f"{OC}, {BD}, cf_mass: {{column: cm, unit: pct}}, cf_vol: {{column: cv, unit: pct}}",
    ),
]


@parametrised("S14", S14)
def test_a_measured_value_that_is_not_used_is_counted(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


DEFAULT = (ROOT / "config.yaml",)
MEASURED = "id,lon,lat,top,bot,oc,bd\nA,10,50,0,20,20,1.0\n"
PLAIN = sites(soc_density_kg_m3={"A": 20.0})

S21 = [
    Case("no_build", MEASURED, (PLAIN,), f"{OC}, {BD}", build=None, base=DEFAULT),
    Case(
        "another_key",
        MEASURED.replace(",20,20,", ",30,20,"),
        (PLAIN,),
        f"{OC}, {BD}",
        build={"bottom_cm": 30},
        whole_build=False,
        base=DEFAULT,
    ),
    Case("no_density", MEASURED, (sites(bd_source={"A": "measured"}),), f"{OC}, {BD}", build=None, base=DEFAULT),
    Case(
        "geopackage",
        points(frame(oc=[20.0], bd=[1.0])),
        (PLAIN,),
        f"{OC}, {BD}",
        build=None,
        base=DEFAULT,
        path="t.gpkg",
    ),
    Case(
        "assumed_is_said",
        MEASURED,
        (says("coarse fragments|stones"), sites(cf_source={"A": "assumed"})),
        f"{OC}, {BD}",
        build=None,
    ),
    Case(
        "median_of_the_measured",
        "id,lon,lat,top,bot,oc,bd,cf\nA,10,50,0,20,20,1,10\nB,10.1,50,0,20,20,1,20\nC,10.2,50,0,20,20,1,30\nD,10.3,50,0,20,20,1,\n",
        (
            sites(soc_density_kg_m3={"A": 18.0, "D": 16.0}, cf_vol={"D": 0.2}, cf_source={"A": "measured"}),
            says("median"),
        ),
        f"{OC}, {BD}, cf_vol: {{column: cf, unit: pct}}",
        build=None,
    ),
    Case(
        "zero_when_told",
        "id,lon,lat,top,bot,oc,bd,cf\nA,10,50,0,20,20,1,10\nD,10.3,50,0,20,20,1,\n",
        (sites(soc_density_kg_m3={"A": 18.0, "D": 20.0}, cf_source={"D": "assumed"}),),
        f"{OC}, {BD}, cf_vol: {{column: cf, unit: pct}}",
    ),
]


@parametrised("S21", S21)
def test_the_values_of_the_demo_stay_in_the_demo(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
