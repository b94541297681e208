"""Any table of soil layers into the common schema: through the column map of the region file or a known format."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from hybridmap.config import Column, Config, ObservationSource
from hybridmap.config.reading import data_path
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.tables import with_points, write_csv, write_parquet
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.density import fine_earth
from hybridmap.observations.formats.registry import check_header, resolve_source
from hybridmap.observations.quality.drop_counts import Ladder
from hybridmap.observations.schema import FIELDS, LAYER_COLUMNS, LAYER_NUMBERS, MEASURED, REQUIRED
from hybridmap.observations.sources import unit_checks
from hybridmap.observations.sources.joins import Partner, attach
from hybridmap.observations.tables import cells
from hybridmap.observations.tables.filters import matches
from hybridmap.observations.tables.source_table import SourceTable, open_table
from hybridmap.observations.units import unit_factor

LOG = logging.getLogger("hybridmap")
COORDINATE_DECIMALS = 4
"""Coordinates that agree to this many decimals of a degree (about 10 m) are one place."""
Box = tuple[float, float, float, float]


def ingest(config: Config, name: str, out: Path, quality: Path | None = None) -> None:
    """Read the observation source called `name` and write it as GeoParquet, one row a measured layer.

    Parameters
    ----------
    config : Config
        The region.
    name : str
        Name of the source.
    out, quality : Path
        ``observations/{source}.parquet``, and counts of the rows that were left out while reading, if wanted.

    Raises
    ------
    HybridmapError
        As :func:`read_source`, or if there is no such source.
    """
    sources = {source.name: source for source in config.observations}
    if name not in sources:
        raise HybridmapError(f"no observation source '{name}'{nearest(name, sources)}; there are {sorted(sources)}.")
    ladder = Ladder("ingest")
    table = read_source(config, sources[name], ladder)
    counts = ", ".join(f"{int(table[c].notna().sum())} {c}" for c in MEASURED if table[c].notna().any())
    LOG.info("%s: %d layers of %d sites (%s)", name, len(table), table["site_id"].nunique(), counts)
    for licence, rows in table["licence"].value_counts().items():
        LOG.info("licence %s: %d layers", licence or "not stated", rows)
    if quality is not None:
        write_csv(ladder.ladder(), quality)
    write_parquet(with_points(table), out)


def read_source(config: Config, source: ObservationSource, ladder: Ladder | None = None) -> pd.DataFrame:
    """Read one table into the common schema; the file streams, and only rows that are kept stay in memory.

    Parameters
    ----------
    config : Config
        For the data root and the bounds of the region.
    source : ObservationSource
        Format, column map, units, joins, filters.
    ladder : Ladder, optional
        Counts the rows that are left out.

    Returns
    -------
    DataFrame
        Columns :data:`~hybridmap.observations.schema.LAYER_COLUMNS`; ``source_row`` counts lines with the header as 1.

    Raises
    ------
    HybridmapError
        For a missing file, a column or schema field that does not exist, an unknown unit or one that cannot be right,
        a cell that is no number, or a site identifier with two coordinates. The sentence names file, column and row.
    """
    opened = _open(config, source)
    path, source = opened.table.path, opened.source
    raw = _rows(opened, region_box(config), ladder or Ladder("ingest"))
    overlays: list[dict[str, Column]] = source.layers or [{}]
    parts = [_schema_rows(path, raw, {**opened.columns, **overlay}, source) for overlay in overlays]
    table = pd.concat(parts, ignore_index=True)
    for overlay in overlays:
        unit_checks.check_units(path, table, {**opened.columns, **overlay})
    _check_places(path, table)
    return table[list(LAYER_COLUMNS)]


def region_box(config: Config) -> Box:
    """West, south, east, north of the region in degrees."""
    grid = RegionGrid.of(config.grid)
    west, south, east, north = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform_bounds(
        *grid.bounds, densify_pts=51
    )
    return (-180.0, south, 180.0, north) if east < west else (west, south, east, north)


class _Opened(NamedTuple):
    source: ObservationSource
    table: SourceTable
    partners: list[Partner]
    columns: dict[str, Column]


def _open(config: Config, source: ObservationSource) -> _Opened:
    """Find and check every file and column that a source names, before anything is read."""
    source, known, path = resolve_source(source, data_path(config, source.path))
    if not source.columns:
        raise HybridmapError(f"source '{source.name}': no columns are mapped; add 'columns', or a known 'format'.")
    if not source.licence and "licence" not in source.columns:
        raise HybridmapError(f"source '{source.name}': 'licence' is missing; say under which licence the rows are.")
    table = open_table(
        path,
        encoding=source.encoding,
        skip_rows=source.skip_rows,
        layer=source.layer,
        aliases=known.aliases if known else None,
        matrix_columns=source.variable_columns,
    )
    if known is not None and source.format is not None:
        check_header(table, known, source.format)
    partners = []
    for join in source.joins:
        file = data_path(config, join.path)
        if join.optional and not file.is_file():
            LOG.info("%s: no %s, which is optional", source.name, file.name)
            continue
        partner = Partner(join, file)
        table.require(partner.join.by, f"to join {file.name} by")
        partners.append(partner)
    columns = {**source.columns, **{f: c for p in partners for f, c in p.join.columns.items()}}
    opened = _Opened(source, table, partners, columns)
    _check_map(opened)
    return opened


def _mapped(opened: _Opened) -> dict[str, list[Column]]:
    """Columns of each field, in all overlays."""
    found: dict[str, list[Column]] = {field: [column] for field, column in opened.columns.items()}
    for overlay in opened.source.layers:
        for field, column in overlay.items():
            found.setdefault(field, []).append(column)
    return found


def _needed(column: Column) -> list[str]:
    return [c for c in (column.column, column.minus, *column.also, *column.otherwise) if c is not None]


def _check_map(opened: _Opened) -> None:
    source, mapped = opened.source, _mapped(opened)
    joined = {name for partner in opened.partners for name in partner.columns()}
    absent = {name for join in source.joins if join.optional for name in join.take} - joined
    for field, columns in mapped.items():
        if field not in FIELDS:
            raise HybridmapError(
                f"source '{source.name}': '{field}' is no field of the schema{nearest(field, FIELDS)};"
                f" fields are {list(FIELDS)}."
            )
        for column in columns:
            opened.table.require([c for c in _needed(column) if c not in joined | absent], f"for '{field}'")
    opened.table.require([c for c in (*source.where, *source.exclude) if c not in joined], "for a filter")
    for field in REQUIRED:
        if field not in mapped:
            raise HybridmapError(
                f"source '{source.name}': the schema field '{field}' is not mapped; add it to columns."
            )
    if not {*MEASURED, "soc_stock_kg_m2"} & set(mapped):
        raise HybridmapError(f"source '{source.name}': no measured quantity is mapped; map one of {list(MEASURED)}.")


def _rows(opened: _Opened, box: Box, ladder: Ladder) -> pd.DataFrame:
    """Rows that pass filters and lie near the region, with joined columns and parsed ``lon`` and ``lat``."""
    source, table = opened.source, opened.table
    wanted = {name for columns in _mapped(opened).values() for column in columns for name in _needed(column)}
    wanted |= {*source.where, *source.exclude, *(c for p in opened.partners for c in p.join.by)}
    first = [(p, p.rows(None)) for p in opened.partners if p.join.required]
    counts: dict[tuple[str, str], list[int]] = {}
    parts, total = [], 0
    for chunk in table.chunks(wanted):
        total += len(chunk)
        for partner, found in first:
            key = partner.keys(chunk)
            reason = f"no partner in {partner.table.path.name}"
            chunk, key = _keep(chunk, key.isin(found.index), "join", reason, counts, key)
            chunk = attach(chunk, key, found)
        for rules, wanted_values in ((source.where, True), (source.exclude, False)):
            for column, values in rules.items():
                reason = f"'{column}' is {'not ' if wanted_values else ''}one of {list(values)}"
                passes = matches(chunk[column], values) == wanted_values
                chunk, _ = _keep(chunk, passes, "filter", reason, counts)
        chunk = _located(opened, chunk, box)
        reason = "outside the bounds of the region"
        chunk, _ = _keep(chunk, ~chunk["__far"], "outside_region", reason, counts)
        parts.append(chunk.drop(columns="__far"))
    ladder.tally(source.name, "file", "rows of the file", total, 0)
    left = total
    for (rule, reason), (_, dropped) in counts.items():
        if dropped:
            ladder.tally(source.name, rule, reason, left, dropped)
        left -= dropped
    kept = pd.concat(parts) if parts else pd.DataFrame()
    if kept.empty:
        why = max(counts, key=lambda k: counts[k][1])[1] if counts else "the table has no rows"
        raise HybridmapError(
            f"{table.path}: no row passes 'where' and 'exclude' and lies in the region (most were left out because"
            f" {why}); check them against the table."
        )
    for partner in opened.partners:
        if not partner.join.required:
            key = partner.keys(kept)
            kept = attach(kept, key, partner.rows(set(key)))
    for name in wanted - set(kept.columns):  # of an optional table that is not there
        kept[name] = ""
    return kept


def _keep(
    chunk: pd.DataFrame,
    passes: pd.Series,
    rule: str,
    reason: str,
    counts: dict[tuple[str, str], list[int]],
    key: pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.Series]:
    count = counts.setdefault((rule, reason), [0, 0])
    count[0] += len(chunk)
    count[1] += int((~passes).sum())
    key = chunk.index.to_series() if key is None else key
    return chunk[passes], key[passes]


def _located(opened: _Opened, chunk: pd.DataFrame, box: Box) -> pd.DataFrame:
    """Add ``__lon``, ``__lat`` [degrees] and ``__far``: known to lie outside `box`."""
    source, path = opened.source, opened.table.path
    rows = chunk.index.to_numpy()
    found = {}
    for field in ("lon", "lat"):
        column = opened.columns[field]
        found[field] = cells.number(chunk, column, rows, f"{path}: column '{column.column}' for '{field}'")[0]
    lon, lat = found["lon"], found["lat"]
    if source.crs is not None:
        try:
            to_degrees = Transformer.from_crs(CRS.from_user_input(source.crs), "EPSG:4326", always_xy=True)
        except CRSError:
            raise HybridmapError(f"source '{source.name}': crs '{source.crs}' is no known projection.") from None
        x, y = to_degrees.transform(lon.to_numpy(float), lat.to_numpy(float))
        lon, lat = (pd.Series(np.where(np.isfinite(v), v, np.nan), index=chunk.index) for v in (x, y))
    places = pd.DataFrame({"lon": lon, "lat": lat, "source_row": rows}, index=chunk.index)
    unit_checks.check_degrees(path, places, opened.columns)
    unit_checks.check_swapped(path, places, opened.columns, box)
    west, south, east, north = box
    far = ~(lon.between(west, east) & lat.between(south, north)) & lon.notna() & lat.notna()
    nowhere = (lon == 0) & (lat == 0)  # a missing place; quality control says so
    return chunk.assign(__lon=lon, __lat=lat, __far=far & ~nowhere & (lon.abs() <= 180) & (lat.abs() <= 90))


def _schema_rows(
    path: Path, raw: pd.DataFrame, columns: Mapping[str, Column], source: ObservationSource
) -> pd.DataFrame:
    rows: NDArray[np.int64] = raw.index.to_numpy()
    out = pd.DataFrame(index=raw.index)
    flag = np.full(len(raw), "ok", dtype=object)
    for field, column in columns.items():
        quantity = FIELDS[field].quantity
        where = f"{path}: column '{column.column}' for '{field}'" if column.column else f"{path}: '{field}'"
        if field in ("lon", "lat"):
            out[field] = raw[f"__{field}"]
        elif quantity == "text":
            out[field] = cells.text(raw, column)
        elif quantity == "year":
            out[field] = cells.year(raw, column)
        else:
            factor = unit_factor(quantity, column.unit, where)
            values, below = cells.number(raw, column, rows, where, source.below_lod)
            out[field] = values * factor
            if field == "oc_g_kg":
                flag[below] = "lod"
    out["oc_flag"] = flag
    out["source"] = source.name
    out["source_row"] = rows
    if "bd_fine_g_cm3" in columns and columns["bd_fine_g_cm3"].otherwise and "bd_method" not in out:
        out["bd_method"] = _first_filled(raw, columns["bd_fine_g_cm3"])
    defaults = {"licence": source.licence, "frac_method": source.fraction_method, "mbc_method": source.biomass_method}
    for field, value in defaults.items():
        given = out[field] if field in out else pd.Series("", index=out.index)
        out[field] = given.where(given != "", value)
    _derive(out)
    for name in LAYER_COLUMNS:
        if name not in out:
            out[name] = np.nan if name in LAYER_NUMBERS else ""
    return out


def _first_filled(raw: pd.DataFrame, column: Column) -> pd.Series:
    """Name of the first column that has a value."""
    method = pd.Series("", index=raw.index)
    for name in (str(column.column), *column.otherwise):
        filled = cells.text(raw, Column(column=name)) != ""
        method = method.where((method != "") | ~filled, name)
    return method


def _derive(out: pd.DataFrame) -> None:
    """Fill schema columns from what the table gave instead: stocks, shares, whole-soil density, mass of fragments."""
    if "soc_stock_kg_m2" in out:
        thickness_m = (out["bottom_cm"] - out["top_cm"]) / 100.0
        stock_density = out["soc_stock_kg_m2"] / thickness_m.where(thickness_m > 0)
        given = out.get("soc_density_kg_m3", stock_density)
        out["soc_density_kg_m3"] = given.where(given.notna(), stock_density)
    for share, content in (("poc_share", "poc_g_kg"), ("moc_share", "moc_g_kg")):
        if share in out:
            out[content] = out.get(content, pd.Series(np.nan, index=out.index)).fillna(out[share] * out["oc_g_kg"])
    if {"bd_whole_g_cm3", "cf_mass"} & set(out):
        missing = pd.Series(np.nan, index=out.index)
        names = ("bd_fine_g_cm3", "bd_whole_g_cm3", "cf_vol", "cf_mass")
        measured = out.get("bd_fine_g_cm3", missing).notna()
        out["bd_fine_g_cm3"], out["cf_vol"] = fine_earth(*(out.get(n, missing) for n in names))
        converted = out["bd_fine_g_cm3"].notna() & ~measured
        if "bd_method" in out:
            out["bd_method"] = out["bd_method"].where(~converted, "whole soil less fragments")


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
