"""Tables as users have them, opened by their header and read in chunks, whatever kind of file they are."""

from __future__ import annotations

import csv
import logging
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

import pandas as pd
import pyarrow as pa

from hybridmap.errors import HybridmapError, nearest
from hybridmap.observations.tables.binary_files import MatrixFile, ParquetFile, VectorFile, WorkbookFile
from hybridmap.observations.tables.packed_file import PackedText, kind_of
from hybridmap.observations.tables.text_file import TextFile, encoding_error
from hybridmap.observations.tables.text_header import HeaderOptions

LOG = logging.getLogger("hybridmap")
TableFile = TextFile | ParquetFile | VectorFile | WorkbookFile | MatrixFile
READING_ERRORS = (
    *(OSError, EOFError, LookupError, ValueError, RuntimeError, NotImplementedError),
    *(zlib.error, lzma.LZMAError, csv.Error, zipfile.BadZipFile, pa.ArrowException),
)
"""What the readers raise for a damaged file."""


@dataclass(frozen=True)
class TableOptions:
    """How a table is written, where that is not seen from the file.

    Attributes
    ----------
    encoding : str
        Of a text file.
    skip_rows : int
        Lines below the header that hold no rows.
    delimiter : str or None
        Of a text file; None to tell it from the first rows.
    header_row : int or sequence of int
        Line of a text file, or row of a sheet, that holds the names.
    layer : str or None
        Layer of a GeoPackage, sheet of a workbook, file of a zip archive, variable of a NetCDF file.
    matrix_columns : sequence of str
        Names of the columns of a NetCDF matrix.
    aliases : mapping of str to list of str
        Name that the program uses → other spellings of a column.
    """

    encoding: str = "utf-8"
    skip_rows: int = 0
    delimiter: str | None = None
    header_row: int | Sequence[int] = 1
    layer: str | None = None
    matrix_columns: Sequence[str] = ()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def header(self) -> HeaderOptions:
        """What is said of the header."""
        rows = (self.header_row,) if isinstance(self.header_row, int) else tuple(self.header_row)
        return HeaderOptions(rows, self.delimiter, self.skip_rows)


@dataclass(frozen=True)
class SourceTable:
    """An opened table; nothing but its header is read yet.

    Attributes
    ----------
    file : TableFile
        Reads columns by the names in the file.
    header : tuple of str
        Names of the columns as the file spells them.
    columns : tuple of str
        The same, with other spellings replaced.
    options : TableOptions
        How the table is written.
    """

    file: TableFile
    header: tuple[str, ...]
    columns: tuple[str, ...]
    options: TableOptions

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def is_comma_delimited(self) -> bool:
        """Whether it is text whose cells a comma separates, so that a comma in a cell was quoted on purpose."""
        return isinstance(self.file, TextFile) and self.file.is_comma_delimited

    @property
    def has_stored_numbers(self) -> bool:
        """Whether it is a workbook, which keeps numbers as numbers, with a decimal point."""
        return isinstance(self.file, WorkbookFile)

    def require(self, names: Iterable[str | None], purpose: str) -> None:
        """Raise HybridmapError unless the table has all columns `names` (None is skipped)."""
        for name in names:
            if name is not None and name not in self.columns:
                listed = ", ".join(self.columns[:40])
                sentence = f"no column '{name}' {purpose}{nearest(name, self.columns)}; the table has {listed}"
                raise HybridmapError(f"{self.path}: " + sentence.replace("\n", "\\n") + self._hint() + ".")

    def _hint(self) -> str:
        """What to set where the header looks as if it were none."""
        if isinstance(self.file, TextFile | WorkbookFile) and len(self.columns) < 3:
            return " (if this is no header, set 'header_row' to the line of the names, or name the 'delimiter')"
        return ""

    def chunks(self, names: Iterable[str]) -> Iterator[pd.DataFrame]:
        """Chunks of the columns `names`, indexed by the row in the file (header: 1).

        Raises
        ------
        HybridmapError
            If the file is damaged; the sentence names the row where that is known.
        """
        renamed = self._renamed(set(names))
        row, empty = 2, 0
        try:
            for chunk in self.file.chunks(list(renamed)):
                if not isinstance(self.file, TextFile | WorkbookFile):
                    chunk = chunk.set_axis(pd.RangeIndex(row, row + len(chunk)), axis=0)
                row += len(chunk)
                is_empty = _empty_rows(chunk)
                empty += int(is_empty.sum())
                yield chunk[~is_empty].rename(columns=renamed)
        except READING_ERRORS as error:
            raise self._damage(error) from None
        if empty:
            LOG.info("%s: %d empty rows were left out", self.path.name, empty)

    def read(self, names: Iterable[str]) -> pd.DataFrame:
        """All rows of the columns `names`; as :meth:`chunks`."""
        names = list(names)
        chunks = list(self.chunks(names))
        return pd.concat(chunks) if chunks else pd.DataFrame(columns=names)

    def _renamed(self, names: set[str]) -> dict[str, str]:
        """Spelling of the file → our name, of the columns `names` that the table has."""
        pairs = zip(self.header, self.columns, strict=True)
        return {spelling: name for spelling, name in pairs if name in names}

    def _damage(self, error: Exception) -> HybridmapError:
        if isinstance(self.file, TextFile) and (isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)):
            return encoding_error(self.file.packed)
        if isinstance(self.file, TextFile) and re.search(r"Expected \d+ columns, got \d+", str(error)):
            return self.file.row_length_error()
        return _damaged(self.path, error)


