"""Tables in Parquet, vector and NetCDF files, and in workbooks."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from hybridmap.observations.tables.packed_file import choose
from hybridmap.observations.tables.percent_cells import percent_cells
from hybridmap.observations.tables.text_header import HeaderOptions, column_names

CHUNK_ROWS = 100_000
"""Rows of a Parquet file in memory at a time."""
STYLES = ("layer_styles", "qgis_projects")
"""Tables of a GeoPackage that QGIS keeps for itself."""
WHOLE_SHEETS = {
    f"OGR_{kind}_{key}": value
    for kind in ("XLSX", "ODS")
    for key, value in (("HEADERS", "DISABLE"), ("FIELD_TYPES", "STRING"))
}
"""Settings of GDAL: every row of a sheet is a row, every cell a text."""
LON, LAT = "lon", "lat"
NO_CRS = "its points have no coordinate reference system (CRS); assign one, or map 'lon' and 'lat'"
PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet or GeoParquet file, streamed by the rows; without ``lon`` and ``lat`` it gets them from its points."""

    path: Path

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        names = self._names
        return names if {LON, LAT} & set(names) or self._geometry is None else (*names, LON, LAT)

    @property
    def _names(self) -> tuple[str, ...]:
        import pyarrow.parquet as pq

        return tuple(name for name in pq.read_schema(self.path).names if not name.startswith("__index"))

    @property
    def _geometry(self) -> tuple[str, Any] | None:
        """Name and projection of the points; None if there are none."""
        import pyarrow.parquet as pq

        metadata = (pq.read_schema(self.path).metadata or {}).get(b"geo")
        if metadata is None:
            return None
        about = json.loads(metadata)
        column = about["primary_column"]
        return column, about["columns"][column].get("crs", "OGC:CRS84")

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The columns `names`, :data:`CHUNK_ROWS` rows at a time; ValueError if points have no projection."""
        import pyarrow.parquet as pq

        stored_names = set(self._names)
        stored, geometry = [name for name in names if name in stored_names], None
        if len(stored) < len(names):
            geometry = self._geometry
            assert geometry is not None
            stored.append(geometry[0])
        for batch in pq.ParquetFile(self.path).iter_batches(CHUNK_ROWS, columns=stored):
            rows = batch.to_pandas(ignore_metadata=True)  # an index of pandas is a column like others
            yield rows if geometry is None else _with_coordinates(rows, *geometry)[list(names)]


@dataclass(frozen=True)
class VectorFile:
    """A layer of a vector file; without ``lon`` and ``lat`` columns it gets them from its points, if it has any."""

    path: Path
    layer: str

    @classmethod
    def open(cls, path: Path, layer: str | None) -> VectorFile:
        """The layer called `layer`, or the only one."""
        return cls(path, choose(path, "layers", _layers(path), layer))

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        fields, has_points = self._info
        return (*fields, LON, LAT) if has_points and not {LON, LAT} & set(fields) else fields

    @property
    def _info(self) -> tuple[tuple[str, ...], bool]:
        """Names of the fields, and whether there is a geometry."""
        import pyogrio

        info = pyogrio.read_info(self.path, layer=self.layer)
        return tuple(str(name) for name in info["fields"]), info["geometry_type"] is not None

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """All rows of the columns `names` in one piece; ValueError if points without a CRS must give coordinates."""
        import pyogrio

        fields = [name for name in names if name in self._info[0]]
        from_points = len(fields) < len(names)
        table = pyogrio.read_dataframe(self.path, layer=self.layer, columns=fields, read_geometry=from_points)
        yield _with_coordinates(table, table.geometry.name, table.crs)[list(names)] if from_points else table


@dataclass(frozen=True)
class WorkbookFile:
    """A sheet of an Excel or OpenDocument workbook."""

    path: Path
    sheet: str
    options: HeaderOptions

    @classmethod
    def open(cls, path: Path, sheet: str | None, options: HeaderOptions) -> WorkbookFile:
        """Open the sheet called `sheet`, or the only one that is not empty.

        Parameters
        ----------
        path : Path
            The workbook.
        sheet : str or None
            Name of the sheet.
        options : HeaderOptions
            Which rows hold the names of the columns.

        Returns
        -------
        WorkbookFile
            Of that sheet.
        """
        return cls(path, choose(path, "sheets", _layers(path), sheet), options)

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns; ValueError if the row that should hold them is not there."""
        cells = self._cells()
        rows = [list(cells.loc[[row]].iloc[0]) for row in self.options.rows if row in cells.index]
        if len(rows) < len(self.options.rows) or not any(cell != "" for row in rows for cell in row):
            raise ValueError(
                f"row {max(self.options.rows)} of sheet '{self.sheet}' is empty; set 'header_row' to that of the names"
            )
        return column_names(rows)

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """All rows of the columns `names` in one piece, indexed by the row of the sheet."""
        cells = self._cells().set_axis(list(self.header), axis=1)
        rows = cells[cells.index > max(self.options.rows) + self.options.skip_rows][list(names)]
        yield rows.apply(_typed)

    def _cells(self) -> pd.DataFrame:
        """Texts of all cells, indexed by the row of the sheet."""
        import pyogrio

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            # Not as options of the file: GDAL keeps to them in the first sheet alone.
            pyogrio.set_gdal_config_options(WHOLE_SHEETS)
            cells = pyogrio.read_dataframe(self.path, layer=self.sheet, fid_as_index=True)
        texts: pd.DataFrame = cells.fillna("").astype(str)
        for column, rows in percent_cells(self.path, self.sheet).items():
            if column < texts.shape[1]:
                name = texts.columns[column]
                texts[name] = texts[name].mask(texts.index.isin(rows), texts[name].map(_in_percent))
        return texts


