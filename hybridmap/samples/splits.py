"""Sites split into folds by every scheme of a region."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hybridmap.config import Split
from hybridmap.covariates.cube import open_cube
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_parquet
from hybridmap.grid.mask import read_named_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.samples.distances import map_points
from hybridmap.samples.fold_assignment import TARGET_COLUMNS
from hybridmap.samples.schemes import SCHEMES, Geography


def split(
    schemes: Sequence[Split],
    grid: RegionGrid,
    samples: Path,
    out: Path,
    data_root: str = ".",
    cube: Path | None = None,
    columns: Sequence[str] = TARGET_COLUMNS,
) -> None:
    """Write ``splits.parquet``: site_id, group_id, scheme, fold, block (of spatial schemes), buffer, nested.

    Parameters
    ----------
    schemes : sequence of Split
        Schemes of the region.
    grid : RegionGrid
        Its grid.
    samples, out : Path
        ``samples.parquet`` and what to write.
    data_root : str
        Folder that the paths of polygons start from.
    cube : Path, optional
        The cube; only a scheme of kind distance needs it.
    columns : sequence of str
        Columns of the samples of which every fold shall hold as much.

    Raises
    ------
    HybridmapError
        If there is no scheme, or as :func:`assign_folds`.
    """
    table = read_parquet(samples)
    if not schemes:
        raise HybridmapError("the region has no splits; add at least one scheme under 'splits'.")
    uses_cells = cube is not None and any(scheme.kind == "distance" for scheme in schemes)
    cells = map_points(open_cube(cube)) if cube is not None and uses_cells else None
    assigned = []
    for scheme in schemes:
        regions = _polygon_names(under(data_root, scheme.polygons), scheme, table, grid) if scheme.polygons else None
        assigned.append(assign_folds(table, scheme, Geography(grid.metres_per_unit(), cells, regions, tuple(columns))))
    write_parquet(pd.concat(assigned, ignore_index=True), out)


def assign_folds(samples: pd.DataFrame, scheme: Split, geography: Geography) -> pd.DataFrame:
    """Assign the sites to the folds of one scheme.

    Parameters
    ----------
    samples : DataFrame
        ``site_id``, ``group_id``, ``x``, ``y`` [units of the grid's CRS], the target columns; for degree blocks ``lon``
        and ``lat``.
    scheme : Split
        Kind, folds, block size and seed.
    geography : Geography
        Size of a unit of ``x`` and ``y``, cells of the map, regions of the sites.

    Returns
    -------
    DataFrame
        ``site_id``, ``group_id``, ``scheme``, ``fold``, ``block``, ``buffer``, ``nested``. Sites of one place
        (``group_id``), and of one block, always share a fold.

    Raises
    ------
    HybridmapError
        If there are fewer places, blocks or regions than folds, or a column is missing.
    """
    assignment = SCHEMES[scheme.kind](samples, scheme, geography)
    return pd.DataFrame(
        {
            "site_id": samples["site_id"],
            "group_id": samples["group_id"],
            "scheme": scheme.name,
            "fold": assignment.fold.astype("int32"),
            "block": assignment.block,
            "buffer": scheme.buffer_km * 1000.0 / geography.metres_per_unit,
            "nested": scheme.nested,
        }
    )


def _polygon_names(path: Path, scheme: Split, samples: pd.DataFrame, grid: RegionGrid) -> pd.Series:
    """Name of the nearest polygon of each site."""
    import geopandas as gpd

    polygons = read_named_polygons(path, str(scheme.attribute), grid)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(samples["x"], samples["y"]), crs=polygons.crs)
    joined = gpd.sjoin_nearest(points, polygons, how="left")
    return pd.Series(joined[~joined.index.duplicated()]["name"].to_numpy(), index=samples.index)
