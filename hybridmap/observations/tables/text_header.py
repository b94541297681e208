"""The header of a text table: where its names stand, and what separates them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

DELIMITERS = ",;\t|"
SAMPLE_ROWS = 50
"""Rows below the header that help to tell the delimiter."""
WORDS = {"tab": "\t", "space": " "}
"""Delimiters that are named by a word."""
SPACE = " "
INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
"""Letters that nobody sees: zero-width blanks and joiners, direction marks, byte order marks, soft hyphens."""
QUOTED_CELL = re.compile(r'(?m)(?:^|\t)"[^"\t\n]*"(?=\t|\r?$)')


class HeaderOptions(NamedTuple):
    """What the region file says of a header.

    Attributes
    ----------
    rows : sequence of int
        Lines that hold the names, from 1; their cells are joined by a blank.
    delimiter : str or None
        As the region file spells it.
    skip_rows : int
        Lines below the header that hold no rows.
    """

    rows: Sequence[int] = (1,)
    delimiter: str | None = None
    skip_rows: int = 0


class Header(NamedTuple):
    """The header of a text table.

    Attributes
    ----------
    names : tuple of str
        Of the columns; empty ones are numbered.
    delimiter, quote : str
        "" if quotation marks are letters.
    body : int
        Lines above the first row.
    """

    names: tuple[str, ...]
    delimiter: str
    quote: str
    body: int


def read_header(sample: str, options: HeaderOptions) -> Header:
    r"""Read the names of the columns and tell the delimiter.

    Parameters
    ----------
    sample : str
        The first lines of the file.
    options : HeaderOptions
        What the region file says.

    Returns
    -------
    Header

    Raises
    ------
    ValueError
        If there is no header, in words.

    Examples
    --------
    >>> read_header("a;b\n1,5;2\n", HeaderOptions())
    Header(names=('a', 'b'), delimiter=';', quote='"', body=1)
    """
    lines = _lines(sample)
    if not sample.strip():
        raise ValueError("the file is empty")
    if max(options.rows) > len(lines):
        raise ValueError(f"'header_row' is {max(options.rows)}, but the file has {len(lines)} lines")
    if not lines[options.rows[0] - 1].strip():
        first = "its first line is empty" if options.rows[0] == 1 else f"line {options.rows[0]} is empty"
        raise ValueError(f"{first}; the header belongs there, or set 'header_row' to the line of the names")
    if "\x00" in sample:
        raise ValueError("it holds binary data")
    lines = lines[options.rows[0] - 1 :]
    delimiter = WORDS.get(str(options.delimiter), options.delimiter) or _guess(lines)
    # In tab-separated files a lone quotation mark is a letter.
    quote = '"' if delimiter != "\t" or QUOTED_CELL.search("".join(lines)) else ""
    records, last = _records(lines, delimiter, quote, [row - options.rows[0] for row in options.rows])
    names = column_names(records)
    following: list[str] = next(
        (cells for cells in reader(lines[last + options.skip_rows :], delimiter, quote) if cells), []
    )
    if delimiter == SPACE and len(following) == len(names) + 1:  # R's write.table names its rows, not their column
        names = ("Unnamed: rows", *names)
    return Header(names, delimiter, quote, options.rows[0] - 1 + last + options.skip_rows)


def column_names(records: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names of columns from the rows that hold them; filled cells below each other are joined by a blank.

    Examples
    --------
    >>> column_names([["id", "depth", "depth", ""], ["", "top", "bottom", ""]])
    ('id', 'depth top', 'depth bottom', 'Unnamed: 3')
    """
    width = max(map(len, records))
    columns = ([INVISIBLE.sub("", row[k]).strip() if k < len(row) else "" for row in records] for k in range(width))
    return tuple(" ".join(filter(None, cells)) or f"Unnamed: {k}" for k, cells in enumerate(columns))


def reader(lines: Any, delimiter: str, quote: str) -> Any:
    """Records of text lines by the csv module.

    Parameters
    ----------
    lines : iterable of str
        With their ends.
    delimiter, quote : str
        One character each; no quoting where `quote` is empty.

    Returns
    -------
    csv.reader
    """
    quoting: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == SPACE, **quoting)


def _lines(sample: str) -> list[str]:
    """Lines with their ends; a lone carriage return is one where there is nothing else."""
    if "\n" not in sample:
        sample = sample.replace("\r", "\n")
    lines = [f"{line}\n" for line in sample.split("\n")]
    return lines[:-1] if lines[-1] == "\n" else lines


def _records(lines: list[str], delimiter: str, quote: str, line_numbers: Sequence[int]) -> tuple[list[list[str]], int]:
    """Records that begin in the lines `line_numbers` (from 0), and the number of lines down to the last of them."""
    source = reader(lines, delimiter, quote)
    records, start = [], 0
    for cells in source:
        if start in line_numbers:
            records.append(cells)
        start = source.line_num
        if start > max(line_numbers):
            break
    return records, start


def _guess(lines: list[str]) -> str:
    """The delimiter under which most rows are as wide as the header; one inside quotation marks is a letter."""
    scores = {delimiter: _score(lines, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: scores[delimiter])


def _score(lines: list[str], delimiter: str) -> tuple[bool, int]:
    """Whether the rows are as wide as the header, and how wide that is."""
    source = reader(lines, delimiter, '"')
    header: list[str] = next(source, [])
    widths = [len(cells) for cells, _ in zip(source, range(SAMPLE_ROWS), strict=False) if cells]
    width = len(header)
    is_even = width > 1 and (not widths or widths.count(width) * 2 >= len(widths))
    return is_even, width
