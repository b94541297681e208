"""A region file drafted from a table and a folder of rasters, for a person to read, correct and complete."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hybridmap.check.draft_columns import CHOICES, HAS_NO_UNIT, DraftColumn, draft_columns
from hybridmap.check.draft_extent import Extent, extent_of
from hybridmap.check.draft_layers import DraftLayer, draft_layers, driving_layers, quoted
from hybridmap.config.template import region_name
from hybridmap.errors import HybridmapError
from hybridmap.observations.tables.source_table import SourceTable, open_table

RASTERS = (".tif", ".tiff", ".vrt", ".img", ".asc", ".nc")
CARBON = {"oc_g_kg": "soc", "poc_g_kg": "poc", "moc_g_kg": "moc", "mbc_g_kg": "mbc"}


def write_region_draft(path: Path, table: Path, rasters: Path | None = None, crs: str = "") -> list[str]:
    """Write a region file from what a table and rasters say of themselves.

    Parameters
    ----------
    path : Path
        Region file to write.
    table : Path
        Table of soil samples.
    rasters : Path, optional
        Folder of covariates.
    crs : str
        Of coordinates of the table that are not degrees.

    Returns
    -------
    list of str
        What a person has to look at, a sentence each.

    Raises
    ------
    HybridmapError
        If `path` exists, the table cannot be read or has no coordinates, or the folder holds no raster.
    """
    if path.exists():
        raise HybridmapError(f"{path} exists already; give another name, so that nothing is lost.")
    opened = open_table(table)
    columns = draft_columns(opened)
    extent, notes = extent_of(opened, columns, crs)
    files = _raster_files(rasters)
    root = Path(os.path.commonpath([table.parent.resolve(), *([rasters.resolve()] if rasters else [])]))
    layers, unread = draft_layers(files, root)
    sections = (
        _head(path, os.path.relpath(root)),
        _grid(extent),
        _observations(os.path.relpath(table.resolve(), root), columns, crs),
        _covariates(layers),
        _forcing(layers),
        _experiments(layers, columns),
        _splits(extent),
    )
    path.write_text("\n".join(sections), encoding="utf-8")
    return [*_questions(path, opened, columns, layers), *notes, *unread]


def _raster_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in RASTERS) if folder.is_dir() else []
    if not files:
        raise HybridmapError(
            f"{folder}: no folder with rasters ({', '.join(RASTERS)}); leave --rasters out, or name one."
        )
    return files


def _head(path: Path, root: str) -> str:
    return f"""# Drafted from the table and the rasters. Read every line: what stands in <angle brackets> only you know.
# Then: hybridmap check {path}      and: hybridmap run {path}
region: {region_name(path)}
title: {path.stem}              # what readers see
demo: null                      # inputs are read, not made
data_root: {root}
"""


def _grid(extent: Extent) -> str:
    bounds = ", ".join(f"{value:.10g}" for value in extent.bounds)
    return f"""grid:                           # around the places of the table; an equal-area CRS
  crs: "{extent.crs}"
  resolution: {extent.resolution:g}
  bounds: [{bounds}]
