"""Text tables with any delimiter, packed or not, streamed by the rows, which know their lines of the file."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.observations.tables.packed_file import PackedText
from hybridmap.observations.tables.text_header import SPACE, Header, HeaderOptions, read_header, reader

BLOCK_BYTES = 8 << 20
"""Bytes of a text file in memory at a time."""
HEADER_BYTES = 1 << 18
"""Bytes in which the header and some rows lie."""
PIECE_BYTES = BLOCK_BYTES // 2
NEWLINE, QUOTE = ord("\n"), ord('"')
LINE_ENDS = [NEWLINE, ord("\r")]
"""A line that begins with one of these is blank."""


@dataclass(frozen=True)
class TextFile:
    """A text table.

    Attributes
    ----------
    packed : PackedText
        Its bytes.
    names_and_signs : Header
        Names of its columns, delimiter, quotation mark, lines above the rows.
    """

    packed: PackedText
    names_and_signs: Header

    @classmethod
    def open(cls, packed: PackedText, options: HeaderOptions) -> TextFile:
        """Read the header; ValueError if there is none, UnicodeDecodeError if it is in another encoding."""
        with packed.open() as file:
            start = file.read(HEADER_BYTES)
        whole = len(start) < HEADER_BYTES
        sample = codecs.getincrementaldecoder(_mark_aware(packed.encoding))().decode(start, final=whole)
        if not whole and "\n" in sample:  # the last line is cut off
            sample = sample[: sample.rindex("\n") + 1]
        return cls(packed, read_header(sample, options))

    @property
    def path(self) -> Path:
        """The file."""
        return self.packed.path

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns; empty ones are numbered."""
        return self.names_and_signs.names

    @property
    def is_comma_delimited(self) -> bool:
        """Whether a comma inside a cell can be no decimal mark that somebody forgot to quote."""
        return self.names_and_signs.delimiter == ","

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Text of the columns `names`, some megabytes of the file at a time, indexed by the line of the file."""
        # Not pandas: with chosen columns it cuts rows that have too many cells, and a decimal comma makes such rows.
        delimiter, quote = self.names_and_signs.delimiter, self.names_and_signs.quote
        lines = _NumberedLines(self.packed, self.names_and_signs)
        if lines.is_empty:
            return
        source = pacsv.open_csv(
            pa.PythonFile(lines, mode="r"),
            pacsv.ReadOptions(block_size=BLOCK_BYTES, column_names=list(self.header)),
            pacsv.ParseOptions(delimiter=delimiter, quote_char=quote or False, newlines_in_values=bool(quote)),
            pacsv.ConvertOptions(
                include_columns=list(names), column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        with source:
            for batch in source:
                yield batch.to_pandas().set_axis(lines.take(batch.num_rows), axis=0)

    def row_length_error(self) -> HybridmapError:
        """Name the first row with too many or too few cells; the file is only read again when there is one."""
        width, number, cells = len(self.header), 0, list[str]()
        with self.packed.open() as file:
            text = io.TextIOWrapper(file, encoding=_mark_aware(self.packed.encoding), newline="\n")
            for _ in range(self.names_and_signs.body):
                text.readline()
            source = reader(text, self.names_and_signs.delimiter, self.names_and_signs.quote)
            start = self.names_and_signs.body
            for cells in source:
                number, start = start + 1, self.names_and_signs.body + source.line_num
                if cells and len(cells) != width:
                    break
        return HybridmapError(
            f"{self.path}: row {number} has {len(cells)} cells under a header of {width}; look for a decimal comma, an"
            " unquoted delimiter or a cut-off line, or name the 'delimiter' or the 'header_row'."
        )


def encoding_error(packed: PackedText) -> HybridmapError:
    """Name the row and byte that cannot be decoded."""
    position = "a byte"
    with packed.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(packed.encoding)
            except UnicodeDecodeError as error:
                position = f"row {number}: byte {line[error.start]:#04x}"
                break
    return HybridmapError(
        f"{packed.path}: {position} is no {packed.encoding} text; set 'encoding' (cp1252 and latin-1 are common)"
        " or save it as UTF-8."
    )


class _NumberedLines:
    """Bytes of the rows in UTF-8, for a reader that leaves blank lines out; remembers in which line each row begins."""

    closed = False

    def __init__(self, packed: PackedText, header: Header) -> None:
        self._pieces = _whole_lines(packed, header)
        self._has_quotes, self._delimiter = bool(header.quote), header.delimiter.encode()
        self._line, self._is_quoted = header.body + 1, False
        self._numbers: list[NDArray[np.int64]] = []
        self._rest = next(self._pieces, b"")
        self.is_empty = not self._rest.strip()
        self._number(self._rest)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._pieces, b"")
            self._number(self._rest)
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def close(self) -> None:
        """Nothing is held open here."""

    def take(self, count: int) -> NDArray[np.int64]:
        """Lines of the next `count` rows."""
        numbers = np.concatenate(self._numbers)
        self._numbers = [numbers[count:]]
        return numbers[:count]

    def _number(self, piece: bytes) -> None:
        """Remember the lines in which the rows of whole lines begin."""
        if not piece:
            return
        letters = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero(letters == NEWLINE)
        begins = np.concatenate([[0], ends + 1])[: len(ends) + (piece[-1] != NEWLINE)]
        is_row = ~np.isin(letters[begins], LINE_ENDS)
        if self._has_quotes:
            is_row &= ~self._inside_cells(piece, begins)
        self._numbers.append(self._line + np.flatnonzero(is_row))
        self._line += len(ends)

    def _inside_cells(self, piece: bytes, begins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which lines begin inside a quoted cell; a quotation mark inside an unquoted cell is a letter."""
        marks = np.flatnonzero(np.frombuffer(piece, np.uint8) == QUOTE)
        in_line = np.bincount(np.searchsorted(begins, marks, side="right") - 1, minlength=len(begins))
        uneven, ends = np.flatnonzero(in_line % 2), [*begins[1:], len(piece)]
        inside, line = np.zeros(len(begins), bool), 0
        while line < len(begins):
            if not self._is_quoted:  # a line with an even number of marks ends as it begins
                position = int(np.searchsorted(uneven, line))
                if position == len(uneven):
                    break
                line = int(uneven[position])
            inside[line] = self._is_quoted
            self._is_quoted = ends_in_quotes(piece[begins[line] : ends[line]], self._is_quoted, self._delimiter)
            line += 1
        return inside


