"""Tables in Parquet, vector and NetCDF files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

CHUNK_ROWS = 100_000
"""Rows of a Parquet file in memory at a time."""
VECTOR_SUFFIXES = (".gpkg", ".geojson", ".shp", ".fgb")


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file, streamed by the rows."""

    path: Path

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        import pyarrow.parquet as pq

        return tuple(name for name in pq.read_schema(self.path).names if not name.startswith("__index"))

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The columns `names`, :data:`CHUNK_ROWS` rows at a time."""
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(self.path).iter_batches(CHUNK_ROWS, columns=list(names)):
            yield batch.to_pandas()


@dataclass(frozen=True)
class VectorFile:
    """A layer of a vector file; without ``lon`` and ``lat`` columns it gets them from its points."""

    path: Path
    layer: str | None

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._fields if self._has_coordinates else (*self._fields, "lon", "lat")

    @property
    def _fields(self) -> tuple[str, ...]:
        import pyogrio

        return tuple(str(name) for name in pyogrio.read_info(self.path, layer=self.layer)["fields"])

    @property
    def _has_coordinates(self) -> bool:
        return bool({"lon", "lat"} & set(self._fields))

    def chunks(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """All rows of the columns `names` in one piece; ValueError if points without a CRS must give coordinates."""
        import geopandas as gpd

        from_points = [] if self._has_coordinates else [name for name in ("lon", "lat") if name in names]
        fields = [name for name in names if name not in from_points]
        table = gpd.read_file(self.path, columns=fields, **({} if self.layer is None else {"layer": self.layer}))
        rows = pd.DataFrame(table.drop(columns=table.geometry.name))
        if from_points:
            if table.crs is None:
                raise ValueError("its points have no coordinate reference system; assign one, or map 'lon' and 'lat'")
            points = table.geometry.to_crs("EPSG:4326").representative_point()
            rows["lon"], rows["lat"] = points.x.to_numpy(), points.y.to_numpy()
        yield rows


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
