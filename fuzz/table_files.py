"""The forms in which a table comes, and damage of files."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from fuzz.draw import pick


@dataclass(frozen=True)
class TableFile:
    """A table as a file.

    Attributes
    ----------
    form : str
        What kind of file it is.
    name : str
        Name of the file.
    content : bytes
        What it holds.
    keys : dict
        Keys of the source that go with it.
    """

    form: str
    name: str
    content: bytes
    keys: dict[str, Any] = field(default_factory=dict)


Form = Callable[[np.random.Generator, pd.DataFrame], TableFile]


def plain_csv(_source: np.random.Generator, table: pd.DataFrame) -> TableFile:
    """Return the most ordinary file."""
    return TableFile("csv", "t.csv", table.to_csv(index=False).encode())


def odd_csv(source: np.random.Generator, table: pd.DataFrame) -> TableFile:
    """Return a text file with some delimiter, quoting, line end, encoding, and lines above the header."""
    delimiter, decimal = pick(source, ((",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")))
    quoting = pick(source, QUOTING)
    line_end = ("\n", "\r\n", "\r")[source.choice(3, p=[0.5, 0.4, 0.1])]
    encoding, said_encoding = ENCODINGS[source.choice(len(ENCODINGS), p=[0.6, 0.2, 0.1, 0.03, 0.07])]
    above = pick(source, ABOVE) if source.random() < 0.1 else ""
    below = ("", "\n\n", delimiter * (table.shape[1] - 1) + "\n")[source.choice(3, p=[0.5, 0.4, 0.1])]
    text = table.astype(object).to_csv(
        index=False, sep=delimiter, decimal=decimal, quoting=quoting, lineterminator=line_end
    )
    content = f"{above}{text}{below}".encode(encoding, errors="replace")
    form = f"csv {delimiter!r} {decimal!r} quoting {quoting} {line_end!r} {encoding} {above!r} {below!r}"
    return TableFile(form, "t.csv", content, {"encoding": said_encoding} if said_encoding else {})


QUOTING: tuple[Literal[0, 1, 2], ...] = (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
ENCODINGS = (("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "latin-1"), ("utf-16", ""), ("utf-16", "utf-16"))
"""Of the file, and as the key says it."""
ABOVE = ("Soil survey of the north\n", "# comment\n", "sep=;\n", "\n", ",,,\n")


def packed_csv(source: np.random.Generator, table: pd.DataFrame) -> TableFile:
    """Return a compressed text file, whose name may say so or not."""
    content = table.to_csv(index=False).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("t.csv", content)
    packed = {"t.csv.gz": gzip.compress(content), "t.csv.bz2": bz2.compress(content), "t.zip": archive.getvalue()}
    packed |= {"T.CSV.GZ": packed["t.csv.gz"], "t.csv": packed["t.csv.gz"], "u.csv.gz": content}
    name = pick(source, list(packed))
    return TableFile(name, name, packed[name])


def parquet(source: np.random.Generator, table: pd.DataFrame) -> TableFile:
    """Return Parquet with columns of some type."""
    form = pick(source, ("object", "text", "float32", "nullable", "category", "decimal"))
    converted = table.copy()
    columns = [_converted(table.iloc[:, i], form) if i else table.iloc[:, 0] for i in range(table.shape[1])]
    converted = pd.concat(columns, axis=1)
    converted.columns = pd.Index([f"{name}" or f"c{i}" for i, name in enumerate(table.columns)])
    if converted.columns.duplicated().any():
        return plain_csv(source, table)
    content = io.BytesIO()
    converted.to_parquet(content)
    return TableFile(f"parquet {form}", "t.parquet", content.getvalue())


def _converted(column: pd.Series[Any], form: str) -> pd.Series[Any]:
    if form == "text" or not pd.api.types.is_numeric_dtype(column):
        return column.map(str)
    if form == "decimal":
        return column.map(lambda value: Decimal(repr(round(float(value), 6)))) if (column.abs() < 1e9).all() else column
    match form:
        case "float32":
            return column.astype("float32")
        case "nullable":
            return column.astype("Float64")
        case "category":
            return column.astype("category")
    return column


def geopackage(source: np.random.Generator, table: pd.DataFrame) -> TableFile:
    """Return a GeoPackage or GeoParquet of points, with one layer or two; a text file where there are no points."""
    if table.columns.duplicated().any() or not table.columns.map(bool).all() or not _has_points(table):
        return plain_csv(source, table)
    texts = {str(name): table[name].map(str) for name in table if not pd.api.types.is_numeric_dtype(table[name])}
    points = gpd.GeoDataFrame(
        table.assign(**texts), geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326"
    )
    if source.integers(3) == 0:
        content = io.BytesIO()
        points.to_parquet(content)
        return TableFile("geoparquet", "t.parquet", content.getvalue())
    layers = ["test_points", "sites"] if source.integers(2) else ["sites"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.gpkg"
        for layer in layers:
            points.assign(id="test" if layer != "sites" else points["id"]).to_file(path, layer=layer, driver="GPKG")
        keys = {"layer": "sites"} if len(layers) > 1 and source.integers(2) else {}
        return TableFile(f"gpkg of {len(layers)} layers", "t.gpkg", path.read_bytes(), keys)


def _has_points(table: pd.DataFrame) -> bool:
    return len(table) > 0 and all(
        name in table and pd.api.types.is_numeric_dtype(table[name]) for name in ("lon", "lat")
    )


def workbook(_source: np.random.Generator, table: pd.DataFrame) -> TableFile:
    """Return an Excel workbook, or the first bytes of one where the library for it is not at hand."""
    content = io.BytesIO()
    try:
        table.to_excel(content, index=False)
    except ImportError:
        content.write(b"PK\x03\x04" + bytes(200))
    return TableFile("xlsx", "t.xlsx", content.getvalue())


FILES: tuple[Form, ...] = (plain_csv, odd_csv, parquet, odd_csv, packed_csv, parquet, odd_csv, geopackage, workbook)
PLAIN_FILES: tuple[Form, ...] = (plain_csv, odd_csv, plain_csv, parquet, geopackage)
"""Those that are read, so that odd values in them come to light."""


def damaged_file(source: np.random.Generator, path: Path) -> str:
    """Damage a file and say how; what remains may be a sound file with other values."""
    content = path.read_bytes()
    position = int(source.integers(len(content)))
    flipped = bytearray(content)
    flipped[position] ^= 1 << int(source.integers(8))
    bomb = gzip.compress(b"a" * 100_000_000, compresslevel=1)
    damages: dict[str, bytes] = {
        "cut": content[:position],
        "bit flipped": bytes(flipped),
        "emptied": b"",
        "zeros at the end": content[:position] + bytes(len(content) - position),
        "NUL inside": content[:position] + b"\0" + content[position:],
        "noise": source.integers(0, 256, 500, dtype=np.uint8).tobytes(),
        "twice": content * 2,
        "gz bomb": bomb if source.integers(4) == 0 else gzip.compress(content)[:-9],
        "one long line": content.replace(b"\n", b" "),
        "unclosed quote": content.replace(b"\n", b'\n"', 1),
        "web page": b"<!DOCTYPE html><html>login</html>",
    }
    title = pick(source, list(damages))
    path.write_bytes(damages[title])
    return f"damaged file: {title}"
