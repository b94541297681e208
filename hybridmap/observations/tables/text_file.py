"""Text tables with any common delimiter, also gzipped, streamed by the rows."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from hybridmap.errors import HybridmapError

DELIMITERS = ",;\t|"
BLOCK_BYTES = 8 << 20
"""Bytes of a text file in memory at a time."""
NOT_A_TABLE = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"%PDF": "is a PDF; get the table itself",
    b"version https://git-lfs": "is a pointer to a file that was not downloaded; fetch it with git lfs pull",
    b"\xff\xfe": "is UTF-16 text; set 'encoding: utf-16', or save it as UTF-8",
}
"""First bytes of a file → what it is instead of a table."""
WEB_PAGE = (b"<!doctype", b"<html", b"<?xml")


@dataclass(frozen=True)
class TextFile:
    """A text table whose first line is its header.

    Attributes
    ----------
    header : tuple of str
        Names of the columns; empty ones are numbered.
    quote : str
        Quotation mark, "" if there is none.
    skip_rows : int
        Lines below the header that hold no rows.
    """

    path: Path
    encoding: str
    skip_rows: int
    header: tuple[str, ...]
    delimiter: str
    quote: str

    @classmethod
    def open(cls, path: Path, encoding: str, skip_rows: int) -> TextFile:
        """Read the first line and guess the delimiter.

        Parameters
        ----------
        path : Path
            The file.
        encoding : str
            Of its text.
        skip_rows : int
            Lines below the header that hold no rows.

        Returns
        -------
        TextFile

        Raises
        ------
        HybridmapError
            If the file is of another kind.
        ValueError
            If it has no header.
        """
        _check_kind(path, encoding)
        mark_aware = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
        with _opener(path)(path, "rt", encoding=mark_aware, newline="") as file:
            line = file.readline()
        if not line.strip():
            raise ValueError("the file is empty" if not line else "its first line is empty; the header belongs there")
        if "\x00" in line:
            raise ValueError("it holds binary data")
        delimiter = max(DELIMITERS, key=line.count)
        names = next(csv.reader([line], delimiter=delimiter))
        header = tuple(name.strip() or f"Unnamed: {i}" for i, name in enumerate(names))
        # In tab-separated files a lone quotation mark is a letter.
        quote = '"' if delimiter != "\t" or '"' in line else ""
        return cls(path, encoding, skip_rows, header, delimiter, quote)

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Text of the columns `names`, some megabytes of the file at a time."""
        # Not pandas: with chosen columns it cuts rows that have too many cells, and a decimal comma makes such rows.
        reader = pacsv.open_csv(
            self.path,
            pacsv.ReadOptions(
                encoding=self.encoding,
                block_size=BLOCK_BYTES,
                column_names=list(self.header),
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
                yield batch.to_pandas()

    def row_length_error(self) -> HybridmapError:
        """Name the first row with too many or too few cells; the file is only read again when there is one."""
        quoting: dict[str, Any] = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        width = len(self.header)
        with _opener(self.path)(self.path, "rt", encoding=self.encoding, newline="") as file:
            for number, cells in enumerate(csv.reader(file, delimiter=self.delimiter, **quoting), start=1):
                if number > 1 + self.skip_rows and cells and len(cells) != width:
                    break
        return HybridmapError(
            f"{self.path}: row {number} has {len(cells)} cells under a header of {width}; look for a decimal comma, an"
            " unquoted delimiter or a cut-off line."
        )


def encoding_error(path: Path, encoding: str) -> HybridmapError:
    """Name the row and byte that cannot be decoded."""
    position = "a byte"
    with _opener(path)(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                position = f"row {number}: byte {line[error.start]:#04x}"
                break
    return HybridmapError(
        f"{path}: {position} is no {encoding} text; set 'encoding' (cp1252 and latin-1 are common) or save it as UTF-8."
    )


def _check_kind(path: Path, encoding: str) -> None:
    """Raise HybridmapError if the first bytes are those of another kind of file."""
    with _opener(path)(path, "rb") as file:
        start = file.read(512)
    for magic, description in NOT_A_TABLE.items():
        if start.startswith(magic) and not (magic == b"\xff\xfe" and encoding.lower().startswith("utf-16")):
            raise HybridmapError(f"{path}: {description}.")
    if start.lstrip().lower().startswith(WEB_PAGE):
        raise HybridmapError(
            f"{path}: is a web page, not a table; the download needs a login or has moved: fetch it again by hand."
        )


def _opener(path: Path) -> Any:
    return gzip.open if path.suffix == ".gz" else open
