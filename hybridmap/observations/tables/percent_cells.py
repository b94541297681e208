"""Cells that a workbook keeps as 0.02 and shows as 2 %, which its reader does not say."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

STYLES, BOOK, LINKS, CONTENT = "xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "content.xml"
PERCENT_FORMATS = {"9", "10"}
"""Numbers of the formats 0% and 0.00%, which need no definition."""
MOST_REPEATS = 10_000
"""A cell that a program repeats more often fills the sheet to its edge."""
Place = tuple[int, int]
"""Row from 1, column from 0."""


def percent_cells(path: Path, sheet: str) -> dict[int, list[int]]:
    """Places of the numbers of a sheet that are shown in percent.

    Parameters
    ----------
    path : Path
        An Excel or OpenDocument workbook.
    sheet : str
        Name of the sheet.

    Returns
    -------
    dict of int to list of int
        Column from 0 → rows from 1.
    """
    by_column: dict[int, list[int]] = {}
    for row, column in _places(path, sheet):
        by_column.setdefault(column, []).append(row)
    return by_column


def _places(path: Path, sheet: str) -> list[Place]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if CONTENT in names:
            with archive.open(CONTENT) as file:
                return list(_of_open_document(file, sheet))
        if not {STYLES, BOOK, LINKS} <= names:
            return []
        styles = _percent_styles(ElementTree.fromstring(archive.read(STYLES)))
        part = _part_of(archive, sheet)
        if not styles or part not in names:
            return []
        with archive.open(part) as file:
            return list(_of_excel(file, styles))


def _percent_styles(styles: ElementTree.Element) -> set[str]:
    """Numbers of the styles of cells that show percent."""
    defined = {form.get("numFmtId", ""): form.get("formatCode", "") for form in styles.iterfind("{*}numFmts/{*}numFmt")}
    formats = PERCENT_FORMATS | {number for number, code in defined.items() if "%" in code}
    cells = styles.iterfind("{*}cellXfs/{*}xf")
    return {str(number) for number, cell in enumerate(cells) if cell.get("numFmtId") in formats}


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Name of the file of a sheet, "" if it is not there."""
    sheets = ElementTree.fromstring(archive.read(BOOK)).iterfind("{*}sheets/{*}sheet")
    ids = {entry.get("name"): value for entry in sheets for key, value in entry.items() if key.endswith("}id")}
    links = ElementTree.fromstring(archive.read(LINKS)).iterfind("{*}Relationship")
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    target = targets.get(ids.get(sheet), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _of_excel(file: IO[bytes], styles: set[str]) -> Iterator[Place]:
    for _, element in ElementTree.iterparse(file):
        if element.tag.endswith("}c") and element.get("s") in styles and element.get("t", "n") == "n":
            letters, row = re.findall(r"[A-Z]+|\d+", element.get("r", "A0"))
            yield int(row), _column(letters)
        elif element.tag.endswith("}row"):
            element.clear()


def _column(letters: str) -> int:
    """Number of a column: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _of_open_document(file: IO[bytes], sheet: str) -> Iterator[Place]:
    for _, table in ElementTree.iterparse(file):
        if not table.tag.endswith("}table"):
            continue
        if _attribute(table, "name") == sheet:
            yield from _of_table(table)
        table.clear()


def _of_table(table: ElementTree.Element) -> Iterator[Place]:
    row = 1
    for cells in table.iter():
        if not cells.tag.endswith("}table-row"):
            continue
        rows, column = int(_attribute(cells, "number-rows-repeated") or 1), 0
        for cell in cells:
            columns = int(_attribute(cell, "number-columns-repeated") or 1)
            if _attribute(cell, "value-type") == "percentage" and rows * columns <= MOST_REPEATS:
                yield from ((row + down, column + right) for down in range(rows) for right in range(columns))
            column += columns
        row += rows


def _attribute(element: ElementTree.Element, name: str) -> str:
    """Attribute whose name ends so, in whatever name space."""
    return next((value for key, value in element.items() if key.endswith(f"}}{name}")), "")
