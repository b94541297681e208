"""Coordinates of a source: brought to degrees, checked for what they may be instead, and one place a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from hybridmap.config import Column, ObservationSource
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.places import SAME_PLACE_M, distances_m
from hybridmap.observations.tables import cells
from hybridmap.observations.tables.cells import CellRules

LON, LAT = "__lon", "__lat"
"""Columns of parsed coordinates [degrees], beside those of the table."""
TURNED = "__turned"
"""Whether the longitude was one of 0 to 360."""

FEWEST_DEGREES, FEWEST_FRACTIONS = 12, 20
"""Cells of a degree with places, and parts behind the point, by which minutes are told from decimals."""


class DegreeBounds(NamedTuple):
    """Bounds of a region [degrees of WGS84]."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def of(cls, grid: RegionGrid) -> DegreeBounds:
        """Bounds around all cells of a grid; a region across the date line gets all longitudes."""
        to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
        west, south, east, north = to_degrees.transform_bounds(*grid.bounds, densify_pts=51)
        return cls(-180.0, south, 180.0, north) if east < west else cls(west, south, east, north)

    def contain(self, lon: pd.Series, lat: pd.Series) -> pd.Series:
        """Whether each point lies within the bounds; a missing one does not."""
        return lon.between(self.west, self.east) & lat.between(self.south, self.north)


