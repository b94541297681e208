"""Units of the open tables: read right they pass, off by ten they are refused wherever the values can tell.

What the values cannot tell is listed in :data:`UNDECIDABLE`, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases.harness import WORLD, Case, Run, layers, refuses
from cases.pending import PENDING

MOST = 3000
"""About as many rows of a scaled table are judged."""
Columns = dict[str, tuple[str, str]]
TEXTURE = ("clay_pct", "silt_pct", "sand_pct")


@dataclass(frozen=True)
class Table:
    """An open table with a plain map of its columns.

    Attributes
    ----------
    path : str
        Under ``shared/data``.
    depth : pair of str
        Columns of the upper and lower limit [cm], or a pair of numbers.
    columns : dict
        Field → column and unit.
    query : str
        Rows that are used, as of a data frame.
    place : pair of str
        Columns of longitude and latitude.
    """

    path: str
    depth: tuple[str, str] | tuple[int, int]
    columns: Columns
    query: str = ""
    place: tuple[str, str] = ("lon", "lat")


def texture(clay: str, silt: str, sand: str) -> Columns:
    """Map of three columns of percent."""
    return {field_name: (column, "pct") for field_name, column in zip(TEXTURE, (clay, silt, sand), strict=True)}


POINTS = {
    "oc_g_kg": ("soc_g_kg", "g/kg"),
    "bd_fine_g_cm3": ("bd_g_cm3", "g/cm3"),
    "cf_vol": ("coarse_vol_pct", "pct"),
    **texture("clay_pct", "silt_pct", "sand_pct"),
}
SUBTABLES = {
    "europe": ("Georgiou2022-synthesis", "ISRaD", "SOVEUR", "SoilKsatDB", "Xu2014-MBC"),
    "conus": ("Georgiou2022-synthesis", "ISRaD", "SoDaH-NEON", "SoilKsatDB", "USGS-DS801", "Xu2014-MBC"),
}


def harmonised(region: str, query: str = "") -> Table:
    """The harmonised points of a continent."""
    return Table(f"soc_points_harmonised/soc_points_{region}.csv.gz", ("top_cm", "bottom_cm"), POINTS, query)


TABLES = {
    "israd": Table(
        "israd/israd_layers.csv.gz",
        ("lyr_top", "lyr_bot"),
        {
            "oc_g_kg": ("lyr_c_org", "pct"),
            "bd_fine_g_cm3": ("lyr_bd_samp", "g/cm3"),
            "cf_mass": ("lyr_coarse_tot", "pct"),
            **texture("lyr_clay_tot_psa", "lyr_silt_tot_psa", "lyr_sand_tot_psa"),
        },
        "pro_peatland != 'yes' and (pro_treatment == 'control' or pro_treatment.isna())",
    ),
    "sodah": Table(
        "sodah/sodah_layers.csv.gz",
        ("layer_top", "layer_bot"),
        {
            "oc_g_kg": ("lyr_soc", "pct"),
            "bd_fine_g_cm3": ("bd_samp", "g/cm3"),
            "cf_mass": ("coarse_frac", "pct"),
            "mbc_g_kg": ("mbc_trans", "mg/g"),
            **texture("clay", "silt", "sand"),
        },
        "control_sample == True",
    ),
    "neon": Table(
        "sodah/neon_soil_layers.csv.gz",
        ("layer_top", "layer_bot"),
        {
            "oc_g_kg": ("lyr_soc", "pct"),
            "bd_fine_g_cm3": ("bd_samp", "g/cm3"),
            "cf_mass": ("coarse_frac", "pct"),
            **texture("clay", "silt", "sand"),
        },
    ),
    "soilksatdb": Table(
        "soilksatdb/soilksatdb_horizons.csv.gz",
        ("hzn_top", "hzn_bot"),
        {
            "oc_g_kg": ("oc_v", "pct"),
            "bd_fine_g_cm3": ("db", "g/cm3"),
            **texture("clay_tot_psa", "silt_tot_psa", "sand_tot_psa"),
        },
    ),
    "soter": Table(
        "soter_soveur/soveur_horizons.csv",
        ("HBUP", "HBDE"),
        {"oc_g_kg": ("TOTC", "g/kg"), "bd_fine_g_cm3": ("BULK", "kg/dm3"), **texture("CLPC", "STPC", "SDTO")},
    ),
    "moc_synthesis": Table(
        "moc_synthesis/moc_synthesis_no_lucas.csv",
        ("Top.depth", "Bottom.depth"),
        {
            "oc_g_kg": ("Bulk.C", "g/kg"),
            "moc_g_kg": ("SiltClayC", "g/kg"),
            "poc_g_kg": ("POM_C", "g/kg"),
            **texture("Clay", "Silt", "Sand"),
        },
    ),
    "microbial_biomass": Table(
        "microbial_biomass_xu/xu2014_microbial_biomass_spatial.csv.gz",
        ("Upper_depth", "Lower_depth"),
        {
            "oc_g_kg": ("Soil_organic_carbon", "mmol/kg"),
            "mbc_g_kg": ("Soil_microbial_biomass_carbon", "mmol/kg"),
        },
    ),
    "usgs_ds801": Table(
        "usgs_ds801/ds801_conus_soil.csv.gz",
        ("hzn_top", "hzn_bot"),
        {"oc_g_kg": ("c_org_pct", "pct")},
        "layer == 'A'",
    ),
    "usgs_ds801_matrix": Table(
        "usgs_ds801/ds801_conus_regression_matrix_1km.csv.gz",
        ("hzn_top", "hzn_bot"),
        {"oc_g_kg": ("c_org_pct", "pct")},
        "layer == 'A'",
    ),
    "raca": Table("raca/raca_soc_pedons_located.csv", (0, 30), {"soc_stock_kg_m2": ("SOCstock30", "Mg/ha")}),
    "raca_5": Table("raca/raca_soc_pedons_located.csv", (0, 5), {"soc_stock_kg_m2": ("SOCstock5", "Mg/ha")}),
    "raca_100": Table("raca/raca_soc_pedons_located.csv", (0, 100), {"soc_stock_kg_m2": ("SOCstock100", "Mg/ha")}),
    "reynolds_creek": Table(
        "reynolds_creek_mimics/rcrk_soc_cal_val.csv",
        (0, 30),
        {"soc_stock_kg_m2": ("SOC", "kg/m2")},
        place=("long", "lat"),
    ),
    "europe": harmonised("europe"),
    "conus": harmonised("conus"),
    **{
        f"{region}_{source.split('-')[0]}": harmonised(region, f"source == '{source}'")
        for region, sources in SUBTABLES.items()
        for source in sources
    },
}

ALSO = "the right medians of real tables span more than a factor of ten"
UNDECIDABLE: dict[str, str] = {
    # Stones: most soils have none, some are half of stones.
    **{f"{name}-cf_mass-0.1": ALSO for name in ("israd", "sodah", "neon")},
    **{f"{name}-cf_vol-0.1": ALSO for name in ("europe", "conus")},
    # POC is a sixth of the carbon, a sixtieth in some soils: without a sure recovery a tenth of it is a poor sand.
    "moc_synthesis-poc_g_kg-0.1": "POC + MOC of a tenth of the POC is still within the recovery of many soils",
    # Depth: a tenth of a horizon is a thin increment, ten times a 10 cm core is a metre.
    **{
        f"{name}-depth-0.1": "layers of 2 to 3 cm are real increments"
        for name in ("neon", "soilksatdb", "soter", "europe")
    },
    **{
        f"{name}-depth-10": "a table of 0 to 100 cm is common"
        for name in ("israd", "sodah", "moc_synthesis", "microbial_biomass")
    },
    # A stock to a metre divided by ten is the density of a poor subsoil.
    "raca_100-soc_stock_kg_m2-0.1": "a layer of 0 to 100 cm is mostly subsoil",
    "raca_100-soc_stock_kg_m2-10": "a layer of 0 to 100 cm may be peat",
}
"""Table, field and factor → why the values cannot tell."""


@cache
def rows_of(path: Path, query: str) -> pd.DataFrame:
    """The rows of an open table."""
    rows = pd.read_csv(path, low_memory=False)
    return rows.query(query) if query else rows


def plain_rows(data: Path, table: Table) -> pd.DataFrame:
    """Identifier, place, depth and the mapped columns, typed."""
    rows = rows_of(data / table.path, table.query)
    top, bottom = (rows[side] if isinstance(side, str) else side for side in table.depth)
    names = {"lon": rows[table.place[0]], "lat": rows[table.place[1]], "top": top, "bot": bottom}
    plain = pd.DataFrame({**names, **{name: rows[column] for name, (column, _) in table.columns.items()}})
    plain = plain.replace([np.inf, -np.inf], np.nan).dropna(subset=["lon", "lat", "top", "bot"])
    return plain.assign(id=[f"R{k}" for k in range(len(plain))]).reset_index(drop=True)


def case_of(data: Path, name: str, quantity: str, factor: float) -> Case:
    """A table with one quantity multiplied (texture as a whole, both depths)."""
    table = TABLES[name]
    rows = plain_rows(data, table)
    rows = rows[:: max(len(rows) // MOST, 1)] if quantity else rows
    scaled = {"depth": ["top", "bot"], "texture": list(TEXTURE)}.get(quantity, [quantity])
    rows = rows.assign(**{column: rows[column] * factor for column in scaled if column in rows})
    fields = ", ".join(f"{key}: {{column: {key}, unit: {unit}}}" for key, (_, unit) in table.columns.items())
    return Case(name, rows, (), fields, path="t.parquet", grid=WORLD)


def quantities(name: str) -> list[str]:
    """What of a table is scaled: its fields, the texture as one, its depths where they are columns."""
    table = TABLES[name]
    names = [key for key in table.columns if key not in TEXTURE]
    if name.startswith(("europe_", "conus_")):
        return names[:1]
    names += ["texture"] if set(TEXTURE) <= set(table.columns) else []
    return names + (["depth"] if isinstance(table.depth[0], str) else [])


def parameters() -> list[object]:
    """Every table, quantity and factor that the values can decide."""
    marks = {True: [pytest.mark.xfail(strict=True, reason="issue 16")], False: []}
    triples = [(n, q, f) for n in TABLES for q in quantities(n) for f in (0.1, 10)]
    named = {f"{n}-{q}-{f:g}": (n, q, f) for n, q, f in triples}
    assert set(UNDECIDABLE) <= set(named), set(UNDECIDABLE) - set(named)
    stale = {name for name in PENDING if name.startswith("open-")} - {f"open-{name}" for name in named}
    assert not stale, f"pending, but no case: {sorted(stale)}"
    return [
        pytest.param(*t, id=i, marks=marks[f"open-{i}" in PENDING]) for i, t in named.items() if i not in UNDECIDABLE
    ]


@pytest.mark.parametrize("name", TABLES)
def test_open_tables_read_right_are_accepted(shared: Path, tmp_path: Path, name: str) -> None:
    run = Run(case_of(shared / "data", name, "", 1.0), tmp_path)
    assert len(run.layers) == len(run.case.table)


@pytest.mark.parametrize(("name", "quantity", "factor"), parameters())
def test_a_factor_of_ten_is_refused(shared: Path, tmp_path: Path, name: str, quantity: str, factor: float) -> None:
    refuses(r"t\.parquet", "unit", at_ingest=True)(Run(case_of(shared / "data", name, quantity, factor), tmp_path))


FORMATS = {
    "israd": "israd",
    "sodah": "sodah",
    "neon": "sodah",
    "soilksatdb": "soilksatdb",
    "soter": "soter_soveur",
    "moc_synthesis": "moc_synthesis/moc_synthesis_no_lucas.csv",
    "microbial_biomass_xu": "microbial_biomass_xu/xu2014_microbial_biomass_spatial.csv.gz",
    "usgs_ds801": "usgs_ds801",
}
"""Format → its file or folder under ``shared/data``."""
CONTENT = {"israd": "lyr_c_org", "sodah": "lyr_soc", "neon": "lyr_soc", "soilksatdb": "oc_v", "usgs_ds801": "c_org_pct"}
"""Format → its column of organic carbon in per cent, which is off by ten when called g/kg."""


def of_format(shared: Path, name: str, fields: str) -> Case:
    """A known format with the user's own columns over it."""
    path = str(shared / "data" / FORMATS[name])
    return Case(name, "", (), fields, f"format: {name}", place="", depth="", grid=WORLD, stored=path)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_read_right_are_accepted(shared: Path, tmp_path: Path, name: str) -> None:
    assert len(Run(of_format(shared, name, ""), tmp_path).layers) > 1000


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.xfail(strict=True, reason="issue 16")] if f"format-{n}" in PENDING else [])
        for n in CONTENT
    ],
)
def test_a_format_whose_unit_the_user_changes_is_judged(shared: Path, tmp_path: Path, name: str) -> None:
    fields = f"oc_g_kg: {{column: {CONTENT[name]}, unit: g/kg}}"
    refuses("unit", "percent|pct", at_ingest=True)(Run(of_format(shared, name, fields), tmp_path))


def test_layers_of_a_table_keep_their_values(shared: Path, tmp_path: Path) -> None:
    run = Run(case_of(shared / "data", "soter", "", 1.0), tmp_path)
    assert isinstance(run.case.table, pd.DataFrame)
    layers(oc_g_kg={"R0": run.case.table["oc_g_kg"][0]})(run)
