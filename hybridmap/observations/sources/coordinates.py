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
            to_degrees = Transformer.from_crs(CRS.from_user_input(source.crs), "EPSG:4326", always_xy=True)
        except (CRSError, ProjError):
            raise HybridmapError(
                f"source '{source.name}': crs '{source.crs}' is no known projection with a place on the Earth."
            ) from None
        return cls(path, columns, to_degrees, bounds, rules)

    def add_coordinates(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with :data:`LON`, :data:`LAT`, :data:`TURNED`; HybridmapError if these look wrong."""
        lon, lat = self._number(rows, "lon"), self._number(rows, "lat")
        if self.to_degrees is not None:
            x, y = self.to_degrees.transform(lon.to_numpy(float), lat.to_numpy(float))
            lon, lat = (pd.Series(np.where(np.isfinite(v), v, np.nan), index=rows.index) for v in (x, y))
        is_turned = (lon > 180.0) & (lon <= 360.0) & (lat.abs() <= 90.0)
        lon = lon.where(~is_turned, lon - 360.0)
        is_complete = lon.notna() & lat.notna()
        self._check_degrees(lon[is_complete], lat[is_complete])
        self._check_order(lon[is_complete], lat[is_complete])
        return rows.assign(**{LON: lon, LAT: lat, TURNED: is_turned})

    def drop_outside(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with coordinates in the bounds; missing and impossible ones stay for quality control."""
        lon, lat = rows[LON], rows[LAT]
        is_possible = (lon.abs() <= 180) & (lat.abs() <= 90) & ~((lon == 0) & (lat == 0))
        return rows[self.bounds.contain(lon, lat) | ~is_possible]

    def _number(self, rows: pd.DataFrame, field: str) -> pd.Series:
        column = self.columns[field]
        origin = f"{self.path}: column '{column.column}' for '{field}'"
        quantity = "angle" if self.to_degrees is None else ""
        return cells.number(rows, column, origin, self.rules, quantity).values

    def _check_degrees(self, lon: pd.Series, lat: pd.Series) -> None:
        beyond = (lon.abs() > 360) | (lat.abs() > 360)
        if len(lon) and beyond.mean() > 0.5:
            row = lon.index[beyond][0]
            raise HybridmapError(
                f"{self.path}: row {row} has coordinates ({lon[row]:g}, {lat[row]:g}), expected degrees of WGS84; name"
                " their projection with 'crs', as crs: EPSG:3035."
            )

    def _check_order(self, lon: pd.Series, lat: pd.Series) -> None:
        """Raise HybridmapError if latitudes are impossible, or sites lie in the region only when swapped."""
        if lon.empty:
            return
        crossed = (lat.abs() > 90) & (lon.abs() <= 90)
        if crossed.mean() > 0.05:
            raise self._swapped(crossed.index[crossed][0])
        if self.bounds.contain(lat, lon).mean() > 0.5 and self.bounds.contain(lon, lat).mean() < 0.05:
            raise self._swapped(lon.index[0])

    def _swapped(self, row: int) -> HybridmapError:
        lon, lat = self.columns["lon"].column, self.columns["lat"].column
        return HybridmapError(
            f"{self.path}: longitude ('{lon}') and latitude ('{lat}') look swapped, first in row {row}; exchange them"
            " under 'columns'."
        )


def check_one_place_a_site(path: Path, layers: pd.DataFrame) -> None:
    """Raise HybridmapError for a row without a site, or a site with two coordinates: an error, not an average."""
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
        raise HybridmapError(
            f"{path}: site '{row['site_id']}' has two coordinates, ({_degrees(other_row)}) in row"
            f" {int(other_row['source_row'])} and ({_degrees(row)}) in row {row['source_row']}; correct"
            " the table, or make the identifier unique with 'also: [lat, lon]'."
        )


def _degrees(row: pd.Series) -> str:
    return f"{round(float(row['lon']), 6)}, {round(float(row['lat']), 6)}"
