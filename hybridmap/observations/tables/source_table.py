"""Tables as users have them, opened by their header and read in pieces: text, Parquet, vector files, NetCDF."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from hybridmap.errors import HybridmapError, nearest

DELIMITERS = ",;\t|"
CHUNK = 100_000
"""Rows of a Parquet file in memory at a time."""
BLOCK = 8 << 20
"""Bytes of a text file in memory at a time."""
VECTOR = (".gpkg", ".geojson", ".shp", ".fgb")
NOT_A_TABLE = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"%PDF": "is a PDF; get the table itself",
    b"version https://git-lfs": "is a pointer to a file that was not downloaded; fetch it with git lfs pull",
    b"\xff\xfe": "is UTF-16 text; set 'encoding: utf-16', or save it as UTF-8",
}


@dataclass(frozen=True)
class SourceTable:
    """An opened table; nothing but its header is read yet.

    Attributes
    ----------
    path : Path
        The file.
    columns : tuple of str
        Header, with known other spellings replaced.
    """

    path: Path
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    skip_rows: int = 0
    layer: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def header(self) -> list[str]:
        """Names of the columns as the file spells them."""
        old = {new: old for old, new in self.renamed.items()}
        return [old.get(name, name) for name in self.columns]

    def require(self, names: Iterable[str | None], why: str) -> None:
        """Raise HybridmapError unless the table has all columns `names` (None is skipped)."""
        for name in names:
            if name is not None and name not in self.columns:
                listed = ", ".join(self.columns[:40])
                raise HybridmapError(
                    f"{self.path}: no column '{name}' {why}{nearest(name, self.columns)}; the table has {listed}."
                )

    def chunks(self, wanted: Iterable[str], rows: int = CHUNK) -> Iterator[pd.DataFrame]:
        """Pieces of the columns `wanted`, at most `rows` rows each, indexed by the row in the file (header: 1).

        Raises
        ------
        HybridmapError
            If the file is damaged; the sentence names the row where that is known.
        """
        asked = set(wanted)
        names = [old for new, old in zip(self.columns, self.header, strict=True) if new in asked]
        try:
            for chunk in self._read(names, rows):
                yield chunk.rename(columns=self.renamed)
        except (OSError, EOFError, LookupError, ValueError, RuntimeError, zlib.error, pa.ArrowException) as error:
            if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
                raise _wrong_encoding(self.path, self.encoding) from None
            if re.search(r"Expected \d+ columns, got \d+", str(error)):
                raise self._ragged() from None
            raise _damaged(self.path, error) from None

    def _ragged(self) -> HybridmapError:
        """Find the row that has too many or too few cells; only read again when there is one."""
        opener: Any = gzip.open if self.path.suffix == ".gz" else open
        quoting = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        with opener(self.path, "rt", encoding=self.encoding, newline="") as file:
            for number, cells in enumerate(csv.reader(file, delimiter=self.delimiter, **quoting), start=1):
                if number > 1 + self.skip_rows and cells and len(cells) != len(self.columns):
                    break
        return HybridmapError(
            f"{self.path}: row {number} has {len(cells)} cells under a header of {len(self.columns)}; look for a"
            " decimal comma, an unquoted delimiter or a cut-off line."
        )

    def read(self, wanted: Iterable[str]) -> pd.DataFrame:
        """All rows of the columns `wanted`; as :meth:`chunks`."""
        wanted = list(wanted)
        parts = list(self.chunks(wanted))
        return pd.concat(parts) if parts else pd.DataFrame(columns=wanted)

    def _read(self, names: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        first = 2 + self.skip_rows
        if self.path.suffix == ".parquet":
            import pyarrow.parquet as pq

            for batch in pq.ParquetFile(self.path).iter_batches(rows, columns=list(names)):
                yield _numbered(batch.to_pandas(), first)
                first += batch.num_rows
        elif self.path.suffix in VECTOR:
            yield _numbered(_read_vector(self.path, names, self.layer), first)
        elif self.path.suffix == ".nc":
            yield _numbered(_read_matrix(self.path, self.layer, self.columns)[list(names)], first)
        else:
            yield from self._read_text(names, rows, first)

    def _read_text(self, names: Sequence[str], rows: int, first: int) -> Iterator[pd.DataFrame]:
        # Not pandas: with chosen columns it cuts rows that have too many cells, and a decimal comma makes such rows.
        reader = pacsv.open_csv(
            self.path,
            pacsv.ReadOptions(
                encoding=self.encoding,
                block_size=BLOCK,
                column_names=_unique(self.header),
                skip_rows=1 + self.skip_rows,
            ),
            pacsv.ParseOptions(
                delimiter=self.delimiter, quote_char=self.quote or False, newlines_in_values=self.delimiter != "\t"
            ),
            pacsv.ConvertOptions(
                include_columns=list(names), column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        with reader:
            for batch in reader:
                yield _numbered(batch.to_pandas(), first)
                first += batch.num_rows


def open_table(
    path: Path,
    *,
    encoding: str = "utf-8",
    skip_rows: int = 0,
    layer: str | None = None,
    aliases: dict[str, list[str]] | None = None,
    matrix_columns: Sequence[str] = (),
) -> SourceTable:
    """Open a table and check its header.

    Parameters
    ----------
    path : Path
        CSV with any common delimiter (also gzipped), Parquet, a vector file, or a NetCDF matrix. A vector file without
        ``lon`` and ``lat`` columns gets them from its points.
    encoding : str
        Of a text file.
    skip_rows : int
        Lines below the header to skip.
    layer : str or None
        Layer of a GeoPackage, variable of a NetCDF file.
    aliases : dict of str to list of str
        Name used here → other spellings of a column.
    matrix_columns : sequence of str
        Names of the columns of a NetCDF matrix.

    Raises
    ------
    HybridmapError
        If the file is missing, empty, of another kind than its name says, or has a column twice.
    """
    if not path.is_file():
        raise HybridmapError(f"{path}: no such table; check 'path' and 'data_root'.")
    delimiter, quote = ",", '"'
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            columns = [c for c in pq.read_schema(path).names if not c.startswith("__index")]
        elif path.suffix in VECTOR:
            columns = _vector_columns(path, layer)
        elif path.suffix == ".nc":
            columns = list(_read_matrix(path, layer, matrix_columns).columns)
        else:
            delimiter, quote, columns = _text_header(path, encoding)
    except UnicodeDecodeError:
        raise _wrong_encoding(path, encoding) from None
    except (OSError, EOFError, LookupError, ValueError, RuntimeError, zlib.error, pa.ArrowException) as error:
        raise _damaged(path, error) from None
    spellings = {other: name for name, others in (aliases or {}).items() for other in others}
    renamed = {c: spellings[c] for c in columns if c in spellings and spellings[c] not in columns}
    names = [renamed.get(c, c) for c in columns]
    for name in names:
        if name and names.count(name) > 1:
            where = ", ".join(str(i + 1) for i, n in enumerate(names) if n == name)
            raise HybridmapError(
                f"{path}: the header has '{name}' more than once (columns {where}); rename all but one."
            )
    return SourceTable(path, tuple(names), encoding, delimiter, quote, skip_rows, layer, renamed)


def _damaged(path: Path, error: Exception) -> HybridmapError:
    reason = (str(error).splitlines() or [""])[0].removeprefix("CSV parse error: ").rstrip(".") or type(error).__name__
    return HybridmapError(f"{path}: cannot be read as a table ({reason}); check the file, or download it again.")


def _wrong_encoding(path: Path, encoding: str) -> HybridmapError:
    """Name the row and byte that cannot be decoded."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    where = "a byte"
    with opener(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                where = f"row {number}: byte {line[error.start]:#04x}"
                break
    return HybridmapError(
        f"{path}: {where} is no {encoding} text; set 'encoding' (cp1252 and latin-1 are common) or save it as UTF-8."
    )


def _numbered(table: pd.DataFrame, first: int) -> pd.DataFrame:
    return table.set_axis(pd.RangeIndex(first, first + len(table)), axis=0)


def _unique(header: Sequence[str]) -> list[str]:
    """A header that the reader accepts: empty names are numbered."""
    return [name or f"Unnamed: {i}" for i, name in enumerate(header)]


def _text_header(path: Path, encoding: str) -> tuple[str, str, list[str]]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        start = file.read(512)
    for magic, what in NOT_A_TABLE.items():
        if start.startswith(magic) and not (magic == b"\xff\xfe" and encoding.lower().startswith("utf-16")):
            raise HybridmapError(f"{path}: {what}.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise HybridmapError(
            f"{path}: is a web page, not a table; the download needs a login or has moved: fetch it again by hand."
        )
    with opener(
        path, "rt", encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, newline=""
    ) as file:
        line = file.readline()
        if not line.strip():
            raise ValueError("the file is empty" if not line else "its first line is empty; the header belongs there")
        if "\x00" in line:
            raise ValueError("it holds binary data")
        delimiter = max(DELIMITERS, key=line.count)
        columns = next(csv.reader([line], delimiter=delimiter))
    # In tab-separated files a lone quotation mark is a letter.
    quote = '"' if delimiter != "\t" or '"' in line else ""
    return delimiter, quote, [c.strip() if c.strip() else f"Unnamed: {i}" for i, c in enumerate(columns)]


def _vector_columns(path: Path, layer: str | None) -> list[str]:
    import pyogrio

    info = pyogrio.read_info(path, layer=layer)
    columns = [str(c) for c in info["fields"]]
    return columns if {"lon", "lat"} & set(columns) else [*columns, "lon", "lat"]


def _read_vector(path: Path, names: Sequence[str], layer: str | None) -> pd.DataFrame:
    import geopandas as gpd

    fields = _vector_columns(path, layer)
    made = [c for c in ("lon", "lat") if c in names and fields[-2] == "lon"]
    kept = [c for c in names if c not in made]
    table = gpd.read_file(path, columns=kept, **({} if layer is None else {"layer": layer}))
    plain = pd.DataFrame(table.drop(columns=table.geometry.name))
    if made:
        if table.crs is None:
            raise ValueError("its points have no coordinate reference system; assign one, or map 'lon' and 'lat'")
        points = table.geometry.to_crs("EPSG:4326").representative_point()
        plain["lon"], plain["lat"] = points.x.to_numpy(), points.y.to_numpy()
    return plain


def _read_matrix(path: Path, variable: str | None, columns: Sequence[str]) -> pd.DataFrame:
    """A NetCDF variable whose one dimension is the columns, as older programs write tables."""
    import netCDF4

    with netCDF4.Dataset(path) as file:
        if variable not in file.variables:
            raise ValueError(f"it has no variable '{variable}', but {sorted(file.variables)}")
        values = file.variables[variable][:].filled(float("nan"))
    if values.ndim != 2 or len(columns) not in values.shape:
        raise ValueError(
            f"variable '{variable}' has shape {values.shape}; expected {len(columns)} columns {list(columns)}"
        )
    return pd.DataFrame(values.T if values.shape[0] == len(columns) else values, columns=list(columns))
