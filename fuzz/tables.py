"""Tables in many forms into ``ingest`` and ``build``, with the values that every site must have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from fuzz.attempt import Attempt, Propose, hybridmap
from fuzz.draw import pick
from fuzz.execution import Executor
from fuzz.table_files import FILES, PLAIN_FILES, damaged_file, plain_csv

SITES = 24
COLUMNS: dict[str, Any] = {
    "site_id": "id",
    "lon": "lon",
    "lat": "lat",
    "top_cm": {"column": "top", "unit": "cm"},
    "bottom_cm": {"column": "bottom", "unit": "cm"},
    "oc_g_kg": {"column": "oc", "unit": "g/kg"},
    "bd_fine_g_cm3": {"column": "bd", "unit": "g/cm3"},
    "cf_vol": {"column": "stones", "unit": "pct"},
    "clay_pct": {"column": "clay", "unit": "pct"},
}
REGION: dict[str, Any] = {
    "region": "t",
    "title": "t",
    "demo": None,
    "data_root": ".",
    "grid": {"crs": "EPSG:3035", "resolution": 10_000, "bounds": [2_600_000, 1_380_000, 6_500_000, 5_450_000]},
    "build": {"top_cm": 0, "bottom_cm": 20, "pedotransfer": "auto", "min_coverage": 0.5},
}
CODES: tuple[str | float, ...] = (
    *("", "NA", "NaN", "nan", "null", "NULL", "n/a", "N/A", "-", ".", "*", "?", "#N/A", "#VALUE!", "n.d.", "ND", "tr"),
    *(" ", "none", "None", "missing", "BDL", "<LOD", "--", "NaT", "inf", "-inf", "1e999", "\u00a0", "\u200b"),
    *(-9999, -9999.0, "-9999.00", -99, -999, -99.9, -1, -9, 9999, 999.9, -999.9, 99999, 1e20, -3.4028235e38, 1e30),
    *(-2147483648, 2147483647, -32768, "−9999", "-9,999", "-9.999e3", "9" * 60_000),
)
"""What stands for a value that is not there."""


@dataclass
class Case:
    """A table, how it is configured, and the truth.

    Attributes
    ----------
    table : DataFrame
        What is written.
    truth : DataFrame
        The measured values by site; NaN where the table has none.
    columns : dict
        Columns of the source.
    must_refuse : bool
        Whether no reading of the table can be right.
    """

    table: pd.DataFrame
    truth: pd.DataFrame
    columns: dict[str, Any] = field(default_factory=lambda: dict(COLUMNS))
    must_refuse: bool = False


Change = Callable[[np.random.Generator, Case], str]
"""Changes the table and says how, as ``kind: details``; empty where nothing changed."""


def prepare(_folder: Path, _executor: Executor) -> Propose:
    """Make the campaign; attempts share nothing on disk."""

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        case = sound_case(source)
        change = CHANGES[number % len(CHANGES)](source, case) if number else ""
        files = PLAIN_FILES if change else FILES
        file = (pick(source, files) if number else plain_csv)(source, case.table)
        (folder / file.name).write_bytes(file.content)
        damage = damaged_file(source, folder / file.name) if number % 7 == 6 else ""
        entry = {"name": "s", "path": file.name, "licence": "CC0", "columns": case.columns, **file.keys}
        (folder / "region.yaml").write_text(yaml.safe_dump({**REGION, "observations": [entry]}, allow_unicode=True))
        steps = [
            hybridmap("ingest", "region.yaml", "--source", "s", "--out", "s.parquet", "--quality", "s.csv",
                      outputs=("s.parquet", "s.csv")),
            hybridmap("build", "region.yaml", "--observations", "s.parquet", "--out", "sites.parquet", "--quality",
                      "q.csv", "--dropped", "d.parquet", outputs=("sites.parquet", "q.csv", "d.parquet")),
        ]  # fmt: skip
        kind, _, detail = (damage or change or "sound").partition(": ")
        return Attempt(
            f"{kind}: {detail} as {file.form}",
            steps,
            lambda: "" if damage else wrong_sites(folder, case.truth),
            must_refuse=case.must_refuse and not damage,
            must_work=number == 0,
        )

    return propose


def sound_case(source: np.random.Generator) -> Case:
    """Make a table of good values."""
    table = pd.DataFrame(
        {
            "id": [f"P{i:02}" for i in range(SITES)],
            "lon": (8 + source.uniform(0, 4, SITES)).round(4),
            "lat": (48 + source.uniform(0, 4, SITES)).round(4),
            "top": 0,
            "bottom": 20,
            "oc": source.uniform(8, 40, SITES).round(2),
            "bd": source.uniform(0.9, 1.5, SITES).round(2),
            "stones": source.integers(0, 30, SITES),
            "clay": source.uniform(5, 45, SITES).round(1),
        }
    )
    return Case(table, table.set_index("id")[["oc", "bd", "stones", "clay"]].astype(float))


def wrong_sites(folder: Path, truth: pd.DataFrame) -> str:
    """Say which site differs from the truth; empty if none."""
    sites = pd.read_parquet(folder / "sites.parquet")
    sites.index = pd.Index(sites["site_id"].str.split(":").str[-1])
    strangers = set(sites.index) - set(truth.index)
    absent = set(truth.index[truth["oc"].notna()]) - set(sites.index)
    if strangers or absent:
        return f"a stranger: {sorted(strangers)[0]!r}" if strangers else f"lost sites: {len(absent)} of {len(truth)}"
    expected = truth.loc[sites.index]
    carbon = expected["oc"] * expected["bd"] * (1 - expected["stones"] / 100)
    measured = (sites["bd_source"] == "measured") & (sites["cf_source"] == "measured")
    checks = {
        "a site without carbon": expected["oc"].isna(),
        "clay differs": _differ(sites["clay_pct"], expected["clay"]),
        "carbon differs": carbon.notna() & _differ(sites["soc_density_kg_m3"], carbon),
        "a missing code is measured": (expected["bd"].isna() & (sites["bd_source"] == "measured"))
        | (expected["stones"].isna() & (sites["cf_source"] == "measured")),
        "measured is not": carbon.notna() & ~measured,
    }
    for name, rows in checks.items():
        if rows.any():
            row = sites[rows].iloc[0]
            return f"{name}: {row['site_id']} has {row['soc_density_kg_m3']:.4g} kg m-3, clay {row['clay_pct']:.4g}"
    return ""


def _differ(values: pd.Series, truth: pd.Series) -> pd.Series:
    """Say by row whether float32 could explain the difference; missing equals missing."""
    return ~pd.Series(np.isclose(values.astype(float), truth, rtol=1e-5, equal_nan=True), index=values.index)


def _some_rows(source: np.random.Generator) -> list[int]:
    return [int(row) for row in source.choice(SITES, int(source.integers(1, 6)), replace=False)]


def missing_code(source: np.random.Generator, case: Case) -> str:
    """Write a missing code into some rows of a column; sometimes a detection limit is set too."""
    name = pick(source, ["oc", "bd", "stones", "clay"])
    code = pick(source, CODES)
    rows = _some_rows(source)
    column = case.table[name].astype(object if isinstance(code, str) else float)
    column.iloc[rows] = code
    case.table[name] = column
    case.truth.loc[case.truth.index[rows], name] = np.nan
    limit = name == "oc" and bool(source.integers(2))
    if limit and code == "<LOD":  # a measurement below the limit, which counts as half of it
        case.truth.loc[case.truth.index[rows], name] = 1.0
    if limit:
        case.columns["oc_g_kg"] = {"column": "oc", "unit": "g/kg", "detection_limit": 2}
    return f"missing code: {code!r:.24} in {name}{' with a detection limit' if limit else ''}"


def wrong_unit(source: np.random.Generator, case: Case) -> str:
    """Declare a unit that the values do not have."""
    key, column, unit = pick(source, WRONG_UNITS)
    case.columns[key] = {"column": column, "unit": unit}
    case.must_refuse = True
    return f"wrong unit: {column} said to be {unit}"


WRONG_UNITS = (
    *(("oc_g_kg", "oc", "pct"), ("oc_g_kg", "oc", "mg/kg"), ("oc_g_kg", "oc", "g/g")),
    *(("bd_fine_g_cm3", "bd", "kg/m3"), ("cf_vol", "stones", "fraction"), ("clay_pct", "clay", "fraction")),
    *(("bottom_cm", "bottom", "m"), ("bottom_cm", "bottom", "mm")),
    *(("oc_g_kg", "oc", "zzz"), ("oc_g_kg", "oc", "g/100g"), ("clay_pct", "clay", "cm")),
)


def right_unit(source: np.random.Generator, case: Case) -> str:
    """Write a column in another unit, and say so."""
    key, column, unit, factor = pick(source, RIGHT_UNITS)
    case.table[column] = (case.table[column] * factor).round(6)
    case.columns[key] = {"column": column, "unit": unit}
    return f"another unit: {column} in {unit}"


RIGHT_UNITS = (
    *(("oc_g_kg", "oc", "pct", 0.1), ("oc_g_kg", "oc", "mg/kg", 1000.0), ("bd_fine_g_cm3", "bd", "kg/m3", 1000.0)),
    *(("cf_vol", "stones", "fraction", 0.01), ("bottom_cm", "bottom", "m", 0.01), ("clay_pct", "clay", "g/kg", 10.0)),
)


def spelling(source: np.random.Generator, case: Case) -> str:
    """Spell numbers of a column in another way."""
    name = pick(source, ["oc", "bd", "clay", "lon"])
    title = pick(source, list(SPELLINGS))
    rows = _some_rows(source) if source.integers(2) else list(range(SITES))
    if title == "thin space":  # as thousands are written, so the unit has them
        name, rows = "oc", list(range(SITES))
        case.table[name] *= 1000
        case.columns["oc_g_kg"] = {"column": "oc", "unit": "mg/kg"}
    column = case.table[name].astype(object)
    column.iloc[rows] = [SPELLINGS[title](value) for value in column.iloc[rows]]
    case.table[name] = column
    return f"spelling: {title} in {len(rows)} rows of {name}"


SPELLINGS: dict[str, Callable[[float], str]] = {
    "spaces": lambda value: f"  {value} ",
    "no-break space": lambda value: f"\u00a0{value}\u00a0",
    "zero-width space": lambda value: f"{value}\u200b",
    "plus": lambda value: f"+{value}",
    "exponent": lambda value: f"{value:.6e}",
    "decimal comma": lambda value: str(value).replace(".", ","),
    "quotes": lambda value: f"'{value}'",
    "equals": lambda value: f'="{value}"',
    "per cent sign": lambda value: f"{value}%",
    "Fortran": lambda value: f"{value:.6e}".replace("e", "D"),
    "leading zeros": lambda value: f"00{value}",
    "trailing unit": lambda value: f"{value} g",
    "wide digits": lambda value: str(value).translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"}),
    "thin space": lambda value: f"{value:,.2f}".replace(",", "\u2009"),
}


def junk_cell(source: np.random.Generator, case: Case) -> str:
    """Write into one cell what is no number."""
    name = pick(source, ["oc", "bd", "lon", "lat", "top", "bottom", "clay"])
    word = pick(source, JUNK)
    column = case.table[name].astype(object)
    column.iloc[int(source.integers(SITES))] = word
    case.table[name] = column
    case.must_refuse = True
    return f"junk cell: {word[:12]!r} in {name}"


JUNK = (
    *("abc", "12;5", "1.2.3", "05-Oct", "12/5", "=1+1", "0x1F", "1_000", "True", "1e"),
    "x" * 200_000,
)


def impossible(source: np.random.Generator, case: Case) -> str:
    """Write values that no soil has into some rows of a column, which are no values then."""
    name, value = pick(source, IMPOSSIBLE)
    rows = _some_rows(source)
    case.table[name] = case.table[name].astype(float)
    case.table.loc[rows, name] = value
    case.truth.loc[case.truth.index[rows], name] = np.nan
    return f"impossible value: {value} in {name}"


IMPOSSIBLE = (
    *(("oc", -5.0), ("oc", 1200.0), ("bd", -1.1), ("bd", 0.0), ("bd", 4.5), ("bd", 1300.0)),
    *(("stones", 120.0), ("stones", -9.0), ("clay", 140.0), ("clay", -3.0), ("clay", 1e12)),
)


def extra_rows(source: np.random.Generator, case: Case) -> str:
    """Add rows that hold no layer, or a layer twice."""
    title = pick(source, ["blank rows", "header again", "rows twice", "comment", "totals", "no rows"])
    rows = case.table.astype(object)
    blank = pd.DataFrame([[""] * rows.shape[1]] * 2, columns=rows.columns)
    word = pd.DataFrame([["# end of file", *[""] * (rows.shape[1] - 1)]], columns=rows.columns)
    tables = {
        "blank rows": [rows[:9], blank, rows[9:], blank],
        "header again": [rows[:9], pd.DataFrame([rows.columns], columns=rows.columns), rows[9:]],
        "rows twice": [rows, rows[3:6]],
        "comment": [rows, word],
        "totals": [rows, word.replace("# end of file", "Mean")],
        "no rows": [rows[:0]],
    }
    case.table = pd.concat(tables[title], ignore_index=True)
    case.must_refuse = title == "no rows"
    return f"extra rows: {title}"


def header(source: np.random.Generator, case: Case) -> str:
    """Change the names of columns, or their order."""
    title = pick(source, ["spaces", "capitals", "twice", "empty", "order", "more", "unnamed", "unicode"])
    names = list(case.table.columns)
    if title == "order":
        case.table = case.table[list(source.permutation(names))]
    elif title in ("more", "unnamed"):
        for i in range(40):
            case.table[f"extra {i}" if title == "more" else f"Unnamed: {i}"] = "" if i % 2 else i
    else:
        changed = {
            "spaces": [f" {name} " for name in names],
            "capitals": [name.upper() for name in names],
            "twice": [*names[:-1], "oc"],
            "empty": [*names[:-1], ""],
            "unicode": [*names[:-1], "cla\u0443"],
        }
        case.table.columns = pd.Index(changed[title])
        case.must_refuse = title not in ("spaces", "capitals")
    return f"header: {title}"


def coordinates(source: np.random.Generator, case: Case) -> str:
    """Give coordinates in another way."""
    title = pick(source, ["swapped", "metres", "0-360", "text degrees", "origin", "outside", "two places"])
    table = case.table
    if title == "swapped":
        table["lon"], table["lat"] = table["lat"].copy(), table["lon"].copy()
    elif title == "metres":
        table["lon"], table["lat"] = table["lon"] * 1e5 + 3.5e6, table["lat"] * 6e4
    elif title == "0-360":
        table["lon"] = table["lon"] + 360
    elif title == "text degrees":
        table["lon"] = [f"{int(value)}°{(value % 1) * 60:.2f}'E" for value in table["lon"]]
    elif title == "two places":
        table.loc[1, "id"] = "P00"
    else:
        table["lon"] = 0.0 if title == "origin" else table["lon"] - 110
        table["lat"] = 0.0 if title == "origin" else table["lat"]
    case.must_refuse = title not in ("0-360", "text degrees")
    return f"coordinates: {title}"


def unchanged(_source: np.random.Generator, _case: Case) -> str:
    """Leave the values; the file alone is odd."""
    return ""


CHANGES: tuple[Change, ...] = (
    *(missing_code, unchanged, missing_code, spelling, wrong_unit, missing_code, impossible, junk_cell),
    *(extra_rows, missing_code, header, coordinates, right_unit),
)
