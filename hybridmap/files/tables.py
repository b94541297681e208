"""Writing tables and texts that exist only when complete, also after a power cut."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridmap.files.disk import room_for
from hybridmap.files.seal import seal_parquet, sealed

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write `table` (GeoParquet if it has a geometry) under a temporary name with its digest inside, then rename."""
    partial = _partial(path)
    with room_for(path):
        table.to_parquet(partial, index=False)
        seal_parquet(partial)
        replace_durably(partial, path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write `table` as CSV under a temporary name, then rename; no text is a formula, see :func:`without_formulas`."""
    partial = _partial(path)
    with room_for(path):
        without_formulas(table).to_csv(partial, index=False)
        replace_durably(partial, path)


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with an apostrophe before texts that a spreadsheet would run, as it writes them itself.

    Names of polygons and sites come from files of strangers: ``=HYPERLINK(...)`` is a name, and no program.
    """
    guarded = table.copy(deep=False)
    for name in table.columns[table.dtypes.map(lambda kind: not _is_number(kind))]:
        guarded[name] = table[name].map(lambda cell: f"'{cell}" if _is_formula(cell) else cell)
    return guarded


def _is_number(kind: Any) -> bool:
    return getattr(kind, "kind", "O") in "biufcmM"


def _is_formula(cell: Any) -> bool:
    """Whether a text begins as formulas do; a number in a text, such as -5, is none."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def write_json(content: Any, path: Path) -> None:
    """Write `content` as JSON under a temporary name, then rename."""
    write_text(json.dumps(content, indent=1), path)


def write_state(content: dict[str, Any], path: Path) -> None:
    """Write a mapping that a later stage computes with as JSON, with its digest; see :func:`read_state`."""
    write_json(sealed(content), path)


def write_text(text: str, path: Path) -> None:
    """Write `text` under a temporary name, then rename."""
    write_bytes(text.encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write `content` under a temporary name, then rename."""
    partial = _partial(path)
    with room_for(path):
        partial.write_bytes(content)
        replace_durably(partial, path)


def replace_durably(partial: Path, path: Path) -> None:
    """Give a finished file its name once its content is on the disk: after a power cut there is the old or the new."""
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(partial, path)


def with_points(table: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return `table` with point geometry from ``lon`` and ``lat`` (EPSG:4326)."""
    import geopandas as gpd

    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326")


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".partial")
