"""Tables as users have them, opened by their header and read in chunks: text, Parquet, vector files, NetCDF."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from hybridmap.errors import HybridmapError, nearest
from hybridmap.observations.tables.binary_files import VECTOR_SUFFIXES, MatrixFile, ParquetFile, VectorFile
from hybridmap.observations.tables.text_file import TextFile, encoding_error

TableFile = TextFile | ParquetFile | VectorFile | MatrixFile
READING_ERRORS = (OSError, EOFError, LookupError, ValueError, RuntimeError, zlib.error, pa.ArrowException)
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
    layer : str or None
        Layer of a GeoPackage, variable of a NetCDF file.
    matrix_columns : sequence of str
        Names of the columns of a NetCDF matrix.
    aliases : mapping of str to list of str
        Name that the program uses → other spellings of a column.
    """

    encoding: str = "utf-8"
    skip_rows: int = 0
    layer: str | None = None
    matrix_columns: Sequence[str] = ()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)


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

    def require(self, names: Iterable[str | None], purpose: str) -> None:
        """Raise HybridmapError unless the table has all columns `names` (None is skipped)."""
        for name in names:
            if name is not None and name not in self.columns:
                listed = ", ".join(self.columns[:40])
                raise HybridmapError(
                    f"{self.path}: no column '{name}' {purpose}{nearest(name, self.columns)}; the table has {listed}."
                )

    def chunks(self, names: Iterable[str]) -> Iterator[pd.DataFrame]:
        """Chunks of the columns `names`, indexed by the row in the file (header: 1).

        Raises
        ------
        HybridmapError
            If the file is damaged; the sentence names the row where that is known.
        """
        renamed = self._renamed(set(names))
        row = 2 + self.options.skip_rows
        try:
            for chunk in self.file.chunks(list(renamed)):
                yield chunk.rename(columns=renamed).set_axis(pd.RangeIndex(row, row + len(chunk)), axis=0)
                row += len(chunk)
        except READING_ERRORS as error:
            raise self._damage(error) from None

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
        if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
            return encoding_error(self.path, self.options.encoding)
        if isinstance(self.file, TextFile) and re.search(r"Expected \d+ columns, got \d+", str(error)):
            return self.file.row_length_error()
        return _damaged(self.path, error)


def open_table(path: Path, options: TableOptions | None = None) -> SourceTable:
    """Open a table and check its header.

    Parameters
    ----------
    path : Path
        CSV with any common delimiter (also gzipped), Parquet, a vector file, or a NetCDF matrix. A vector file without
        ``lon`` and ``lat`` columns gets them from its points.
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
    except UnicodeDecodeError:
        raise encoding_error(path, options.encoding) from None
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
    if path.suffix == ".parquet":
        return ParquetFile(path)
    if path.suffix in VECTOR_SUFFIXES:
        return VectorFile(path, options.layer)
    if path.suffix == ".nc":
        return MatrixFile(path, options.layer, tuple(options.matrix_columns))
    return TextFile.open(path, options.encoding, options.skip_rows)


def _names(header: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Header with other spellings replaced, unless the table has the usual one too."""
    usual = {spelling: name for name, spellings in aliases.items() for spelling in spellings}
    return tuple(name if usual.get(name, name) in header else usual[name] for name in header)


def _damaged(path: Path, error: Exception) -> HybridmapError:
    reason = (str(error).splitlines() or [""])[0].removeprefix("CSV parse error: ").rstrip(".") or type(error).__name__
    return HybridmapError(f"{path}: cannot be read as a table ({reason}); check the file, or download it again.")