def open_table(path: Path, options: TableOptions | None = None) -> SourceTable:
    """Open a table and check its header.

    Parameters
    ----------
    path : Path
        Text with any delimiter (also gzipped, bzipped or zipped), Parquet, a vector file, a workbook, or a NetCDF
        matrix. A file of points without ``lon`` and ``lat`` columns gets them from its points.
    options : TableOptions, optional
        How it is written, where that is not seen from the file.

    Returns
    -------
    SourceTable

    Raises
    ------
    HybridmapError
        If the file is missing, empty, of another kind than its name says, or has a column twice.
    """
    options = options or TableOptions()
    if not path.is_file():
        raise HybridmapError(f"{path}: no such table; check 'path' and 'data_root'.")
    try:
        file = _open_file(path, options)
        header = file.header
    except READING_ERRORS as error:
        raise _damaged(path, error) from None
    names = _names(header, options.aliases)
    for name in names:
        if name and names.count(name) > 1:
            numbers = ", ".join(str(i + 1) for i, other_name in enumerate(names) if other_name == name)
            raise HybridmapError(
                f"{path}: the header has '{name}' more than once (columns {numbers}); rename all but one."
            )
    return SourceTable(file, header, names, options)


def _open_file(path: Path, options: TableOptions) -> TableFile:
    kind = kind_of(path)
    if kind == "parquet":
        return ParquetFile(path)
    if kind == "vector":
        return VectorFile.open(path, options.layer)
    if kind == "workbook":
        return WorkbookFile.open(path, options.layer, options.header)
    if kind == "netcdf":
        return MatrixFile(path, options.layer, tuple(options.matrix_columns))
    packed = PackedText.of(path, kind, options.encoding, options.layer)
    try:
        return TextFile.open(packed, options.header)
    except UnicodeDecodeError:
        raise encoding_error(packed) from None


def _empty_rows(chunk: pd.DataFrame) -> pd.Series:
    """Rows without anything in any of the columns."""
    is_empty = pd.Series(True, index=chunk.index)
    for name in chunk.columns:
        cells = chunk.loc[is_empty, name]
        is_text = pd.api.types.is_string_dtype(cells) or cells.dtype == object
        blank = cells.isna() | (cells.astype("string").str.strip() == "").fillna(True) if is_text else cells.isna()
        is_empty = is_empty & blank.reindex(chunk.index, fill_value=False)
        if not is_empty.any():
            break
    return is_empty.astype(bool)


def _names(header: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Header with other spellings replaced, unless the table has the usual one too."""
    usual = {spelling: name for name, spellings in aliases.items() for spelling in spellings}
    names = (name if usual.get(name, name) in header else usual[name] for name in header)
    return tuple(normalize("NFC", name).replace("\r\n", "\n") for name in names)


def _damaged(path: Path, error: Exception) -> HybridmapError:
    reason = (str(error).splitlines() or [""])[0].removeprefix("CSV parse error: ").partition("; It might help")[0]
    reason = reason.rstrip(".") or type(error).__name__
    return HybridmapError(f"{path}: cannot be read as a table ({reason}); check the file, or download it again.")
