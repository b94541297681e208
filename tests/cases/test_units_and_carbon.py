"""S5, U7 and the carbon of section D: units that no soil has, organic matter, total carbon."""

# ruff: noqa: E501 -- a case a line reads best

from pathlib import Path

import numpy as np
import pandas as pd
from cases.files import frame, table
from cases.harness import BD, OC, Case, counts, either, holds, layers, parametrised, refuses, says, sites

RANDOM = np.random.default_rng(16)
SOIL_OC = np.exp(RANDOM.normal(np.log(17), 0.7, 40)).round(2)
SOIL_BD = (1.55 - 0.1 * np.sqrt(SOIL_OC) + RANDOM.normal(0, 0.05, 40)).round(2)


def survey(factor: float = 1.0, **columns: object) -> pd.DataFrame:
    """Forty mineral topsoils; organic carbon in g/kg times `factor`."""
    places = {"id": [f"P{k}" for k in range(40)], "lon": 10 + np.arange(40) / 50, "lat": 50.0, "top": 0, "bot": 20}
    return pd.DataFrame({**places, "oc": SOIL_OC * factor, "bd": SOIL_BD, **columns})


WRONG = refuses(r"t\.parquet", "oc", "unit|percent|pct|g/kg")
PAIR = f"{OC}, {BD}"
STAYS = layers(oc_g_kg={"P0": SOIL_OC[0], "P39": SOIL_OC[39]})
QUARTER = np.where(np.arange(40) < 10, SOIL_OC / 10, SOIL_OC)

S5 = [
    Case("percent_called_g_kg", survey(0.1), (WRONG,), path="t.parquet"),
    Case("g_kg_called_percent", survey(), (WRONG,), OC.replace("g/kg", "pct"), path="t.parquet"),
    Case("g_kg_called_percent_with_density", survey(), (WRONG,), PAIR.replace("g/kg", "pct"), path="t.parquet"),
    Case(
        "poor_soils_by_their_density",
        survey(3.0, bd=1.45),
        (refuses(r"t\.parquet", "oc", "bulk density|unit"),),
        PAIR,
        path="t.parquet",
    ),
    Case("mg_kg_called_g_kg", survey(1000), (WRONG,), path="t.parquet"),
    Case("fraction_called_g_kg", survey(0.001), (WRONG,), path="t.parquet"),
    Case(
        "a_quarter_in_percent",
        survey(oc=QUARTER),
        (either(WRONG, says("oc.*(percent|unit|two)")),),
        PAIR,
        path="t.parquet",
    ),
    Case("density_ten_times", survey(bd=SOIL_BD * 10), (refuses(r"t\.parquet", "bd", "unit"),), PAIR, path="t.parquet"),
    Case(
        "density_a_tenth",
        survey(bd=SOIL_BD / 10),
        (refuses(r"t\.parquet", "bd", "unit|bulk density"),),
        PAIR,
        path="t.parquet",
    ),
    Case(
        "texture_in_g_kg",
        survey(c=200.0, s=400.0, t=400.0),
        (refuses(r"t\.parquet", "'c'|'s'|'t'", "unit"),),
        f"{OC}, clay_pct: {{column: c, unit: pct}}, silt_pct: {{column: s, unit: pct}}, sand_pct: {{column: t, unit: pct}}",
        path="t.parquet",
    ),
    Case(
        "texture_a_tenth",
        survey(c=2.0, s=4.0, t=4.0),
        (refuses(r"t\.parquet", "'c'|'s'|'t'", "unit|sum"),),
        f"{OC}, clay_pct: {{column: c, unit: pct}}, silt_pct: {{column: s, unit: pct}}, sand_pct: {{column: t, unit: pct}}",
        path="t.parquet",
    ),
    Case("right", survey(), (STAYS,), PAIR, path="t.parquet"),
    Case("right_percent", survey(0.1), (STAYS,), PAIR.replace("g/kg", "pct"), path="t.parquet"),
    Case(
        "peat", survey(oc=np.linspace(350, 520, 40), bd=0.12), (layers(oc_g_kg={"P0": 350.0}),), PAIR, path="t.parquet"
    ),
    Case(
        "desert",
        survey(oc=np.linspace(3.2, 6.0, 40), bd=1.5),
        (either(layers(oc_g_kg={"P0": 3.2}), WRONG),),
        PAIR,
        path="t.parquet",
    ),
    Case(
        "trusted",
        survey(0.1),
        (layers(oc_g_kg={"P0": SOIL_OC[0] / 10}),),
        "oc_g_kg: {column: oc, unit: g/kg, trust_unit: true}",
        path="t.parquet",
    ),
    Case(
        "subsoils_are_poor",
        survey(0.1).assign(top=60, bot=100),
        (layers(oc_g_kg={"P0": SOIL_OC[0] / 10}),),
        path="t.parquet",
    ),
]


