"""One generic reader: any table of soil layers into the common schema, through the column map of the region file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.config import Column, Config, ObservationSource
from hybridmap.data import parse
from hybridmap.data.density import fine_earth
from hybridmap.data.schema import FIELDS, LAYER_COLUMNS, LAYER_NUMBERS, MEASURED, REQUIRED
from hybridmap.data.tables import read_table, with_points, write_parquet
from hybridmap.data.units import unit_factor
from hybridmap.errors import HybridmapError, nearest
from hybridmap.settings import data_path

LOG = logging.getLogger("hybridmap")
COORDINATE_DECIMALS = 4
"""Coordinates that agree to this many decimals of a degree (about 10 m) are one place."""


def ingest(config: Config, name: str, out: Path) -> None:
    """Read the observation source called `name` and write it as GeoParquet, one row a measured layer.

    Raises
    ------
    HybridmapError
        As :func:`read_source`, or if there is no such source.
    """
    sources = {source.name: source for source in config.observations}
    if name not in sources:
        raise HybridmapError(f"no observation source '{name}'{nearest(name, sources)}; there are {sorted(sources)}.")
    table = read_source(config, sources[name])
    counts = ", ".join(f"{int(table[c].notna().sum())} {c}" for c in MEASURED if table[c].notna().any())
    LOG.info("%s: %d layers of %d sites (%s)", name, len(table), table["site_id"].nunique(), counts)
    write_parquet(with_points(table), out)


def read_source(config: Config, source: ObservationSource) -> pd.DataFrame:
    """Read one table into the common schema.

    Parameters
    ----------
    config : Config
        For the data root.
    source : ObservationSource
        Column map, units, filters.

    Returns
    -------
    DataFrame
        Columns :data:`~hybridmap.data.schema.LAYER_COLUMNS`; ``source_row`` counts lines with the header as 1.

    Raises
    ------
    HybridmapError
        For a missing file, a column or schema field that does not exist, an unknown unit, a cell that is no number,
        or a site identifier with two coordinates. The sentence names file, column and row.
    """
    path = data_path(config, source.path)
    raw = read_table(path)
    _check_map(path, source, raw)
    kept = raw[_selected(path, source, raw)]
    if kept.empty:
        raise HybridmapError(f"{path}: no row passes 'where' and 'exclude'; check their values against the table.")
    overlays: list[dict[str, Column]] = source.layers or [{}]
    parts = [_schema_rows(path, kept, {**source.columns, **overlay}, source) for overlay in overlays]
    table = pd.concat(parts, ignore_index=True)
    _check_places(path, table)
    return table


def _check_map(path: Path, source: ObservationSource, raw: pd.DataFrame) -> None:
    mapped = {**source.columns, **{f: c for overlay in source.layers for f, c in overlay.items()}}
    for field, column in mapped.items():
        if field not in FIELDS:
            raise HybridmapError(
                f"source '{source.name}': '{field}' is no field of the schema{nearest(field, FIELDS)};"
                f" fields are {list(FIELDS)}."
            )
        for name in (column.column, column.minus, *column.also):
            _check_column(path, raw, name, f"for '{field}'")
    for name in (*source.where, *source.exclude):
        _check_column(path, raw, name, "for a filter")
    for field in REQUIRED:
        if field not in mapped:
            raise HybridmapError(
                f"source '{source.name}': the schema field '{field}' is not mapped; add it to columns."
            )
    if not {*MEASURED, "soc_stock_kg_m2"} & set(mapped):
        raise HybridmapError(f"source '{source.name}': no measured quantity is mapped; map one of {list(MEASURED)}.")


def _check_column(path: Path, raw: pd.DataFrame, name: str | None, why: str) -> None:
    if name is not None and name not in raw.columns:
        listed = ", ".join(map(str, raw.columns[:40]))
        raise HybridmapError(f"{path}: no column '{name}' {why}{nearest(name, raw.columns)}; the table has {listed}.")


def _selected(path: Path, source: ObservationSource, raw: pd.DataFrame) -> pd.Series:
    chosen = pd.Series(True, index=raw.index)
    for rules, wanted in ((source.where, True), (source.exclude, False)):
        for column, values in rules.items():
            chosen &= raw[column].astype(str).isin([str(v) for v in values]) == wanted
    return chosen


def _schema_rows(
    path: Path, raw: pd.DataFrame, columns: Mapping[str, Column], source: ObservationSource
) -> pd.DataFrame:
    rows = raw.index.to_numpy() + 2  # the header is line 1
    out = pd.DataFrame(index=raw.index)
    flag = np.full(len(raw), "ok", dtype=object)
    for field, column in columns.items():
        quantity = FIELDS[field].quantity
        where = f"{path}: column '{column.column}' for '{field}'" if column.column else f"{path}: '{field}'"
        if quantity == "text":
            out[field] = parse.text(raw, column)
        elif quantity == "year":
            out[field] = parse.year(raw, column)
        else:
            factor = unit_factor(quantity, column.unit, where)
            values, below = parse.number(raw, column, rows, where)
            out[field] = values * factor
            if field == "oc_g_kg":
                flag[below] = "lod"
    out["oc_flag"] = flag
    out["source"] = source.name
    out["source_row"] = rows
    defaults = {"licence": source.licence, "frac_method": source.fraction_method, "mbc_method": source.biomass_method}
    for field, value in defaults.items():
        given = out[field] if field in out else pd.Series("", index=out.index)
        out[field] = given.where(given != "", value)
    _derive(out)
    for name in LAYER_COLUMNS:
        if name not in out:
            out[name] = np.nan if name in LAYER_NUMBERS else ""
    return out[list(LAYER_COLUMNS)]


def _derive(out: pd.DataFrame) -> None:
    """Fill schema columns from what the table gave instead: stocks, whole-soil density, mass of fragments."""
    if "soc_stock_kg_m2" in out:
        thickness_m = (out["bottom_cm"] - out["top_cm"]) / 100.0
        stock_density = out["soc_stock_kg_m2"] / thickness_m.where(thickness_m > 0)
        given = out.get("soc_density_kg_m3", stock_density)
        out["soc_density_kg_m3"] = given.where(given.notna(), stock_density)
    if {"bd_whole_g_cm3", "cf_mass"} & set(out):
        missing = pd.Series(np.nan, index=out.index)
        names = ("bd_fine_g_cm3", "bd_whole_g_cm3", "cf_vol", "cf_mass")
        out["bd_fine_g_cm3"], out["cf_vol"] = fine_earth(*(out.get(n, missing) for n in names))


def _check_places(path: Path, table: pd.DataFrame) -> None:
    """A site is one place: two coordinates under one identifier are an error, not an average."""
    empty = table["site_id"] == ""
    if empty.any():
        row = int(table.loc[empty, "source_row"].iloc[0])
        raise HybridmapError(
            f"{path}: row {row} has no site identifier ({int(empty.sum())} rows in all); map 'site_id' to a filled"
            " column, or join more columns with 'also'."
        )
    known = table.dropna(subset=["lon", "lat"])
    places = known[["site_id", "source_row"]].assign(
        lon=known["lon"].round(COORDINATE_DECIMALS), lat=known["lat"].round(COORDINATE_DECIMALS)
    )
    distinct = places.drop_duplicates(["site_id", "lon", "lat"])
    twice = distinct[distinct.duplicated("site_id", keep=False)]
    if len(twice):
        first, second = (row for _, row in twice[twice["site_id"] == twice["site_id"].iloc[0]].head(2).iterrows())
        raise HybridmapError(
            f"{path}: site '{first['site_id']}' has two coordinates, ({first['lon']}, {first['lat']}) in row"
            f" {first['source_row']} and ({second['lon']}, {second['lat']}) in row {second['source_row']}; correct"
            " the table, or make the identifier unique with 'also: [lat, lon]'."
        )
