"""A region file drafted from a table and a folder of rasters, for a person to read, correct and complete."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from hybridmap.check.draft_columns import CHOICES, HAS_NO_UNIT, DraftColumn, draft_columns, numbers
from hybridmap.config.template import region_name
from hybridmap.errors import HybridmapError
from hybridmap.observations.tables.source_table import SourceTable, open_table

RASTERS = (".tif", ".tiff", ".vrt", ".img", ".asc", ".nc")
DRIVERS = {
    "npp": r"(?i)npp|net_?prim",
    "mat": r"(?i)mat|(annual_)?(mean_)?temp(erature)?|tas|t_?mean|bio_?0?1",
    "rain": r"(?i)map|(annual_)?prec(ip)?(itation)?|rain(fall)?|pr|bio_?12",
}
"""Layer that a process model or a productivity is driven by → the stem of its file."""
CARBON = {"oc_g_kg": "soc", "poc_g_kg": "poc", "moc_g_kg": "moc", "mbc_g_kg": "mbc"}
EUROPE, UNITED_STATES = ((-25, 34, 45, 72), "EPSG:3035"), ((-125, 24, -66, 50), "EPSG:5070")
STEPS = (1.0, 2.0, 5.0)
CELLS = 400
"""About as many cells along the longer side, and no fewer than 100."""
BLOCKS = 6
"""About as many blocks of a fold along the shorter side."""


Box = tuple[float, float, float, float]
"""West, south, east, north."""


class Extent(NamedTuple):
    """CRS of the grid, its bounds (west, south, east, north) and the edge of a cell, in units of the CRS."""

    crs: str
    bounds: Box
    resolution: float


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
    extent = _extent(opened, columns, crs)
    files = _raster_files(rasters)
    root = Path(os.path.commonpath([table.parent.resolve(), *([rasters.resolve()] if rasters else [])]))
    layers = {file: os.path.relpath(file.resolve(), root) for file in files}
    driving = _driving_layers(layers)
    sections = (
        _head(path, os.path.relpath(root)),
        _grid(extent),
        _observations(os.path.relpath(table.resolve(), root), columns, crs),
        _covariates(layers),
        _forcing(driving),
        _experiments(driving, columns),
        _splits(extent),
    )
    path.write_text("\n".join(sections), encoding="utf-8")
    return _questions(path, opened, columns, files, driving)


def _extent(table: SourceTable, columns: Mapping[str, DraftColumn], crs: str) -> Extent:
    """Grid around the places of the table."""
    pair = ("x", "y") if crs else ("lon", "lat")
    if absent := [axis for axis in pair if axis not in columns]:
        advice = "" if crs else "; for coordinates in metres name their system, as --crs EPSG:5514"
        raise HybridmapError(
            f"{table.path}: no column looks like '{absent[0]}' among {', '.join(table.columns)}{advice}."
        )
    rows = table.read([columns[axis].name for axis in pair])
    first, second = (numbers(rows[columns[axis].name]) for axis in pair)
    if not len(first) or not len(second):
        raise HybridmapError(f"{table.path}: its columns of coordinates hold no numbers.")
    if not crs and (np.abs(first).max() > 360 or np.abs(second).max() > 90):
        raise HybridmapError(
            f"{table.path}: '{columns['lon'].name}' and '{columns['lat'].name}' are no degrees; name their system, as"
            " --crs EPSG:5514."
        )
    box = (first.min(), second.min(), first.max(), second.max())
    degrees = box if not crs else _transformed(box, crs, "EPSG:4326")
    target = _equal_area(degrees)
    west, south, east, north = _transformed(degrees, "EPSG:4326", target)
    step = _nice(max(east - west, north - south, 1000.0) / CELLS)
    margin = 2 * step
    bounds = (
        np.floor((west - margin) / step) * step,
        np.floor((south - margin) / step) * step,
        np.ceil((east + margin) / step) * step,
        np.ceil((north + margin) / step) * step,
    )
    return Extent(target, bounds, step)


def _transformed(box: Box, source: str, target: str) -> Box:
    try:
        return Transformer.from_crs(CRS(source), CRS(target), always_xy=True).transform_bounds(*box)
    except CRSError as error:
        raise HybridmapError(
            f"--crs {source}: no coordinate reference system; expected one as EPSG:5514 ({error})."
        ) from None


def _equal_area(box: Box) -> str:
    """An equal-area CRS for degrees: that of Europe, of the United States, or one around the middle."""
    west, south, east, north = box
    for (left, lower, right, upper), name in (EUROPE, UNITED_STATES):
        if left <= west and lower <= south and east <= right and north <= upper:
            return name
    return f"+proj=laea +lat_0={(south + north) / 2:.1f} +lon_0={(west + east) / 2:.1f} +datum=WGS84 +units=m"


def _nice(value: float) -> float:
    """The next of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> _nice(0.3), _nice(740.0), _nice(1000.0)
    (0.5, 1000.0, 1000.0)
    """
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (*STEPS, 10.0) if step * power >= value * (1 - 1e-9)))


def _raster_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in RASTERS) if folder.is_dir() else []
    if not files:
        raise HybridmapError(
            f"{folder}: no folder with rasters ({', '.join(RASTERS)}); leave --rasters out, or name one."
        )
    return files


def _driving_layers(layers: Mapping[Path, str]) -> dict[str, str]:
    """Layers that drive a process model: name → path."""
    return {
        name: relative
        for name, spelling in DRIVERS.items()
        for file, relative in layers.items()
        if re.fullmatch(rf"{spelling}", re.sub(r"_\d.*$", "", file.stem)) or re.fullmatch(spelling, file.stem)
    }


def _head(path: Path, root: str) -> str:
    return f"""# Drafted from the table and the rasters. Read every line: what stands in <angle brackets> only you know.