def _in_percent(word: str) -> str:
    """A number as a workbook shows it: 0.02 as 2%."""
    return f"{float(word) * 100:.12g}%" if PLAIN_NUMBER.fullmatch(word) else word


def _typed(cells: pd.Series) -> pd.Series:
    """Numbers, where all cells are numbers as a spreadsheet stores them; else the texts."""
    words = cells[cells.str.strip() != ""]
    is_number = len(words) > 0 and bool(words.str.fullmatch(PLAIN_NUMBER).all())
    return pd.to_numeric(cells.str.strip().mask(cells.str.strip() == "")).astype(float) if is_number else cells


def _layers(path: Path) -> list[str]:
    import pyogrio

    return [str(name) for name, _ in pyogrio.list_layers(path) if name not in STYLES]


def _with_coordinates(rows: pd.DataFrame, geometry: str, crs: Any) -> pd.DataFrame:
    """Columns ``lon`` and ``lat`` [degrees] in place of the geometry."""
    if crs is None:
        raise ValueError(NO_CRS)
    shapes = rows[geometry]
    if not isinstance(rows, gpd.GeoDataFrame):
        shapes = _shapes(shapes, crs)
    points = shapes.to_crs("EPSG:4326").representative_point()
    return pd.DataFrame(rows.drop(columns=geometry)).assign(lon=points.x.to_numpy(), lat=points.y.to_numpy())


def _shapes(cells: pd.Series, crs: Any) -> gpd.GeoSeries:
    """Shapes of the cells of a GeoParquet file: well-known binary, or x and y."""
    if len(cells) and isinstance(cells.iloc[0], dict):
        points = pd.DataFrame(list(cells))
        return gpd.GeoSeries(gpd.points_from_xy(points["x"], points["y"]), index=cells.index, crs=crs)
    return gpd.GeoSeries.from_wkb(cells, crs=crs)


@dataclass(frozen=True)
class MatrixFile:
    """A NetCDF variable whose one dimension is the columns, as older programs write tables."""

    path: Path
    variable: str | None
    columns: tuple[str, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns; ValueError if there is no such variable, or it has another number of columns."""
        return tuple(self._table().columns)

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """All rows of the columns `names` in one piece."""
        yield self._table()[list(names)]

    def _table(self) -> pd.DataFrame:
        import netCDF4

        columns = list(self.columns)
        with netCDF4.Dataset(self.path) as file:
            if self.variable not in file.variables:
                raise ValueError(f"it has no variable '{self.variable}', but {sorted(file.variables)}")
            values = file.variables[self.variable][:].filled(float("nan"))
        if values.ndim != 2 or len(columns) not in values.shape:
            raise ValueError(
                f"variable '{self.variable}' has shape {values.shape}; expected {len(columns)} columns {columns}"
            )
        return pd.DataFrame(values.T if values.shape[0] == len(columns) else values, columns=columns)
