"""S7, S8, S11, S12, S13: domains come before arithmetic; bulk density by its definition and under its name."""

# ruff: noqa: E501 -- a case a line reads best

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases.files import frame, points, table
from cases.harness import (
    BD,
    MANRIQUE,
    OC,
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

MASS = f"{OC}, bd_whole_g_cm3: {{column: bd, unit: g/cm3}}, cf_mass: {{column: cf, unit: pct}}"
VOLUME = f"{OC}, {BD}, cf_vol: {{column: cf, unit: pct}}"
ESTIMATED = 30 * (1.660 - 0.318 * 3**0.5)


def not_measured(*names: str) -> Expectation:
    """Sites whose fragments were nonsense have the density of the function, and say so."""

    def expectation(run: Run) -> None:
        rows = run.sites.set_index(run.sites["site_id"].str.replace("s:", "", regex=False)).loc[list(names)]
        assert not (rows["cf_source"] == "measured").any()
        either(
            sites(
                soc_density_kg_m3=dict.fromkeys(names, ESTIMATED), bd_source=dict.fromkeys(names, "manrique_jones1991")
            ),
            # or the whole-soil density with the fragments that the region assumes (0), as S14 allows
            all_of(sites(soc_density_kg_m3=dict.fromkeys(names, 33.0)), says("coarse fragments")),
        )(run)

    return expectation


S7 = [
    Case(
        "given",
        table("oc,bd,cf", "30,1.1,-9", "30,1.1,20", "30,1.1,120"),
        (not_measured("A", "C"), sites(soc_density_kg_m3={"B": 26.4}), counts("cf_mass|coarse fragments", 2)),
        MASS,
        build=MANRIQUE,
    ),
    Case(
        "volume",
        table("oc,bd,cf", "30,1.1,-9", "30,1.1,20", "30,1.1,120"),
        (sites(soc_density_kg_m3={"A": 33.0, "B": 26.4, "C": 33.0}), counts("cf_vol|coarse fragments", 2)),
        VOLUME,
    ),
    Case(
        "fraction",
        table("oc,bd,cf", "30,1.1,-0.5", "30,1.1,0.2", "30,1.1,1.2"),
        (not_measured("A", "C"), sites(soc_density_kg_m3={"B": 26.4})),
        MASS.replace("pct", "fraction"),
        build=MANRIQUE,
    ),
    Case(
        "parquet",
        frame(oc=[30.0, 30.0], bd=[1.1, 1.1], cf=[-9.0, 120.0]),
        (not_measured("A", "B"),),
        MASS,
        build=MANRIQUE,
        path="t.parquet",
    ),
    Case(
        "whole_density_below_zero",
        table("oc,bd,cf", "30,-1,20", "30,1.1,20"),
        (
            sites(soc_density_kg_m3={"B": 26.4}, bd_source={"A": "manrique_jones1991"}),
            counts("bulk density|bd_whole", 1),
        ),
        MASS,
        build=MANRIQUE,
    ),
    Case(
        "heavier_than_rock",
        table("oc,bd,cf", "30,2.9,20", "30,1.1,20"),
        (
            sites(soc_density_kg_m3={"B": 26.4}, bd_source={"A": "manrique_jones1991"}),
            counts("bulk density|bd_whole", 1),
        ),
        MASS,
        build=MANRIQUE,
    ),
    Case(
        "stones_only",
        table("oc,bd,cf", "30,1.1,100", "30,1.1,20"),
        (sites(soc_density_kg_m3={"B": 26.4}),),
        MASS,
        build=MANRIQUE,
    ),
    Case(
        "share_of_fractions",
        table("oc,mbc,sh", "30,0.3,160", "30,0.3,60"),
        (layers(moc_g_kg={"A": None, "B": 18.0}),),
        f"{OC}, moc_share: {{column: sh, unit: pct}}",
    ),
    Case(
        "texture",
        table("oc,sand,silt,clay", "30,-20,60,60", "30,40,40,20"),
        (sites(clay_pct={"A": None, "B": 20.0}), counts("clay|sand|texture", 1)),
        f"{OC}, sand_pct: {{column: sand, unit: pct}}, silt_pct: {{column: silt, unit: pct}}, clay_pct: {{column: clay, unit: pct}}",
    ),
    Case(
        "clay_alone",
        table("oc,clay", "30,-20", "30,120", "30,20"),
        (sites(clay_pct={"A": None, "B": None, "C": 20.0}), counts("clay|texture", 2)),
        f"{OC}, clay_pct: {{column: clay, unit: pct}}",
    ),
    Case(
        "depth_in_stock",
        table("st", "-50", "50"),
        (sites(soc_density_kg_m3={"A": None, "B": 25.0}), counts("stock|SOC density", 1)),
        "soc_stock_kg_m2: {column: st, unit: Mg/ha}",
    ),
    Case(
        "minus_below_zero",
        table("oc,tic", "30,50", "30,10"),
        (sites(oc_g_kg={"A": None, "B": 20.0}), counts("organic carbon", 1)),
        "oc_g_kg: {column: oc, minus: tic, unit: g/kg}",
    ),
]


@parametrised("S7", S7)
def test_a_value_is_judged_before_it_is_computed_with(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


MOC = f"{OC}, moc_g_kg: {{column: moc, unit: g/kg}}"
POC = f"{OC}, poc_g_kg: {{column: poc, unit: g/kg}}"
SOC_STAYS = sites(oc_g_kg={"A": 20.0, "B": 20.0})

S8 = [
    Case(
        "moc_above_oc",
        table("oc,moc", "20,31", "20,65", "20,15"),
        (sites(moc_kg_m3={"A": None, "B": None}), SOC_STAYS, counts("moc_g_kg|recovery|moc", 2)),
        MOC,
    ),
    Case(
        "poc_above_oc",
        table("oc,poc", "20,31", "20,65", "20,5"),
        (sites(poc_kg_m3={"A": None, "B": None}), SOC_STAYS, counts("poc_g_kg|recovery|poc", 2)),
        POC,
    ),
    Case(
        "percent",
        table("oc,moc", "20,3.1", "20,1.5"),
        (sites(moc_kg_m3={"A": None}), SOC_STAYS, counts("moc_g_kg|recovery|moc", 1)),
        MOC.replace("moc, unit: g/kg", "moc, unit: pct"),
    ),
    Case(
        "geopackage",
        points(frame(oc=[20.0, 20.0], moc=[31.0, 15.0])),
        (sites(moc_kg_m3={"A": None}), SOC_STAYS),
        MOC,
        path="t.gpkg",
    ),
    Case(
        "within_the_recovery",
        table("oc,moc", "20,25", "20,15"),
        (layers(moc_g_kg={"A": 25.0, "B": 15.0}), sites(moc_kg_m3={"A": 25 * 1.21028}), SOC_STAYS),
        MOC,
        build=MANRIQUE,
    ),
    Case(
        "recovery_of_the_user",
        table("oc,moc", "20,31", "20,65"),
        (sites(moc_kg_m3={"A": 31 * 1.21028, "B": None}), SOC_STAYS),
        MOC,
        build=MANRIQUE | {"limits": {"fraction_recovery": [0.5, 2.0]}},
    ),
    Case(
        "both_measured",
        table("oc,moc,poc", "20,31,2", "20,14,5"),
        (sites(moc_kg_m3={"A": None}, poc_kg_m3={"A": None}), SOC_STAYS),
        f"{MOC}, poc_g_kg: {{column: poc, unit: g/kg}}",
    ),
    Case(
        "oc_unknown",
        table("oc,moc", ",31", "20,15"),
        (layers(moc_g_kg={"A": 31.0}), counts("no_density|no OC|bulk density", 1)),
        MOC,
    ),
]


@parametrised("S8", S8)
def test_a_fraction_of_more_than_the_whole_is_dropped(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def mixing(oc_pct: float, mineral: float, organic: float) -> float:
    """SOC density [kg m-3] of a soil whose bulk density follows from two pure ones."""
    matter = 1.724 * oc_pct / 100
    return 10 * oc_pct * organic * mineral / (matter * mineral + (1 - matter) * organic)


FEDERER = {"pedotransfer": "federer1993"}
FIVE = table("oc", "10", "20", "40", "80", "200")
PUBLISHED = sites(
    soc_density_kg_m3={name: mixing(oc, 1.45, 0.11) for name, oc in zip("ABCDE", (1, 2, 4, 8, 20), strict=True)},
    bd_source=dict.fromkeys("ABCDE", "federer1993"),
)


def honest(run: Run) -> None:
    """A bulk density has the published name only with the published constants, and "fitted" only where it was."""
    for _, row in run.sites.iterrows():
        published = mixing(row["oc_g_kg"] / 10, 1.45, 0.11) / row["oc_g_kg"]
        assert "fitted" not in row["bd_source"]
        assert (row["bd_source"] == "federer1993") == (row["bd_fine_g_cm3"] == pytest.approx(published, rel=1e-4))


def no_fit(run: Run) -> None:
    """Nothing is called fitted."""
    assert not run.sites["bd_source"].str.contains("fitted").any()


def measured_rows(count: int, mineral: float = 1.6, organic: float = 0.15) -> pd.DataFrame:
    """Rows whose density follows the mixing law, and one at the end that has none."""
    oc = np.linspace(5, 60, count + 1)
    density = np.array([mixing(c / 10, mineral, organic) / c for c in oc])
    density[-1] = np.nan
    places = {"id": [f"P{k}" for k in range(count + 1)], "lon": 10 + np.arange(count + 1) / 50, "lat": 50.0}
    return pd.DataFrame({**places, "top": 0, "bot": 20, "oc": oc, "bd": density})


def last_of(number: float, source: str) -> Expectation:
    """SOC density and source of the row without a measured density."""

    def expectation(run: Run) -> None:
        row = run.sites[run.sites["bd_source"] != "measured"].iloc[0]
        assert row["bd_source"] == source
        assert row["soc_density_kg_m3"] == pytest.approx(number, rel=2e-3)

    return expectation


PAIR = f"{OC}, {BD}"

S11 = [
    Case("by_name", FIVE, (PUBLISHED,), build=FEDERER),
    Case("by_name_parquet", frame(oc=[10.0, 20.0, 40.0, 80.0, 200.0]), (PUBLISHED,), build=FEDERER, path="t.parquet"),
    Case(
        "by_name_percent",
        table("oc", "1", "2", "4", "8", "20"),
        (PUBLISHED,),
        OC.replace("g/kg}", "pct}"),
        build=FEDERER,
    ),
    Case("auto_of_nothing_measured", FIVE, (honest, silent_about("from the measured rows", "fitted"))),
    Case(
        "fitted_of_nothing_measured",
        FIVE,
        (either(refuses("fitted", "measured"), all_of(honest, silent_about("from the measured rows"))),),
        build={"pedotransfer": "federer1993_fitted"},
    ),
    Case(
        "auto_of_ten_measured",
        measured_rows(10),
        (silent_about("from the measured rows"), no_fit),
        PAIR,
        path="t.parquet",
    ),
    Case(
        "auto_of_forty_measured",
        measured_rows(40),
        (last_of(mixing(6.0, 1.6, 0.15), "federer1993_fitted"), says("measured rows")),
        PAIR,
        path="t.parquet",
    ),
    Case(
        "published_beside_measured",
        measured_rows(40),
        (last_of(mixing(6.0, 1.45, 0.11), "federer1993"),),
        PAIR,
        build=FEDERER,
        path="t.parquet",
    ),
]


@parametrised("S11", S11)
def test_constants_have_their_own_name(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


COVER = f"{OC}, landcover: lc, sand_pct: {{column: sand, unit: pct}}, silt_pct: {{column: silt, unit: pct}}, clay_pct: {{column: clay, unit: pct}}"
CULTIVATED = sites(bd_source={"A": "hollis2012_cultivated"}, bd_fine_g_cm3={"A": 1.385})
NOT_CULTIVATED = sites(bd_source={"A": "hollis2012_mineral"}, bd_fine_g_cm3={"A": 1.2539})
FIELDS_OF_CROPS = (
    "Wheat",
    "wheat",
    "Common wheat",
    "MAIZE",
    "Barley",
    "Potatoes",
    "Sugar beet",
    "Rape and turnip rape",
    "B11",
    "B16",
    "BX1",
    "Cropland",
    "Crops",
    "Arable land",
    "Cultivated",
    "Winter rye",
)
OTHER_COVERS = (
    "Uncultivated heath",
    "heath",
    "Not cultivated",
    "Non-arable grassland",
    "never cropped woodland",
    "Grassland without tree/shrub cover",
    "C10",
    "E20",
    "Buckthorn scrub",
    "Wheatear habitat",
    "Outcrop",
    "Rock outcrops",
)


def covered(cover: str, depth: str = "0,20", oc: int = 15) -> str:
    """A soil of 15 g/kg under a land cover."""
    return f"id,lon,lat,top,bot,oc,lc,sand,silt,clay\nA,10,50,{depth},{oc},{cover},40,40,20\n"


def spelled(cover: str) -> str:
    """A land cover as a part of a name."""
    return cover.replace(" ", "_").replace("/", "_")


DEEP = {"top_cm": 30, "bottom_cm": 100}

S12 = [
    *(Case(f"crop_{spelled(cover)}", covered(cover), (CULTIVATED,), COVER) for cover in FIELDS_OF_CROPS),
    *(Case(f"other_{spelled(cover)}", covered(cover), (NOT_CULTIVATED,), COVER) for cover in OTHER_COVERS),
    Case(
        "subsoil_of_a_crop",
        covered("Cropland", "30,100", 5),
        (sites(bd_fine_g_cm3={"A": 1.391333}, bd_source={"A": "hollis2012_mineral"}),),
        COVER,
        build=DEEP,
    ),
    Case(
        "subsoil_by_code",
        covered("B11", "30,60", 5),
        (sites(bd_fine_g_cm3={"A": 1.391333}),),
        COVER,
        build=DEEP | {"min_coverage": 0.4},
    ),
    Case("plough_layer", covered("Cropland", "0,30"), (CULTIVATED,), COVER),
    Case(
        "below_and_above",
        covered("Cropland", "0,30") + "A,10,50,30,100,5,Cropland,40,40,20\n",
        (sites(bd_fine_g_cm3={"A": 1.391333}),),
        COVER,
        build=DEEP,
    ),
    Case(
        "parquet",
        frame(oc=[15.0], lc=["Uncultivated heath"], sand=[40.0], silt=[40.0], clay=[20.0]),
        (NOT_CULTIVATED,),
        COVER,
        path="t.parquet",
    ),
]


@parametrised("S12", S12)
def test_land_cover_is_read_in_words(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


PER_WHOLE = f"{OC}, bd_fine_whole_g_cm3: {{column: bd, unit: g/cm3}}"
WITH_MASS = f"{PER_WHOLE}, cf_mass: {{column: cf, unit: pct}}"
TWENTY_ONE = sites(soc_density_kg_m3={"A": 21.0}, bd_source={"A": "measured"})
ISRAD = {
    "entry_name": "E", "site_name": "S", "pro_name": "P", "lyr_name": "L", "lyr_obs_date_y": 2010, "lyr_top": 0.0,
    "lyr_bot": 20.0, "lyr_hzn": "A", "lyr_bd_samp": np.nan, "lyr_bd_tot": np.nan, "lyr_sand_tot_psa": 40.0,
    "lyr_silt_tot_psa": 40.0, "lyr_clay_tot_psa": 20.0, "lyr_coarse_tot": 30.0, "lyr_c_org": 2.0, "lyr_c_tot": 2.0,
    "lyr_c_inorg": np.nan, "lyr_c_org_filled": 2.0, "lyr_soc": np.nan, "lat": 50.0, "lon": 10.0, "region": "europe",
    "pro_land_cover": "forest", "pro_treatment": "control", "pro_peatland": "", "lyr_ph_h2o": np.nan,
    "lyr_all_org_neg": "",
}  # fmt: skip


def israd(**values: object) -> str:
    """One layer of ISRaD."""
    return pd.DataFrame([{**ISRAD, **values}]).to_csv(index=False)


def of_israd(name: str, soc: float, **values: object) -> Case:
    """A case of the format, whose columns are by ISRaD's definitions."""
    keys = {"source": "format: israd", "place": "", "depth": "", "path": "israd_layers.csv.gz"}
    return Case(name, israd(**values), (lambda run: _only_soc(run, soc),), "", **keys)


def _only_soc(run: Run, number: float) -> None:
    assert run.sites["soc_density_kg_m3"].tolist() == pytest.approx([number], rel=2e-3)
    assert run.sites["bd_source"].tolist() == ["measured"]


S13 = [
    Case(
        "mass_of_stones",
        table("oc,bd,cf", "20,1.05,30"),
        (TWENTY_ONE, sites(bd_fine_g_cm3={"A": 1.2648}, cf_vol={"A": 0.16981})),
        WITH_MASS,
    ),
    Case("stones_unknown", table("oc,bd", "20,1.05"), (TWENTY_ONE,), PER_WHOLE),
    Case(
        "stones_unknown_and_assumed",
        table("oc,bd", "20,1.05"),
        (TWENTY_ONE,),
        PER_WHOLE,
        build={"missing_coarse_fragments": 0.2},
    ),
    Case(
        "volume_of_stones",
        table("oc,bd,cf", "20,1.05,20"),
        (TWENTY_ONE, sites(bd_fine_g_cm3={"A": 1.3125}, cf_vol={"A": 0.2})),
        f"{PER_WHOLE}, cf_vol: {{column: cf, unit: pct}}",
    ),
    Case(
        "kg_m3_parquet",
        frame(oc=[20.0], bd=[1050.0], cf=[30.0]),
        (TWENTY_ONE,),
        WITH_MASS.replace("bd, unit: g/cm3", "bd, unit: kg/m3"),
        path="t.parquet",
    ),
    Case(
        "fractions_too",
        table("oc,bd,moc", "20,1.05,12"),
        (sites(soc_density_kg_m3={"A": 21.0}, moc_kg_m3={"A": 12.6}),),
        f"{PER_WHOLE}, moc_g_kg: {{column: moc, unit: g/kg}}",
    ),
    Case(
        "stones_all",
        table("oc,bd,cf", "20,1.05,100", "20,1.05,30"),
        (sites(soc_density_kg_m3={"A": 21.0, "B": 21.0}),),
        WITH_MASS,
    ),
    of_israd("israd_whole_density", 21.0, lyr_bd_tot=1.5),
    of_israd("israd_sample_density", 21.0, lyr_bd_samp=1.05),
    of_israd("israd_both_densities", 21.0, lyr_bd_samp=1.05, lyr_bd_tot=1.5),
    of_israd("israd_no_stones", 24.0, lyr_bd_samp=1.2, lyr_bd_tot=1.2, lyr_coarse_tot=0.0),
]


@parametrised("S13", S13)
def test_stones_are_counted_once(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
