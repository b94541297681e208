"""What a file is by its first bytes, and its text out of gzip, bzip2 and zip."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hybridmap.errors import HybridmapError, nearest

START_BYTES = 512
"""How much of a file says what it is."""
KINDS = {
    b"PAR1": "parquet",
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
}
"""First bytes → kind of a file, where its name does not say it."""
SUFFIXES = {
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".pq": "parquet",
    ".gpkg": "vector",
    ".geojson": "vector",
    ".shp": "vector",
    ".fgb": "vector",
    ".nc": "netcdf",
    ".nc4": "netcdf",
    ".ods": "workbook",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".gz": "gz",
    ".bz2": "bz2",
    ".xz": "xz",
    ".zip": "zip",
}
"""End of a name in small letters → kind of a file."""
NOT_A_TABLE = {
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV, or as xlsx without a password",
    b"%PDF": "is a PDF; get the table itself",
    b"version https://git-lfs": "is a pointer to a file that was not downloaded; fetch it with git lfs pull",
    b"SQLite format 3": "is a database; if it is a GeoPackage, let its name end in .gpkg, else export the table",
    **dict.fromkeys(
        (b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!", b"\x1f\x9d"),
        "is packed in a way that is not read here; unpack it, or pack it as gz, bz2, xz or zip",
    ),
    **dict.fromkeys(
        (b"RDX", b"X\n\x00", b"ARROW1", b"FEA1", b"ORC", b"\x89HDF", b"$FL2", b"<stata"),
        "is a file of another program (R, Arrow, HDF5, SPSS, Stata); save the table as CSV or Parquet",
    ),
}
"""First bytes of a file → what it is instead of a table."""
WEB_PAGE = (b"<!doctype", b"<html", b"<?xml")
ZEROS = 0.3
"""As large a share of zero bytes has text of Latin letters in UTF-16, all of them first or all of them second."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
TEXT_MEMBERS = (".csv", ".tsv", ".tab", ".txt", ".dat", ".asc")
"""Ends of the names of a zip archive's tables."""


def kind_of(path: Path) -> str:
    """Kind of a file: "text", "gz", "bz2", "xz", "zip", "parquet", "vector", "netcdf" or "workbook"."""
    named = SUFFIXES.get(path.suffix.lower())
    if named is not None:
        return named
    with open(path, "rb") as file:
        start = file.read(START_BYTES)
    kind = next((kind for magic, kind in KINDS.items() if start.startswith(magic)), "text")
    return "workbook" if kind == "zip" and _is_workbook(path) else kind


def _is_workbook(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        raise HybridmapError(
            f"{path}: is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV: it cannot be opened."
        )
    with zipfile.ZipFile(path) as archive:
        return bool({"[Content_Types].xml", "content.xml"} & set(archive.namelist()))


@dataclass(frozen=True)
class PackedText:
    """A text file, packed or not.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        "text", "gz", "bz2", "xz" or "zip".
    encoding : str
        Of its text.
    member : str or None
        Which file of a zip archive.
    """

    path: Path
    kind: str
    encoding: str
    member: str | None = None

    @classmethod
    def of(cls, path: Path, kind: str, encoding: str, member: str | None) -> PackedText:
        """Find the member of an archive.

        Parameters
        ----------
        path : Path
            The packed file.
        kind : {"zip", "gz", "bz2", "xz"}
            How it is packed.
        encoding : str
            Of the text.
        member : str or None
            Name of the file in a zip archive.

        Returns
        -------
        PackedText
            Of that member.

        Raises
        ------
        HybridmapError
            If there are several members, or the text is no table.
        """
        if kind == "zip":
            member = _member(path, member)
        packed = cls(path, kind, encoding, member)
        packed.check_kind()
        return packed

    def open(self) -> IO[bytes]:
        """The unpacked bytes."""
        if self.kind == "zip":
            return zipfile.ZipFile(self.path).open(str(self.member))
        openers: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
        opened: IO[bytes] = openers.get(self.kind, open)(self.path, "rb")
        return opened

    def check_kind(self) -> None:
        """Raise HybridmapError if the first bytes are those of another kind of file."""
        with self.open() as file:
            start = file.read(START_BYTES)
        for magic, description in NOT_A_TABLE.items():
            if start.startswith(magic):
                raise HybridmapError(f"{self.path}: {description}.")
        self._check_encoding(start)
        if start.lstrip().lower().startswith(WEB_PAGE):
            raise HybridmapError(
                f"{self.path}: is a web page, not a table; the download needs a login or has moved: fetch it again by"
                " hand."
            )
        if any(start.startswith(magic) for magic in KINDS):
            raise HybridmapError(f"{self.path}: holds another packed file or workbook; unpack it.")

    def _check_encoding(self, start: bytes) -> None:
        encoding = self.encoding.lower().replace("_", "-")
        if start.startswith(UTF_16) and not encoding.startswith(("utf-16", "utf-32")):
            raise HybridmapError(f"{self.path}: is UTF-16 text; set 'encoding: utf-16', or save it as UTF-8.")
        first, second = start[::2].count(0), start[1::2].count(0)
        is_wide = max(first, second) > ZEROS * len(start) > 8 * min(first, second)
        if is_wide and not encoding.startswith(("utf-16", "utf-32")):
            order = "be" if first > second else "le"
            raise HybridmapError(
                f"{self.path}: looks like UTF-16 text without a mark; set 'encoding: utf-16-{order}', or save as UTF-8."
            )
        if start.startswith(codecs.BOM_UTF8) and not encoding.startswith("utf"):
            raise HybridmapError(f"{self.path}: begins with the mark of UTF-8; leave 'encoding' out.")


def _member(path: Path, name: str | None) -> str:
    """The member called `name`, or the only table of an archive."""
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    names = [n for n in names if not n.startswith("__MACOSX/") and not Path(n).name.startswith(".")]
    tables = [n for n in names if n.lower().endswith(TEXT_MEMBERS)] or names
    return choose(path, "files", names if name is not None else tables, name)


def choose(path: Path, kind: str, names: Sequence[str], name: str | None) -> str:
    """The layer, sheet or member called `name`, or the only one.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What they are, in words.
    names : sequence of str
        All of them.
    name : str or None
        As the region file says it.

    Returns
    -------
    str

    Raises
    ------
    HybridmapError
        If there is none of that name, or several and no name.
    """
    listed = ", ".join(names[:20])
    if name is not None:
        if name not in names:
            raise HybridmapError(f"{path}: 'layer': no '{name}'{nearest(name, names)}; the file has {listed}.")
        return name
    if not names:
        raise HybridmapError(f"{path}: holds no {kind}.")
    if len(names) > 1:
        raise HybridmapError(f"{path}: has the {kind} {listed}; name one with 'layer'.")
    return names[0]