"""


def _observations(table: str, columns: Mapping[str, DraftColumn], crs: str) -> str:
    lines = [
        "observations:",
        "  - name: survey",
        f"    path: {quoted(table)}",
        "    licence: not stated               # of the rows, as CC-BY-4.0; readers see it",
    ]
    if crs:
        lines.append(f"    crs: {crs}")
    lines.append("    columns:                    # field of hybridmap: column of the table, with its unit")
    names = {"lon": "x", "lat": "y"} if crs else {}
    for field in ("site_id", "lon", "lat", "year", "top_cm", "bottom_cm", *CARBON, *_further_fields(columns)):
        lines += _column_line(field, columns.get(names.get(field, field)), columns.get("depth"))
    return "\n".join(lines) + "\n"


def _further_fields(columns: Mapping[str, DraftColumn]) -> list[str]:
    named = {"site_id", "lon", "lat", "x", "y", "year", "top_cm", "bottom_cm", "depth", *CARBON}
    return [field for field in columns if field not in named]


def _column_line(field: str, column: DraftColumn | None, depth: DraftColumn | None) -> list[str]:
    """Line of a field; required ones also where the table seems to have none."""
    note = f"   # {column.values}" if column and column.values else ""
    if column and field in HAS_NO_UNIT:
        return [f"      {field}: {quoted(column.name)}{note}"]
    if column:
        unit = column.unit or f"<{CHOICES[field.rpartition('_')[2]]}>"
        return [f"      {field}: {{column: {quoted(column.name)}, unit: {unit}}}{note}"]
    if field in ("top_cm", "bottom_cm"):
        if depth:
            position = "first" if field == "top_cm" else "second"
            return [f"      {field}: {{column: {quoted(depth.name)}, pick: {position}, unit: cm}}   # a depth in words"]
        return [f"      {field}: {{value: <depth of all samples>, unit: cm}}"]
    if field in ("site_id", "lon", "lat", "oc_g_kg"):
        return [f"      {field}: <column>"]
    return []


def _covariates(layers: Sequence[DraftLayer]) -> str:
    if not layers:
        return "covariates:\n  - {name: elevation, path: <elevation.tif>, unit: m}\n"
    head = "covariates:                     # any CRS and resolution; add the unit where it is missing"
    return "\n".join([head, *(layer.line() for layer in layers), *_exclusion(layers)]) + "\n"


def _exclusion(layers: Sequence[DraftLayer]) -> list[str]:
    """A line to complete, where a layer has classes."""
    first = next((layer for layer in layers if layer.is_classes), None)
    if first is None:
        return []
    return ["", f"# exclude: {{layer: {first.name}, classes: []}}   # codes of water, towns … that are not mapped"]


def _forcing(layers: Sequence[DraftLayer]) -> str:
    """What drives the five-pool model, where it can be driven."""
    driving = driving_layers(layers)
    if "mat" not in driving or not {"npp", "rain"} & driving.keys():
        return ""
    mat = driving["mat"].line("mat")
    if "npp" in driving:
        npp = driving["npp"].line("npp")
        return f"forcing:                        # what drives the five-pool model; look at the units\n{npp}\n{mat}\n"
    of = f"{{temperature: {driving['mat'].name}, precipitation: {driving['rain'].name}}}"
    return f"""forcing:                        # there is no raster of NPP: what the climate allows stands in for it
{mat}
  - name: npp                   # the Miami model, the lower of what warmth and what rain allow (docs/own_data.md)
    derive: {{function: productivity, of: {of}}}
    unit: "g C m-2 yr-1"
"""


def _experiments(layers: Sequence[DraftLayer], columns: Mapping[str, DraftColumn]) -> str:
    targets = ", ".join(name for field, name in CARBON.items() if field in columns) or "soc"
    lines = [f"experiment_defaults: {{targets: [{targets}]}}"]
    if not _forcing(layers):
        lines += [
            "# A process model needs its forcing, five_pool npp and mat (docs/own_data.md). Until then a pure network:",
            "forcing: []",
            "experiments: [{name: pure_network, process: null}]",
        ]
    return "\n".join(lines) + "\n"


def _splits(extent: Extent) -> str:
    """Folds of blocks, as large as lets enough of them have places."""
    note = f"   # {extent.filled_blocks} blocks have five places or more; intervals of districts need 20"
    return f"""splits:
  - {{name: block, kind: block, folds: 5, size_km: {extent.block_km:g}}}{note}
  - {{name: random, kind: random, folds: 5}}
"""


def _questions(
    path: Path, table: SourceTable, columns: Mapping[str, DraftColumn], layers: Sequence[DraftLayer]
) -> list[str]:
    """What is still open, for the person."""
    placed = {column.name for column in columns.values()}
    lines = [f"{path}: {len(columns)} columns of {table.path.name} and {len(layers)} rasters; read every line of it"]
    if unused := [name for name in table.columns if name not in placed]:
        lines.append(f"not used of {table.path.name}: {', '.join(unused)}")
    unsaid = [c.name for field, c in columns.items() if field not in HAS_NO_UNIT and not c.unit]
    if unsaid:
        lines.append(f"the unit of {', '.join(unsaid)} is not in its name: choose it in the angle brackets")
    lines += [f"{layer.path}: {layer.note}" for layer in layers if layer.is_guessed]
    if "npp" not in driving_layers(layers):
        instead = (
            "what the climate allows stands in for it" if _forcing(layers) else "only a pure network can be trained"
        )
        lines.append(f"no raster looks like NPP: {instead}")
    return lines