def ends_in_quotes(line: bytes, is_quoted: bool, delimiter: bytes) -> bool:
    """Whether a quoted cell goes on in the next line.

    Parameters
    ----------
    line : bytes
        With its end.
    is_quoted : bool
        Whether it begins inside a quoted cell.
    delimiter : bytes
        Of cells.

    Returns
    -------
    bool

    Examples
    --------
    >>> [ends_in_quotes(line, False, b",") for line in (b'a,"b', b'5" core,b', b'"a ""b",c')]
    [True, False, False]
    """
    position = 0
    while True:
        if not is_quoted and line[position : position + 1] == b'"':
            is_quoted, position = True, position + 1
        if is_quoted:
            position = line.find(b'"', position) + 1
            if not position:
                return True
            if line[position : position + 1] == b'"':
                position += 1
                continue
            is_quoted = False
        position = line.find(delimiter, position) + len(delimiter)
        if position < len(delimiter):
            return False


def _whole_lines(packed: PackedText, header: Header) -> Iterator[bytes]:
    """Pieces of the file below its header, in UTF-8, each of whole lines."""
    decode = codecs.getincrementaldecoder(_mark_aware(packed.encoding))().decode
    is_utf_8 = codecs.lookup(packed.encoding).name == "utf-8"
    to_skip, rest = header.body, b""
    with packed.open() as file:
        while True:
            block = file.read(PIECE_BYTES)
            piece = rest + (block if is_utf_8 else decode(block, final=not block).encode())
            if b"\n" not in piece and b"\r" in piece:  # lines as old Macintosh programs end them
                piece = piece.replace(b"\r", b"\n")
            cut = piece.rfind(b"\n") + 1 if block else len(piece)
            piece, rest = piece[:cut], piece[cut:]
            if len(rest) > BLOCK_BYTES:  # without an end; a packed file of a few bytes may hold gigabytes of it
                raise HybridmapError(
                    f"{packed.path}: a line of over {BLOCK_BYTES >> 20} MB, which no table has; check the file, or"
                    " download it again."
                )
            while to_skip and piece:
                piece, to_skip = piece.partition(b"\n")[2], to_skip - 1
            if piece:
                yield _single_blanks(piece) if header.delimiter == SPACE else piece
            if not block:
                return


def _single_blanks(piece: bytes) -> bytes:
    """Runs of blanks as one, and none at the ends of a line."""
    return re.sub(rb"[ \t]+", b" ", re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", piece))


def _mark_aware(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
