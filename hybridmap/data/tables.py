"""Reading tables with any delimiter, and writing files that exist only when complete."""

from __future__ import annotations

import csv
import gzip
import json
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hybridmap.errors import HybridmapError

if TYPE_CHECKING:
    import geopandas as gpd

DELIMITERS = ",;\t|"


def read_table(path: Path) -> pd.DataFrame:
    """Read CSV (any common delimiter, also gzipped), Parquet or a vector file; every CSV cell stays text.

    A vector file without ``lon`` and ``lat`` columns gets them from its points.

    Raises
    ------
    HybridmapError
        If the file is missing, empty or cannot be read.
    """
    if not path.is_file():
        raise HybridmapError(f"{path}: no such table; check 'path' and 'data_root'.")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix in (".gpkg", ".geojson", ".shp", ".fgb"):
            import geopandas as gpd  # here, so that a training does not wait for it

            return _with_coordinates(gpd.read_file(path))
        return _read_text(path)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise HybridmapError(f"{path}: cannot be read as a table ({reason}); check the format.") from None


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write `table` (GeoParquet if it has a geometry) under a temporary name, then rename."""
    partial = _partial(path)
    table.to_parquet(partial, index=False)
    os.replace(partial, path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write `table` as CSV under a temporary name, then rename."""
    partial = _partial(path)
    table.to_csv(partial, index=False)
    os.replace(partial, path)


def write_json(content: Any, path: Path) -> None:
    """Write `content` as JSON under a temporary name, then rename."""
    write_text(json.dumps(content, indent=1), path)


def write_text(text: str, path: Path) -> None:
    """Write `text` under a temporary name, then rename."""
    partial = _partial(path)
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def with_points(table: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return `table` with point geometry from ``lon`` and ``lat`` (EPSG:4326)."""
    import geopandas as gpd

    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326")


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".partial")


def _read_text(path: Path) -> pd.DataFrame:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    if not header.strip():
        raise ValueError("the file is empty")
    delimiter = max(DELIMITERS, key=header.count)
    return pd.read_csv(
        path,
        sep=delimiter,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        encoding_errors="replace",
        quoting=csv.QUOTE_MINIMAL,
        low_memory=False,
    )


def _with_coordinates(table: gpd.GeoDataFrame) -> pd.DataFrame:
    plain = pd.DataFrame(table.drop(columns=table.geometry.name))
    if table.crs is not None and not {"lon", "lat"} & set(plain):
        points = table.geometry.to_crs("EPSG:4326").representative_point()
        plain["lon"], plain["lat"] = points.x.to_numpy(), points.y.to_numpy()
    return plain
