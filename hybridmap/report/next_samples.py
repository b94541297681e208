"""Places to sample next: a ranking of cells with its reasons, as a table, a layer for QGIS and a picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.evaluate.sampling_design import Points, RankedPlaces, fit_likeness, rank_places
from hybridmap.evaluate.spatial_covariance import places_of
from hybridmap.files.disk import room_for
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import replace_durably, write_csv
from hybridmap.grid.depth_axis import maps_of
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import file_shape, read_map
from hybridmap.grid.tiles import tiles_of
from hybridmap.grid.verified_store import open_verified
from hybridmap.plot.maps import MapFrame, places_figure
from hybridmap.quantities import Quantity

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]
CELLS = 2000
"""Cells that stand for the map, and could be sampled."""
FEWEST_SITES = 20
NEAR_KM = 50.0
SPACING_CELLS = 3.0
"""Cells within which a place is pushed back by those before it."""
OFFSET_SHARE = 0.02


class SampleFiles(NamedTuple):
    """What the ranking reads: samples, cube, maps, and the file of the area of applicability."""

    samples: Path
    cube: Path
    maps: Path
    applicability: Path


def next_samples(
    files: SampleFiles, quantity: Quantity, count: int, boundaries: Path | None, out: Path, year: Any = None
) -> None:
    """Rank places to sample next.

    Parameters
    ----------
    files : SampleFiles
        Of a region and an experiment with maps.
    quantity : Quantity
        Whose map shall become more certain.
    count : int
        Places to choose.
    boundaries : Path or None
        Polygons whose outlines are drawn.
    out : Path
        Folder that gets ``next_samples.csv``, ``next_samples.gpkg`` and ``next_samples.png``.
    year : optional
        Year of the layers that have years, as ``predict.year``.

    Raises
    ------
    HybridmapError
        If there are too few samples or cells, or no maps with an area of applicability.
    """
    for path in (files.maps, files.applicability):
        if not path.exists():
            raise HybridmapError(
                f"{path}: no such file; next-samples needs the maps of the experiment with predict.applicability, so"
                " run the workflow first."
            )
    samples, cube = read_parquet(files.samples), open_cube(files.cube, year)
    applicability = Applicability.load(files.applicability)
    cells = _cells(cube, files.maps, quantity, applicability)
    if count > len(cells):
        raise HybridmapError(f"--count {count}: the map has {len(cells)} cells to choose from; ask for fewer.")
    sites = _sites(samples, quantity, applicability)
    values = _scaled(sites[quantity.column].to_numpy(float), quantity)
    points = _points(sites, applicability), _points(cells, applicability)
    weights = (cells["area_km2"] * cells["width"] ** 2).to_numpy(float)
    spacing_km = SPACING_CELLS * cube.grid.resolution * cube.grid.metres_per_unit() / 1000.0
    ranked = rank_places(
        points[0], points[1], points[1], weights / weights.sum(), fit_likeness(points[0], values), count, spacing_km
    )
    table = _table(cells, sites, ranked)
    _write(table, cells, MapFrame.read(cube.grid, boundaries), out)
    LOG.info(
        "%d places would take %.0f %% from the expected squared error of %s; the first: %s",
        len(table), table["gain_percent"].sum(), quantity.label, table["reason"].iloc[0],
    )  # fmt: skip


def _cells(cube: Cube, maps: Path, quantity: Quantity, applicability: Applicability) -> pd.DataFrame:
    """A seeded sample of the cells that are mapped: covariates, place, area, expected width, dissimilarity."""
    grid, root = cube.grid, open_verified(maps)
    rows, columns = np.nonzero(cube.valid_mask())
    if not len(rows):
        raise HybridmapError(f"{cube.path}: no cell has all covariates, so there is no place to choose.")
    picks = np.sort(np.random.default_rng(0).permutation(len(rows))[:CELLS])
    rows, columns = rows[picks], columns[picks]
    widths = _width_maps(root, quantity.name)
    bands = [cube.covariate_names.index(str(name)) for name in applicability.names]
    parts = []
    for tile in tiles_of(grid, file_shape(maps_of(root, "dissimilarity")[0])[0]):
        inside = (rows >= tile.row0) & (rows < tile.row1) & (columns >= tile.col0) & (columns < tile.col1)
        if not inside.any():
            continue
        window = np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1]
        at = rows[inside] - tile.row0, columns[inside] - tile.col0
        covariates = cube.read_layers(tile)[0][bands][:, *at]
        fields = {f"covariate.{n}": values for n, values in zip(applicability.names, covariates, strict=True)}
        width = (
            np.mean([read_map(up, window) - read_map(low, window) for low, up in widths], axis=0) if widths else None
        )
        parts.append(
            pd.DataFrame(
                {
                    **fields,
                    "row": rows[inside], "column": columns[inside],
                    "area_km2": np.asarray(grid.cell_areas(tile))[at] / 1e6,
                    "width": 1.0 if width is None else width[at],
                    "dissimilarity": read_map(maps_of(root, "dissimilarity")[0], window)[at],
                }
            )
        )  # fmt: skip
    cells = pd.concat(parts, ignore_index=True).dropna(ignore_index=True)
    cells["area_km2"] *= float(cube.valid_mask().sum()) / max(len(cells), 1)
    return _with_places(cells, grid)


def _width_maps(root: Any, name: str) -> list[tuple[Any, Any]]:
    """Maps of the ends of the interval, of each depth; none says that all places count as equally uncertain."""
    pairs = list(zip(maps_of(root, f"{name}_lower"), maps_of(root, f"{name}_upper"), strict=True))
    if not pairs:
        LOG.warning("no map of the interval of %s, so every cell counts as equally uncertain", name)
    if not maps_of(root, "dissimilarity"):
        raise HybridmapError("next-samples needs the map 'dissimilarity'; add it to predict.maps.")
    return pairs


def _with_places(cells: pd.DataFrame, grid: RegionGrid) -> pd.DataFrame:
    x, y = grid.x[cells["column"]], grid.y[cells["row"]]
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return cells.assign(x=x, y=y, lon=lon, lat=lat)


def _sites(samples: pd.DataFrame, quantity: Quantity, applicability: Applicability) -> pd.DataFrame:
    """Samples with the quantity, a place and all covariates."""
    columns = [f"covariate.{name}" for name in applicability.names]
    sites = samples.dropna(subset=[quantity.column, "lon", "lat", *columns], ignore_index=True)
    if len(sites) < FEWEST_SITES:
        raise HybridmapError(
            f"{len(sites)} samples have {quantity.label}, a place and all covariates; {FEWEST_SITES} are needed to say"
            " how much a further one tells."
        )
    return sites


def _points(table: pd.DataFrame, applicability: Applicability) -> Points:
    """Weighted covariates in mean distances of the samples, and the ground."""
    covariates = table[[f"covariate.{name}" for name in applicability.names]].to_numpy("float32", copy=True)
    features = applicability.features(torch.from_numpy(covariates)).numpy().astype(float)
    scale = applicability.mean_distance or 1.0
    return Points(features / scale, places_of(table["lon"], table["lat"]))


def _scaled(values: Array, quantity: Quantity) -> Array:
    """On logarithms, on which errors of carbon are alike; signed quantities as they are."""
    if quantity.is_signed:
        return values
    return np.log(np.maximum(values, 0.0) + max(OFFSET_SHARE * float(values.mean()), 1e-9))


def _table(cells: pd.DataFrame, sites: pd.DataFrame, ranked: RankedPlaces) -> pd.DataFrame:
    """The places in order, with what speaks for each."""
    table = cells.iloc[ranked.place][["lon", "lat", "x", "y", "dissimilarity", "width"]].reset_index(drop=True)
    tree = cKDTree(places_of(sites["lon"], sites["lat"]))
    near = tree.query_ball_point(places_of(table["lon"], table["lat"]), NEAR_KM, return_length=True)
    stands_for = np.bincount(ranked.served[ranked.served >= 0], cells["area_km2"][ranked.served >= 0], len(table))
    table = table.rename(columns={"width": "expected_width"}).assign(
        gain_percent=100.0 * ranked.gain, sites_within_50km=near, represents_km2=stands_for
    )
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    table["reason"] = [
        f"takes {row.gain_percent:.2g} % from the expected squared error; {row.sites_within_50km} samples within"
        f" {NEAR_KM:g} km, dissimilarity {row.dissimilarity:.2g}, interval {row.expected_width:.3g} wide, stands for"
        f" {row.represents_km2:.3g} km2"
        for row in table.itertuples()
    ]
    return table


def _write(table: pd.DataFrame, cells: pd.DataFrame, frame: MapFrame, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_csv(table, out / "next_samples.csv")
    layer = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["x"], table["y"]), crs=frame.grid.crs)
    partial = out / "next_samples.partial.gpkg"
    with room_for(partial):
        partial.unlink(missing_ok=True)
        layer.to_file(partial, layer="next_samples")
        replace_durably(partial, out / "next_samples.gpkg")
    places_figure(cells, table, frame, out / "next_samples.png")


def check_count(count: int) -> int:
    """Number of places asked for; HybridmapError if there are none."""
    if count < 1:
        raise HybridmapError(f"--count {count}: expected 1 or more places.")
    return count