@parametrised("S5", S5)
def test_a_unit_that_is_off_by_ten_is_refused(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


def content(unit: str) -> str:
    """Organic carbon in a unit."""
    return f'oc_g_kg: {{column: oc, unit: "{unit}"}}'


TWENTY = layers(oc_g_kg={"A": 20.0, "B": 30.0})
PERCENTS, PER_MILLE = table("oc", "2", "3"), table("oc", "20", "30")
NOT_G_PER_G = refuses("oc", r"did you mean '(pct|%)'|means? 'pct'")

U7 = [
    *(
        Case(f"percent_{name}", PERCENTS, (either(TWENTY, NOT_G_PER_G),), content(unit))
        for name, unit in {
            "g_100g": "g/100g",
            "blanks": "g / 100 g",
            "wt": "wt%",
            "weight": "weight %",
            "dag": "dag/kg",
            "percent": "percent",
            "sign": "%",
            "pc": "% C",
            "g_hg": "g/hg",
        }.items()
    ),
    *(
        Case(
            f"per_mille_{name}",
            PER_MILLE,
            (either(TWENTY, refuses("oc", "did you mean '(g/kg|mg/g)'|means? 'g/kg'")),),
            content(unit),
        )
        for name, unit in {
            "power": "g kg⁻¹",
            "minus": "g kg-1",
            "caret": "g.kg^-1",
            "mille": "‰",
            "mg_g": "mg g-1",
            "kg_t": "kg/t",
            "capitals": "G/KG",
        }.items()
    ),
    Case("dg_kg", table("oc", "200", "300"), (either(TWENTY, refuses("oc", "expected one of")),), content("dg/kg")),
    Case("ppm", table("oc", "20000", "30000"), (either(TWENTY, refuses("oc", "mg/kg")),), content("ppm")),
    Case(
        "mg_100g", table("oc", "2000", "3000"), (either(TWENTY, refuses("oc", "expected one of")),), content("mg/100g")
    ),
    Case(
        "density",
        table("oc,bd", "20,1.2", "30,1.1"),
        (either(layers(bd_fine_g_cm3={"A": 1.2, "B": 1.1}), refuses("bd", "did you mean 'g/cm3'")),),
        f'{OC}, bd_fine_g_cm3: {{column: bd, unit: "g/cc"}}',
    ),
    Case(
        "stock",
        table("st", "50", "60"),
        (either(sites(soc_density_kg_m3={"A": 25.0}), refuses("st", "did you mean '(t/ha|Mg/ha)'")),),
        'soc_stock_kg_m2: {column: st, unit: "tC/ha"}',
    ),
]


@parametrised("U7", U7)
def test_a_unit_is_understood_or_the_hint_is_right(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


MATTER = "oc_g_kg: {column: som, unit: pct, factor: 0.58}"
SOM = table("som", "4", "10")
FROM_SOM = layers(oc_g_kg={"A": 23.2, "B": 58.0})

D_FACTOR = [
    Case("organic_matter", SOM, (FROM_SOM,), MATTER),
    Case(
        "loss_on_ignition",
        table("loi", "5", "10"),
        (layers(oc_g_kg={"A": 25.0, "B": 50.0}),),
        "oc_g_kg: {column: loi, unit: pct, factor: 0.5}",
    ),
    Case(
        "van_bemmelen",
        SOM,
        (layers(oc_g_kg={"A": 40 / 1.724, "B": 100 / 1.724}),),
        "oc_g_kg: {column: som, unit: pct, factor: 0.5800464}",
    ),
    Case("the_older_trick", SOM, (FROM_SOM,), "oc_g_kg: {column: som, minus: som, minus_factor: 0.42, unit: pct}"),
    Case(
        "parquet_in_g_kg",
        frame(som=[40.0, 100.0]),
        (FROM_SOM,),
        "oc_g_kg: {column: som, unit: g/kg, factor: 0.58}",
        path="t.parquet",
    ),
    Case(
        "detection_limit",
        table("som", "<LOD", "<0.4", "10"),
        (layers(oc_g_kg={"A": 2.9, "B": 1.16, "C": 58.0}, oc_flag={"A": "lod", "B": "lod", "C": "ok"}),),
        "oc_g_kg: {column: som, unit: pct, factor: 0.58, detection_limit: 1}",
    ),
    Case(
        "of_another_field",
        table("oc,moc,som", "20,10,1", "30,20,1"),
        (layers(moc_g_kg={"A": 5.8, "B": 11.6}),),
        f"{OC}, moc_g_kg: {{column: moc, unit: g/kg, factor: 0.58}}",
    ),
    Case(
        "otherwise",
        table("som,som2", "4,1", ",10"),
        (FROM_SOM,),
        "oc_g_kg: {column: som, otherwise: [som2], unit: pct, factor: 0.58}",
    ),
    Case("factor_is_said", SOM, (FROM_SOM, says("factor|0.58")), MATTER),
    *(
        Case(f"refuses_{name}", SOM, (refuses("factor"),), MATTER.replace("0.58", value))
        for name, value in {
            "nought": "0",
            "negative": "-0.58",
            "not_a_number": ".nan",
            "infinite": ".inf",
            "words": "van_bemmelen",
            "boolean": "yes",
        }.items()
    ),
]


@parametrised("D_factor", D_FACTOR)
def test_organic_matter_has_a_factor(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)


TOTAL = "tc_g_kg: {column: tc, unit: pct}, ph: ph"
WITH_INORGANIC = f"{TOTAL}, ic_g_kg: {{column: tic, unit: pct}}"
CALCAREOUS = either(counts("inorganic|carbonate|total carbon", 1), says("inorganic|carbonate"))

D_TOTAL = [
    Case(
        "blank_in_acid_soil",
        table("tc,tic,ph", "2.0,,4.8", "3.0,,5.9", "6.9,4.5,8.1"),
        (layers(oc_g_kg={"A": 20.0, "B": 30.0, "C": 24.0}), says("pH|acid")),
        WITH_INORGANIC,
    ),
    Case(
        "blank_in_calcareous_soil",
        table("tc,tic,ph", "2.0,,4.8", "6.9,,8.1"),
        (layers(oc_g_kg={"A": 20.0, "B": None}), CALCAREOUS),
        WITH_INORGANIC,
    ),
    Case("ph_alone", table("tc,ph", "2.0,4.8", "6.9,8.1"), (layers(oc_g_kg={"A": 20.0, "B": None}), CALCAREOUS), TOTAL),
    Case(
        "neither",
        table("tc,ph", "2.0,", "6.9,4"),
        (layers(oc_g_kg={"A": None, "B": 69.0}), counts("inorganic|carbonate|total carbon|pH", 1)),
        TOTAL,
    ),
    Case(
        "total_alone",
        table("tc", "2.0", "6.9"),
        (refuses("tc_g_kg", "ic_g_kg|ph"),),
        "tc_g_kg: {column: tc, unit: pct}",
    ),
    Case(
        "nought_is_measured",
        table("tc,tic,ph", "2.0,0,8.1", "3.0,0,"),
        (layers(oc_g_kg={"A": 20.0, "B": 30.0}),),
        WITH_INORGANIC,
    ),
    Case(
        "organic_goes_before",
        table("oc,tc,tic,ph", "18,2.0,,4.8", ",3.0,,5.9"),
        (layers(oc_g_kg={"A": 18.0, "B": 30.0}),),
        f"{OC}, {WITH_INORGANIC}",
    ),
    Case(
        "more_inorganic_than_total",
        table("tc,tic,ph", "2.0,3.0,8.1", "3.0,1,8"),
        (layers(oc_g_kg={"A": None, "B": 20.0}), counts("inorganic|organic carbon|total carbon", 1)),
        WITH_INORGANIC,
    ),
    Case(
        "carbonate_by_factor",
        table("tc,caco3,ph", "3.0,10,8"),
        (layers(oc_g_kg={"A": 18.0}),),
        f"{TOTAL}, ic_g_kg: {{column: caco3, unit: pct, factor: 0.12}}",
    ),
    Case(
        "parquet",
        frame(tc=[2.0, 6.9], tic=[np.nan, 4.5], ph=[4.8, 8.1]),
        (layers(oc_g_kg={"A": 20.0, "B": 24.0}),),
        WITH_INORGANIC,
        path="t.parquet",
    ),
    Case(
        "impossible_ph",
        table("tc,ph", "2.0,48", "3.0,5"),
        (layers(oc_g_kg={"A": None, "B": 30.0}), counts("pH", 1)),
        TOTAL,
    ),
    Case(
        "minus_with_blanks_is_counted",
        table("tc,tic", "2.0,", "3.0,1.0"),
        (layers(oc_g_kg={"A": None, "B": 20.0}), counts("tic|minus", 1)),
        "oc_g_kg: {column: tc, minus: tic, unit: pct}",
    ),
]


@parametrised("D_total", D_TOTAL)
def test_total_carbon_is_organic_only_without_carbonate(case: Case, tmp_path: Path) -> None:
    holds(case, tmp_path)
