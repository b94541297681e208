"""S15, S17, S18, S19, U1: campaigns stay apart, places are compared by distance, years are years."""

# ruff: noqa: E501 -- a case a line reads best

from pathlib import Path

import pandas as pd
import pytest
from cases.files import frame, table
from cases.harness import (
    BD,
    OC,
    STATES,
    WORLD,
    Case,
    Expectation,
    Run,
    all_of,
    counts,
    either,
    holds,
    layers,
    parametrised,
    refuses,
    says,
    silent_about,
    sites,
)

YEAR = f"{OC}, {BD}, year: y"
HEAD = "id,lon,lat,top,bot,y,oc,bd\n"


def visits(*rows: str) -> str:
    """Rows of site 4786: depth, year, content, density."""
    return HEAD + "".join(f"4786,10,50,{row}\n" for row in rows)


def campaigns(**by_year: float) -> Expectation:
    """One row a campaign, all in one group; or one row a site, if the ladder or the log says so."""

    def apart(run: Run) -> None:
        rows = run.sites.sort_values("year")
        assert rows["year"].tolist() == [float(year.removeprefix("y")) for year in sorted(by_year)]
        assert rows["soc_density_kg_m3"].tolist() == pytest.approx(
            [by_year[year] for year in sorted(by_year)], rel=2e-3
        )
        assert rows["group_id"].nunique() == 1

    def in_the_log(run: Run) -> None:
        assert len(run.sites) == 1
        says("campaign|several years|years of sampling")(run)

    return either(apart, in_the_log)


S15 = [
    Case(
        "three_campaigns",
        visits("0,20,2009,30,1", "0,20,2015,26,1", "0,20,2018,20,1"),
        (campaigns(y2009=30, y2015=26, y2018=20),),
        YEAR,
    ),
    Case(
        "of_different_layering",
        visits("0,10,2009,40,1", "10,20,2009,20,1", "0,20,2018,24,1"),
        (campaigns(y2009=30, y2018=24),),
        YEAR,
    ),
    Case("dates", visits("0,20,2009-05-01,30,1", "0,20,2015-06-11,26,1"), (campaigns(y2009=30, y2015=26),), YEAR),
    Case(
        "parquet",
        pd.DataFrame(
            {
                "id": 4786,
                "lon": 10.0,
                "lat": 50.0,
                "top": 0,
                "bot": 20,
                "y": [2009, 2018],
                "oc": [30.0, 20.0],
                "bd": 1.0,
            }
        ),
        (campaigns(y2009=30, y2018=20),),
        YEAR,
        path="t.parquet",
    ),
    Case(
        "stocks",
        visits("0,30,2009,30,1", "0,30,2018,20,1"),
        (either(sites(soc_stock_0_30_kg_m2={"4786": [9.0, 6.0]}), says("campaign|several years|years of sampling")),),
        YEAR,
        build={"stocks_cm": [30]},
    ),
    Case(
        "one_year_of_two_layers",
        visits("0,10,2009,40,1", "10,20,2009,20,1"),
        (sites(soc_density_kg_m3={"4786": 30.0}, year={"4786": 2009.0}),),
        YEAR,
    ),
    Case(
        "replicates_of_a_year",
        visits("0,20,2009,40,1", "0,20,2009,20,1"),
        (sites(soc_density_kg_m3={"4786": 30.0}, year={"4786": 2009.0}),),
        YEAR,
    ),
    Case(
        "a_layer_without_year",
        visits("0,10,2009,40,1", "10,20,,20,1"),
        (either(sites(soc_density_kg_m3={"4786": 30.0}), says("year")),),
        YEAR,
    ),
]


