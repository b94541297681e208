"""Tables as files: text in every packing, Parquet, GeoPackage, workbooks."""

from __future__ import annotations

import bz2
import gzip
import io
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import geopandas as gpd
import pandas as pd
import pyogrio

Rows = list[list[Any]]
Content = str | bytes | pd.DataFrame | Mapping[str, Any]
"""Text, bytes, a table, or tables by the name of their layer, sheet or member."""
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OFFICE = "http://schemas.openxmlformats.org"


def table(header: str, *rows: str, delimiter: str = ",", decimal: str = ".", tail: str = "") -> str:
    """Text of a table of sites A, B, ... a tenth of a degree apart, 0 to 20 cm, with further columns."""
    names = ["id", "lon", "lat", "top", "bot", header]
    lines = [delimiter.join(names)]
    for number, row in enumerate(rows):
        place = f"{10 + number / 10:.1f}".replace(".", decimal)
        lines.append(delimiter.join([site(number), place, "50", "0", "20", row]))
    return "\n".join(lines) + "\n" + tail


def site(number: int) -> str:
    """Name of a site: A to Z, then A1 and so on."""
    return NAMES[number % 26] + (str(number // 26) if number >= 26 else "")


def frame(**columns: Any) -> pd.DataFrame:
    """As :func:`table`, typed."""
    size = len(next(iter(columns.values())))
    places = {"id": [site(k) for k in range(size)], "lon": [round(10 + k / 10, 4) for k in range(size)]}
    return pd.DataFrame({**places, "lat": 50.0, "top": 0, "bot": 20, **columns})


def points(rows: pd.DataFrame, crs: str = "EPSG:4326") -> gpd.GeoDataFrame:
    """The rows as points in place of their columns ``lon`` and ``lat``."""
    geometry = gpd.points_from_xy(rows["lon"], rows["lat"], crs="EPSG:4326")
    return gpd.GeoDataFrame(rows.drop(columns=["lon", "lat"]), geometry=geometry).to_crs(crs)


def write(path: Path, content: Content) -> None:
    """Write a table in the way that the name of its file says, in capitals or not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, bytes):
        packed = {".gz": gzip.compress, ".bz2": bz2.compress, ".zip": _zipped}
        path.write_bytes(packed[suffix](content) if suffix in packed else content)
    elif suffix == ".zip":
        _write_zip(path, content)
    elif suffix in (".xlsx", ".ods"):
        _write_workbook(path, content)
    elif suffix == ".gpkg":
        _write_geopackage(path, content)
    else:
        assert isinstance(content, pd.DataFrame)
        content.to_parquet(path)


def _zipped(text: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("t.csv", text)
    return archive.getvalue()


def _write_zip(path: Path, members: Any) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)


def _write_geopackage(path: Path, content: Any) -> None:
    layers = {"t": content} if isinstance(content, pd.DataFrame) else content
    lower = path.with_suffix(".gpkg")
    with warnings.catch_warnings():  # points without a projection are one of the cases
        warnings.simplefilter("ignore", UserWarning)
        for name, rows in layers.items():
            pyogrio.write_dataframe(rows, lower, layer=name, append=lower.exists())
    lower.rename(path)


def _write_workbook(path: Path, content: Any) -> None:
    sheets = {"Sheet1": content} if isinstance(content, pd.DataFrame | list) else content
    if path.suffix.lower() == ".ods":
        for name, rows in sheets.items():
            pyogrio.write_dataframe(rows, path, layer=name, append=path.exists())
        return
    path.write_bytes(workbook({name: _rows(rows) for name, rows in sheets.items()}))


def _rows(rows: pd.DataFrame | Rows) -> Rows:
    if isinstance(rows, list):
        return rows
    return [list(rows.columns), *([None if pd.isna(v) else v for v in row] for row in rows.to_numpy(object))]


class Percent(float):
    """A number that a workbook shows in percent: 0.02 as 2 %."""


STYLE_SHEET = (
    f'<styleSheet xmlns="{OFFICE}/spreadsheetml/2006/main"><fonts count="1"><font/></fonts><fills count="1"><fill/>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf numFmtId="0"/></cellStyleXfs><cellXfs'
    ' count="2"><xf numFmtId="0"/><xf numFmtId="10"/></cellXfs></styleSheet>'
)


def workbook(sheets: Mapping[str, Rows]) -> bytes:
    """An Excel workbook with the cells of `sheets`, as spreadsheet programs write it."""
    sheet_type, number = f"{OFFICE}/spreadsheetml/2006/main", range(1, len(sheets) + 1)
    links = f"{OFFICE}/officeDocument/2006/relationships"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{k}.xml" ContentType="{kinds}.worksheet+xml"/>' for k in number
    )
    names = "".join(
        f'<sheet name="{escape(n)}" sheetId="{k}" r:id="rId{k}"/>' for k, n in zip(number, sheets, strict=True)
    )
    targets = "".join(
        f'<Relationship Id="rId{k}" Type="{links}/worksheet" Target="worksheets/sheet{k}.xml"/>' for k in number
    )
    package = f"{OFFICE}/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType='
        f'"application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>{overrides}'
        f'<Override PartName="/xl/styles.xml" ContentType="{kinds}.styles+xml"/></Types>',
        "xl/styles.xml": STYLE_SHEET,
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type='
        f'"{links}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{sheet_type}" xmlns:r="{links}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{targets}<Relationship Id="rIdS"'
        f' Type="{links}/styles" Target="styles.xml"/></Relationships>',
    }
    for k, rows in zip(number, sheets.values(), strict=True):
        body = "".join(_sheet_row(r, cells) for r, cells in enumerate(rows, start=1))
        parts[f"xl/worksheets/sheet{k}.xml"] = (
            f'<worksheet xmlns="{sheet_type}"><sheetData>{body}</sheetData></worksheet>'
        )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return archive.getvalue()


def open_document(number: str, percent: float) -> bytes:
    """A workbook in the open format: site A has `number` of organic carbon, site B a share that is shown in percent."""
    spaces = "".join(
        f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"' for short in ("office", "table", "text")
    )
    texts = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    value = '<table:table-cell office:value-type="{}" office:value="{}"/>'
    rows = [
        "".join(texts.format(name) for name in ("id", "lon", "lat", "top", "bot", "oc")),
        *(
            texts.format(name) + "".join(value.format("float", n) for n in (10, 50, 0, 20)) + value.format(kind, cell)
            for name, kind, cell in (("A", "float", number), ("B", "percentage", percent))
        ),
    ]
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr(
            "content.xml",
            f"<office:document-content{spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="S">{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return archive.getvalue()


def _sheet_row(number: int, cells: list[Any]) -> str:
    body = ""
    for column, cell in zip(NAMES, cells, strict=False):
        reference = f'r="{column}{number}"'
        if isinstance(cell, str):
            body += f'<c {reference} t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        elif isinstance(cell, Percent):
            body += f'<c {reference} s="1"><v>{float(cell)}</v></c>'
        elif cell is not None:
            body += f"<c {reference}><v>{cell}</v></c>"
    return f'<row r="{number}">{body}</row>'