# Then: hybridmap check {path}      and: hybridmap run {path}
region: {region_name(path)}
title: <what readers should see>
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
    lines = ["observations:", "  - name: survey", f"    path: {_quoted(table)}", "    licence: <licence>"]
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
        return [f"      {field}: {_quoted(column.name)}{note}"]
    if column:
        unit = column.unit or f"<{CHOICES[field.rpartition('_')[2]]}>"
        return [f"      {field}: {{column: {_quoted(column.name)}, unit: {unit}}}{note}"]
    if field in ("top_cm", "bottom_cm"):
        if depth:
            position = "first" if field == "top_cm" else "second"
            return [
                f"      {field}: {{column: {_quoted(depth.name)}, pick: {position}, unit: cm}}   # a depth in words"
            ]
        return [f"      {field}: {{value: <depth of all samples>, unit: cm}}"]
    if field in ("site_id", "lon", "lat", "oc_g_kg"):
        return [f"      {field}: <column>"]
    return []


def _quoted(name: str) -> str:
    """A plain YAML scalar where that is safe."""
    return (
        name
        if re.fullmatch(r"[A-Za-z][\w./-]*", name) and name.lower() not in ("no", "yes", "on", "off", "y", "n")
        else ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"')
    )


def _covariates(layers: Mapping[Path, str]) -> str:
    if not layers:
        return "covariates:\n  - {name: elevation, path: <elevation.tif>, unit: m}\n"
    lines = [
        "covariates:                     # any CRS and resolution; add unit, and classes: for land cover and soil types"
    ]
    names: set[str] = set()
    for file, relative in layers.items():
        with rasterio.open(file) as source:
            bands, unit = source.count, (source.units[0] or "").strip()
        name = re.sub(r"[^a-z0-9_]+", "_", file.stem.lower()).strip("_") or "layer"
        name = name if name[0].isalpha() else f"layer_{name}"
        while name in names:
            name += "_2"
        names.add(name)
        unit_key = f", unit: {_quoted(unit)}" if unit else ""
        band = ", band: 1" if bands > 1 else ""
        note = f"   # the first of {bands} bands" if bands > 1 else ""
        lines.append(f"  - {{name: {name}, path: {_quoted(relative)}{band}{unit_key}}}{note}")
    return "\n".join(lines) + "\n"


def _forcing(driving: Mapping[str, str]) -> str:
    """What drives the five-pool model, where it can be driven."""
    if "mat" not in driving or not {"npp", "rain"} & driving.keys():
        return ""
    mat = f"  - {{name: mat, path: {_quoted(driving['mat'])}, unit: degC}}"
    if "npp" in driving:
        npp = f'  - {{name: npp, path: {_quoted(driving["npp"])}, unit: "g C m-2 yr-1"}}'
        return f"forcing:                        # what drives the five-pool model; look at the units\n{npp}\n{mat}\n"
    return f"""auxiliary:
  - {{name: rain, path: {_quoted(driving["rain"])}, unit: mm}}
forcing:                        # there is no raster of NPP: what the climate allows stands in for it
{mat}
  - name: npp
    derive: {{function: productivity, of: {{temperature: mat, precipitation: rain}}}}
    unit: "g C m-2 yr-1"
"""


def _experiments(driving: Mapping[str, str], columns: Mapping[str, DraftColumn]) -> str:
    targets = ", ".join(name for field, name in CARBON.items() if field in columns) or "soc"
    lines = [f"experiment_defaults: {{targets: [{targets}]}}"]
    if not _forcing(driving):
        lines += [
            "# A process model needs its forcing, five_pool npp and mat (docs/own_data.md). Until then a pure network:",
            "forcing: []",
            "experiments: [{name: pure_network, process: null}]",
        ]
    return "\n".join(lines) + "\n"


def _splits(extent: Extent) -> str:
    """Folds of blocks, some of them along the shorter side."""
    west, south, east, north = extent.bounds
    edge_km = _nice(min(east - west, north - south) / 1000.0 / BLOCKS)
    return f"""splits:
  - {{name: block, kind: block, folds: 5, size_km: {edge_km:g}}}
  - {{name: random, kind: random, folds: 5}}
"""


def _questions(
    path: Path,
    table: SourceTable,
    columns: Mapping[str, DraftColumn],
    files: Sequence[Path],
    driving: Mapping[str, str],
) -> list[str]:
    """What is still open, for the person."""
    placed = {column.name for column in columns.values()}
    lines = [f"{path}: {len(columns)} columns of {table.path.name} and {len(files)} rasters; read every line of it"]
    if unread := [name for name in table.columns if name not in placed]:
        lines.append(f"not used of {table.path.name}: {', '.join(unread)}")
    unsaid = [c.name for field, c in columns.items() if field not in HAS_NO_UNIT and not c.unit]
    if unsaid:
        lines.append(f"the unit of {', '.join(unsaid)} is not in its name: choose it in the angle brackets")
    if "npp" not in driving:
        lines.append(
            "no raster looks like NPP: "
            + (
                "what the climate allows stands in for it"
                if _forcing(driving)
                else "only a pure network can be trained"
            )
        )
    return lines