@dataclass(frozen=True)
class CoordinateReader:
    """Reads longitude and latitude of the rows of one table.

    Attributes
    ----------
    path : Path
        The table, for the errors.
    columns : mapping of str to Column
        Where ``lon`` and ``lat`` come from.
    to_degrees : pyproj.Transformer or None
        From the projection of the source; None for degrees of WGS84.
    bounds : DegreeBounds
        Of the region.
    rules : CellRules
        How the cells are written.
    """

    path: Path
    columns: Mapping[str, Column]
    to_degrees: Transformer | None
    bounds: DegreeBounds
    rules: CellRules

    @classmethod
    def of(
        cls,
        source: ObservationSource,
        path: Path,
        columns: Mapping[str, Column],
        bounds: DegreeBounds,
        rules: CellRules,
    ) -> CoordinateReader:
        """Reader for a source.

        Parameters
        ----------
        source : ObservationSource
            Its projection.
        path : Path
            Its main table.
        columns : mapping of str to Column
            Where fields come from.
        bounds : DegreeBounds
            Of the region.
        rules : CellRules
            How the cells are written.

        Returns
        -------
        CoordinateReader

        Raises
        ------
        HybridmapError
            If the projection is not known.
        """
        if source.crs is None:
            return cls(path, columns, None, bounds, rules)
        try:
            projection = CRS.from_user_input(source.crs)
            to_degrees = Transformer.from_crs(projection, "EPSG:4326", always_xy=True)
        except (CRSError, ProjError):
            raise HybridmapError(
                f"source '{source.name}': crs '{source.crs}' is no known projection with a place on the Earth."
            ) from None
        if not (projection.is_geographic or projection.is_projected):
            raise HybridmapError(f"source '{source.name}': crs '{source.crs}' has no horizontal coordinates.")
        return cls(path, columns, to_degrees, bounds, rules)

    def add_coordinates(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with :data:`LON`, :data:`LAT`, :data:`TURNED`; HybridmapError if these look wrong."""
        x, y = self._number(rows, "lon"), self._number(rows, "lat")
        lon, lat = self._degrees(x, y)
        is_turned = (lon.abs() > 180.0) & (lon.abs() <= 360.0) & (lat.abs() <= 90.0)
        lon = lon.where(~is_turned, lon - 360.0 * np.sign(lon))
        is_complete = lon.notna() & lat.notna()
        self._check_unit(x[is_complete], y[is_complete])
        self._check_minutes(lon[is_complete], lat[is_complete])
        self._check_order(lon[is_complete], lat[is_complete], *self._degrees(y[is_complete], x[is_complete]))
        return rows.assign(**{LON: lon, LAT: lat, TURNED: is_turned})

    def drop_outside(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with coordinates in the bounds; missing and impossible ones stay for quality control."""
        lon, lat = rows[LON], rows[LAT]
        is_possible = (lon.abs() <= 180) & (lat.abs() <= 90) & ~((lon == 0) & (lat == 0))
        return rows[self.bounds.contain(lon, lat) | ~is_possible]

    def _degrees(self, x: pd.Series, y: pd.Series) -> tuple[pd.Series, pd.Series]:
        """Longitude and latitude of coordinates in the projection of the source."""
        if self.to_degrees is None:
            return x, y
        values = np.asarray(self.to_degrees.transform(x.to_numpy(float), y.to_numpy(float)), dtype=float)
        lon, lat = np.where(np.isfinite(values), values, np.nan)
        return pd.Series(lon, index=x.index), pd.Series(lat, index=x.index)

    def _number(self, rows: pd.DataFrame, field: str) -> pd.Series:
        column = self.columns[field]
        origin = f"{self.path}: column '{column.column}' for '{field}'"
        quantity = "angle" if self.to_degrees is None else ""
        return cells.number(rows, column, origin, self.rules, quantity).values

    def _check_unit(self, x: pd.Series, y: pd.Series) -> None:
        """Raise HybridmapError for metres that are called degrees, or the reverse."""
        is_projected = self.to_degrees is not None and CRS(self.to_degrees.source_crs).is_projected
        is_degrees = (x.abs() <= 360) & (y.abs() <= (90 if is_projected else 360))
        is_wrong = is_degrees if is_projected else ~is_degrees
        if x.empty or is_wrong.mean() <= 0.5:
            return
        row = x.index[is_wrong][0]
        advice = (
            "expected those of 'crs'; they look like degrees: leave 'crs' out"
            if is_projected
            else "expected degrees of WGS84; name their projection with 'crs', as crs: EPSG:3035"
        )
        raise HybridmapError(f"{self.path}: row {row} has coordinates ({x[row]:g}, {y[row]:g}), {advice}.")

    def _check_minutes(self, lon: pd.Series, lat: pd.Series) -> None:
        """Raise HybridmapError for minutes behind the point: of places in many degrees none has 60 hundredths."""
        if self.to_degrees is not None or any(self.columns[axis].trust_unit for axis in ("lon", "lat")):
            return
        parts = [(axis.abs() % 1.0).round(9) for axis in (lon, lat)]
        cells = pd.MultiIndex.from_arrays([np.floor(lon), np.floor(lat)]).nunique()
        if cells < FEWEST_DEGREES or any(part.nunique() < FEWEST_FRACTIONS or part.max() >= 0.6 for part in parts):
            return
        raise HybridmapError(
            f"{self.path}: no longitude and no latitude has more than 59 behind the point, as {lon.iloc[0]:g},"
            f" {lat.iloc[0]:g} in row {lon.index[0]}: they look like degrees and minutes (DD.MMSS); convert them to"
            " decimal degrees, or set 'trust_unit: true' at 'lon' if they are."
        )

    def _check_order(self, lon: pd.Series, lat: pd.Series, other_lon: pd.Series, other_lat: pd.Series) -> None:
        """Raise HybridmapError if latitudes are impossible, or sites lie in the region only when swapped."""
        if lon.empty:
            return
        crossed = (lat.abs() > 90) & (lon.abs() <= 90)
        if crossed.mean() > 0.05:
            raise self._swapped(crossed.index[crossed][0])
        if self.bounds.contain(other_lon, other_lat).mean() > 0.5 and self.bounds.contain(lon, lat).mean() < 0.05:
            raise self._swapped(lon.index[0])

    def _swapped(self, row: int) -> HybridmapError:
        lon, lat = (column.column or column.value for column in (self.columns["lon"], self.columns["lat"]))
        return HybridmapError(
            f"{self.path}: longitude ('{lon}') and latitude ('{lat}') look swapped, first in row {row}; exchange them"
            " under 'columns'."
        )


def check_one_place_a_site(path: Path, layers: pd.DataFrame, columns: Mapping[str, Column]) -> None:
    """Raise HybridmapError for a row without a site, or a site with two coordinates: an error, not an average.

    Parameters
    ----------
    path : Path
        Of the table, for the error.
    layers : DataFrame
        ``site_id``, ``lon``, ``lat`` and ``source_row``, a row a layer.
    columns : mapping of str to Column
        Those that the fields are read from, for the advice.
    """
    empty = layers["site_id"] == ""
    if empty.any():
        row = int(layers.loc[empty, "source_row"].iloc[0])
        raise HybridmapError(
            f"{path}: row {row} has no site identifier ({int(empty.sum())} rows in all); map 'site_id' to a filled"
            " column, or join more columns with 'also'."
        )
    located = layers.dropna(subset=["lon", "lat"])
    first = located.groupby("site_id", sort=False)[["lon", "lat", "source_row"]].transform("first")
    lon, lat = located["lon"].to_numpy(float), located["lat"].to_numpy(float)
    distance = distances_m(lon, lat, first["lon"].to_numpy(float), first["lat"].to_numpy(float))
    is_far = (distance > SAME_PLACE_M) & (np.abs(lat) <= 90.0)
    if is_far.any():
        row, other_row = located[is_far].iloc[0], first[is_far].iloc[0]
        names = [columns[axis].column or axis if axis in columns else axis for axis in ("lat", "lon")]
        raise HybridmapError(
            f"{path}: site '{row['site_id']}' has two coordinates, ({_degrees(other_row)}) in row"
            f" {int(other_row['source_row'])} and ({_degrees(row)}) in row {row['source_row']}; correct"
            f" the table, or make the identifier unique with 'also: [{', '.join(names)}]'."
        )


def _degrees(row: pd.Series) -> str:
    return f"{round(float(row['lon']), 6)}, {round(float(row['lat']), 6)}"