@parametrised("S15", S15)
def test_campaigns_stay_apart_or_are_said(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


PLACES = "id,lon,lat,top,bot,oc,bd,y\n"
SECOND_SOURCE = "{name: o, path: o.csv, licence: x, columns: {site_id: id, lon: lon, lat: lat, top_cm: {column: top, unit: cm}, bottom_cm: {column: bot, unit: cm}, oc_g_kg: {column: oc, unit: g/kg}, bd_fine_g_cm3: {column: bd, unit: g/cm3}, year: y}}"


def groups(number: int, size: int) -> Expectation:
    """`size` sites in `number` groups."""

    def expectation(run: Run) -> None:
        assert len(run.sites) == size
        assert run.sites["group_id"].nunique() == number

    return expectation


def beside(
    name: str, here_and_there: tuple[str, str], expects: tuple[Expectation, ...], grid: dict[str, object] | None = None
) -> Case:
    """Two sources with a site each, of different content and year."""
    first, second = (
        f"{PLACES}{site},{place},0,20,{oc},1,{year}\n"
        for site, place, oc, year in zip("AW", here_and_there, (30, 25), (2009, 2015), strict=True)
    )
    return Case(name, first, expects, YEAR, more=(SECOND_SOURCE,), files={"o.csv": second}, grid=grid or WORLD)


S17 = [
    beside("across_the_rounding", ("10.00004,50", "10.00006,50"), (groups(1, 2),)),
    beside("across_in_latitude", ("10,50.00004", "10,50.00006"), (groups(1, 2),)),
    beside("far_north", ("20.00004,69", "20.00016,69"), (groups(1, 2),)),
    beside("across_the_date_line", ("179.99999,60", "-179.99999,60"), (groups(1, 2),)),
    beside("same_to_the_bit", ("10.12345,50.12345", "10.12345,50.12345"), (groups(1, 2),)),
    beside("two_hundred_metres", ("10.0,50", "10.003,50"), (groups(2, 2),)),
    Case(
        "chain",
        f"{PLACES}A,10.00004,50,0,20,30,1,2009\nB,10.00010,50,0,20,31,1,2010\nC,10.00016,50,0,20,32,1,2011\n",
        (groups(1, 3),),
        YEAR,
        grid=WORLD,
    ),
    Case(
        "one_site_in_one_source",
        f"{PLACES}A,10.00004,50,0,10,30,1,2009\nA,10.00006,50,10,20,20,1,2009\n",
        (sites(soc_density_kg_m3={"A": 25.0}),),
        YEAR,
    ),
    Case(
        "one_site_far_apart",
        f"{PLACES}A,10.0,50,0,10,30,1,2009\nA,10.1,50,10,20,20,1,2009\n",
        (refuses(r"t\.csv", "site 'A'", "row 2", "row 3", "two coordinates"),),
        YEAR,
    ),
]


@parametrised("S17", S17)
def test_places_are_compared_by_distance(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def two_sources(name: str, first: list[str], second: list[str], expects: tuple[Expectation, ...]) -> Case:
    """Profiles of two sources at one coordinate: content and year of each."""
    texts = [
        PLACES
        + "".join(
            f"{letter}{k},10.5,50.5,0,20,{row.split()[0]},1,{' '.join(row.split()[1:])}\n"
            for k, row in enumerate(rows, start=1)
        )
        for letter, rows in (("A", first), ("B", second))
    ]
    return Case(name, texts[0], expects, YEAR, more=(SECOND_SOURCE,), files={"o.csv": texts[1]})


ALL_FIVE = sites(oc_g_kg={"A1": 12.0, "A2": 35.0, "A3": 80.0, "B1": 7.0, "B2": 22.0})

S18 = [
    two_sources("different_soils", ["12", "35", "80"], ["7", "22"], (ALL_FIVE, silent_about("measured more"))),
    two_sources(
        "many_on_one_coordinate",
        ["12", "35", "80"],
        ["7", "22"],
        (says("5 (profiles|sites).*(one|same|exact)|(one|same|exact).*coordinate.*5|coordinate"),),
    ),
    two_sources("same_year_other_values", ["12 2010"], ["7 2010"], (sites(oc_g_kg={"A1": 12.0, "B1": 7.0}),)),
    two_sources("same_year_same_values", ["12 2010"], ["12 2010"], (counts("duplicate", 1),)),
    two_sources("same_year_same_values_rounded", ["12.0 2010"], ["12.0004 2010"], (counts("duplicate", 1),)),
    two_sources("unknown_year_is_no_equal_year", ["12"], ["7"], (sites(oc_g_kg={"A1": 12.0, "B1": 7.0}),)),
    two_sources("one_year_unknown", ["12 2010"], ["7"], (sites(oc_g_kg={"A1": 12.0, "B1": 7.0}),)),
    two_sources("other_year", ["12 2010"], ["12 2018"], (sites(oc_g_kg={"A1": 12.0, "B1": 12.0}),)),
]


@parametrised("S18", S18)
def test_duplicates_agree_in_year_and_value(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


BY_DATE = f"{OC}, year: date"


def dated(*dates: str) -> str:
    """A table with dates."""
    return table("oc,date", *(f"20,{text}" for text in dates))


def no_year(*words: str) -> Expectation:
    """Refused, with the row."""
    return refuses(r"t\.csv", "date", r"row \d", *words)


S19 = [
    Case(
        "serial", dated("41822", "42019"), (either(layers(year={"A": 2014.0, "B": 2015.0}), no_year("41822")),), BY_DATE
    ),
    Case(
        "serial_that_holds_a_year",
        dated("42019", "42020"),
        (either(layers(year={"A": 2015.0, "B": 2015.0}), no_year("42019")),),
        BY_DATE,
    ),
    Case(
        "eight_digits",
        dated("18062015", "19062015"),
        (either(layers(year={"A": 2015.0, "B": 2015.0}), no_year("18062015")),),
        BY_DATE,
    ),
    Case(
        "eight_digits_year_first",
        dated("20150618", "20150619"),
        (either(layers(year={"A": 2015.0, "B": 2015.0}), no_year("20150618")),),
        BY_DATE,
    ),
    Case(
        "month_in_letters",
        dated("01-JUL-18", "15-jan-2015"),
        (either(layers(year={"A": 2018.0, "B": 2015.0}), no_year("01-JUL-18")),),
        BY_DATE,
    ),
    Case(
        "month_first",
        dated("Jul 2015", "June 2016"),
        (either(layers(year={"A": 2015.0, "B": 2016.0}), no_year("Jul 2015")),),
        BY_DATE,
    ),
    Case(
        "mixed",
        dated("2014-07-02", "42019"),
        (either(layers(year={"A": 2014.0, "B": 2015.0}), no_year("42019")),),
        BY_DATE,
    ),
    Case("long_ago", dated("1806", "2009"), (no_year("1806"),), BY_DATE),
    Case("not_yet", dated("2109", "2009"), (no_year("2109"),), BY_DATE),
    Case("long_ago_as_a_date", dated("1806-05-01", "2009-05-01"), (no_year("1806"),), BY_DATE),
    Case(
        "nonsense",
        dated("spring", "2009"),
        (either(no_year("spring"), all_of(layers(year={"A": None, "B": 2009.0}), says("year"))),),
        BY_DATE,
    ),
    Case(
        "sample_number",
        dated("S-2018-77", "2009"),
        (either(no_year("S-2018-77"), all_of(layers(year={"A": None}), says("year"))),),
        BY_DATE,
    ),
    Case(
        "iso_with_time",
        dated("2018-07-01T10:00:00Z", "2015-01-15 08:30"),
        (layers(year={"A": 2018.0, "B": 2015.0}),),
        BY_DATE,
    ),
    Case(
        "month_and_year",
        dated("07/2015", "7.2016"),
        (either(layers(year={"A": 2015.0, "B": 2016.0}), no_year("7.2016")),),
        BY_DATE,
    ),
    Case("unknown_parts", dated("????-07-12", "2015-??-??"), (layers(year={"A": None, "B": 2015.0}),), BY_DATE),
    Case("two_digits", dated("06-07-18", "06.07.09"), (layers(year={"A": 2018.0, "B": 2009.0}),), BY_DATE),
    Case(
        "typed_dates",
        frame(oc=[20.0, 20.0], date=pd.to_datetime(["2014-07-02", "2015-01-15"])),
        (layers(year={"A": 2014.0, "B": 2015.0}),),
        BY_DATE,
        path="t.parquet",
    ),
    Case(
        "typed_serials",
        frame(oc=[20.0, 20.0], date=[41822, 42019]),
        (either(layers(year={"A": 2014.0, "B": 2015.0}), refuses(r"t\.parquet", "date", "row 2", "41822")),),
        BY_DATE,
        path="t.parquet",
    ),
    Case(
        "typed_years_with_gaps",
        frame(oc=[20.0, 20.0], date=[2009.0, None]),
        (layers(year={"A": 2009.0, "B": None}),),
        BY_DATE,
        path="t.parquet",
    ),
]


@parametrised("S19", S19)
def test_a_year_is_a_year_or_an_error(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def ring(*longitudes: float) -> str:
    """Thirty sites of the United States, the longitudes in turn."""
    rows = [f"W{k},{longitudes[k % len(longitudes)] + 0.01 * k:.2f},40,0,20,20" for k in range(30)]
    return "id,lon,lat,top,bot,oc\n" + "\n".join(rows) + "\n"


WEST = layers(lon={"W0": -100.0, "W1": -99.99, "W29": -99.71})
TURN = refuses(r"t\.csv", "lon", "360")

U1 = [
    Case("all_rows", ring(260.0), (either(all_of(WEST, says("360")), TURN),), grid=STATES),
    Case("some_rows", ring(-100.0, -100.0, 260.0), (either(all_of(WEST, says("360")), TURN),), grid=STATES),
    Case(
        "parquet",
        frame(oc=[20.0] * 3).assign(lon=[260.0, 261.0, 262.0], lat=40.0),
        (either(all_of(layers(lon={"A": -100.0}), says("360")), refuses(r"t\.parquet", "lon", "360")),),
        grid=STATES,
        path="t.parquet",
    ),
    Case(
        "across_greenwich",
        ring(355.0, 5.0).replace(",40,", ",47,"),
        (either(all_of(layers(lon={"W0": -5.0, "W1": 5.01}), says("360")), TURN),),
    ),
    Case(
        "one_slip",
        ring(10.0).replace(",40,", ",50,").replace("W3,10.03", "W3,260.03"),
        (either(counts("outside|360", 1), TURN),),
    ),
    Case("wrong_sign_of_some", ring(-100.0, -100.0, 100.0), (counts("outside", 10),), grid=STATES),
    Case("whole_world", ring(260.0), (either(all_of(WEST, says("360")), TURN),), grid=WORLD),
    Case(
        "beyond_the_ring",
        ring(-100.0).replace("W3,-99.97", "W3,400.0"),
        (either(counts("coordinates|outside", 1), refuses(r"t\.csv", "lon", "row 5")),),
        grid=STATES,
    ),
]


@parametrised("U1", U1)
def test_longitudes_of_0_to_360_are_turned_or_said(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def minutes(*hundredths: int, trust: str = "") -> str:
    """Sixty sites in as many degrees of Europe, with parts behind the point in turn."""
    rows = [
        f"M{k},{8 + k % 6}.{hundredths[k % len(hundredths)]:02d}{k % 60:02d},"
        f"{46 + k // 6 % 6}.{hundredths[(k + 3) % len(hundredths)]:02d}{(7 * k) % 60:02d},0,20,{20 + k}"
        for k in range(60)
    ]
    return "id,lon,lat,top,bot,oc\n" + "\n".join(rows) + "\n"


PACKED = (0, 5, 11, 24, 33, 45, 59)
M1 = [
    Case("packed", minutes(*PACKED), (refuses(r"t\.csv", r"row 2", r"DD\.MMSS", "decimal degrees"),)),
    Case("one_above", minutes(*PACKED, 61), (silent_about("MMSS"), layers(lon={"M0": 8.0}))),
    Case("in_one_degree", ring(10.0, 10.1, 10.2).replace(",40,", ",50,"), (silent_about("MMSS"),)),
    Case(
        "trusted",
        minutes(*PACKED),
        (layers(lon={"M1": 9.0501}),),
        place="site_id: id, lon: {column: lon, trust_unit: true}, lat: lat",
    ),
]


@parametrised("M1", M1)
def test_minutes_behind_the_point_are_no_decimals(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
