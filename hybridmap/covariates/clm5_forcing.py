"""History files of CESM to the twelve forcings of the CLM5 matrix model, at sites."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.covariates.land_model.cell_table import write_cell_table
from hybridmap.errors import HybridmapError
from hybridmap.files.disk import room_for
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.tables.source_table import open_table
from hybridmap.process import get_process
from hybridmap.process.clm5.vertical import LAYERS, THICKNESS

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]
VARIABLES = {
    "CWD_INPUT_ACC_VECTOR": "input_cwd",
    "LITR1_INPUT_ACC_VECTOR": "input_litter1",
    "LITR2_INPUT_ACC_VECTOR": "input_litter2",
    "LITR3_INPUT_ACC_VECTOR": "input_litter3",
    "ALTMAX_LASTYEAR": "altmax_lastyear",
    "ALTMAX": "altmax",
    "nbedrock": "nbedrock",
    "O_SCALAR": "o_scalar",
    "FPI_vr": "n_scalar",
    "TSOI": "soil_temperature",
    "W_SCALAR": "w_scalar",
    "CELLSAND": "sand",
}
"""Name in the history files → forcing of the model."""
SUMMED = {"input_cwd", "input_litter1", "input_litter2", "input_litter3"}
"""Per volume and layer in the files [g m-3 month-1], per area in the model: summed over layers times thickness."""
LAYER_DIMENSIONS = ("levdcmp", "levgrnd", "levsoi")


def write_clm5_forcing(files: Sequence[Path], sites: Path, out: Path) -> None:
    """Write the forcing of every site as NetCDF, dimensions site, layer and month.

    Parameters
    ----------
    files : sequence of Path
        Monthly history files: many variables a file, or one; one time step a file, or many years.
    sites : Path
        Table with ``site_id``, ``lon`` and ``lat`` in degrees, as ``samples.parquet``.
    out : Path
        NetCDF to write.

    Raises
    ------
    HybridmapError
        As :func:`read_clm5_forcing`.
    """
    import xarray as xr

    table = open_table(sites)
    table.require(("site_id", "lon", "lat"), "of the sites")
    coordinates = table.read(("site_id", "lon", "lat"))
    lon, lat = (pd.to_numeric(coordinates[c]).to_numpy(float) for c in ("lon", "lat"))
    forcing = read_clm5_forcing(files, lon, lat)
    info = {v.name: v for v in get_process("clm5").forcing}
    variables = {
        name: (
            info[name].dims,
            values.astype("float32"),
            {"units": info[name].unit, "long_name": info[name].description},
        )
        for name, values in forcing.items()
    }
    off_soil = int(np.isnan(forcing["soil_temperature"]).any(axis=(1, 2)).sum())
    if off_soil:
        LOG.warning("%d of %d sites lie on a cell without soil (sea, ice) and have no forcing", off_soil, len(lon))
    dataset = xr.Dataset(variables, {"site_id": ("site", coordinates["site_id"].astype(str).to_numpy(object))})
    partial = out.with_name(out.name + ".partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    with room_for(out):
        dataset.to_netcdf(partial, engine="netcdf4")
    partial.replace(out)
    LOG.info("%d forcings at %d sites", len(forcing), len(lon))


def write_clm5_cells(files: Sequence[Path], grid: RegionGrid, out: Path) -> None:
    """Write the forcing of every cell of the land model under a region, and a raster of their numbers.

    Parameters
    ----------
    files : sequence of Path
        As :func:`write_clm5_forcing`, on a regular grid of longitudes and latitudes.
    grid : RegionGrid
        The region.
    out : Path
        Numpy archive: each forcing as (cell, month) or (cell, layer, month), float32, and ``lon`` and ``lat`` of the
        cells. Beside it goes ``{out stem}_cell.tif`` (EPSG:4326): the layer ``clm5_cell`` of the process model
        ``clm5_interval``.

    Raises
    ------
    HybridmapError
        As :func:`read_clm5_forcing`; if the cells are not evenly spaced; or if none under the region has soil.
    """
    from rasterio.transform import from_origin

    lon, lat = _axes(Path(files[0]))
    width, height = _step(lon, files[0]), _step(lat, files[0])
    west, south, east, north = _degrees(grid)
    columns = np.flatnonzero((lon + 0.5 * width >= west) & (lon - 0.5 * width <= east))
    rows = np.flatnonzero((lat + 0.5 * height >= south) & (lat - 0.5 * height <= north))
    if not (len(columns) and len(rows)):
        raise HybridmapError(f"{files[0]}: none of its cells lies under the region ({west:.1f} to {east:.1f} E).")
    x, y = (v.ravel() for v in np.meshgrid(lon[columns], lat[rows]))
    forcing = read_clm5_forcing(files, x, y)
    has_soil = np.all([np.isfinite(v).reshape(len(x), -1).all(1) for n, v in forcing.items() if n != "sand"], axis=0)
    if not has_soil.any():
        raise HybridmapError(f"{files[0]}: no cell under the region has soil.")
    number = np.full(len(x), -1, dtype="int32")
    number[has_soil] = np.arange(int(has_soil.sum()))
    corner = from_origin(lon[columns[0]] - width / 2, lat[rows[-1]] + height / 2, width, height)
    table = {name: values[has_soil] for name, values in forcing.items()}
    from_north = number.reshape(len(rows), len(columns))[::-1]
    write_cell_table(out, table, (x[has_soil], y[has_soil]), from_north, {"crs": "EPSG:4326", "transform": corner})


def _open(path: Path) -> Any:
    """Open a history file; HybridmapError if it is none, or not on a latitude-longitude grid."""
    import xarray as xr

    if not path.is_file():
        raise HybridmapError(f"{path}: no such history file; check the path.")
    try:
        dataset = xr.open_dataset(path, decode_times=False, engine="netcdf4")
    except (OSError, ValueError) as error:
        raise HybridmapError(f"{path}: cannot be read as NetCDF ({str(error).splitlines()[0]}).") from None
    for axis in ("lat", "lon"):
        if axis not in dataset.variables:
            dataset.close()
            raise HybridmapError(f"{path}: has no '{axis}'; expected a history file on a latitude-longitude grid.")
    return dataset


def _axes(path: Path) -> tuple[Array, Array]:
    """Longitudes from -180 to 180 and latitudes of a history file [degrees], both rising."""
    with _open(path) as dataset:
        lon, lat = dataset["lon"].to_numpy().astype(float), dataset["lat"].to_numpy().astype(float)
    return np.sort((lon + 180.0) % 360.0 - 180.0), np.sort(lat)


def _step(axis: Array, path: Path) -> float:
    steps = np.diff(axis)
    if not len(steps) or np.ptp(steps) > 1e-3 * steps.mean():
        raise HybridmapError(f"{path}: its longitudes or latitudes are not evenly spaced; regrid the history files.")
    return float(steps.mean())


def _degrees(grid: RegionGrid) -> tuple[float, float, float, float]:
    from rasterio.warp import transform_bounds

    west, south, east, north = transform_bounds(grid.crs.to_wkt(), "EPSG:4326", *grid.bounds, densify_pts=51)
    return float(west), float(south), float(east), float(north)


def read_clm5_forcing(files: Sequence[Path], lon: Array, lat: Array) -> dict[str, Array]:
    """Monthly climatology of the forcings at sites.

    Parameters
    ----------
    files : sequence of Path
        As :func:`write_clm5_forcing`.
    lon, lat : array, shape (site,)
        Degrees; each site takes the cell whose centre is nearest in longitude and in latitude.

    Returns
    -------
    dict of str to array
        Shape (site, month) or (site, layer, month), in the units of the model.

    Raises
    ------
    HybridmapError
        If a file cannot be read, a variable is in none of them, the months of a variable are incomplete, or its values
        lie outside what the model accepts.
    """
    sums: dict[str, _MonthlySum] = {}
    for path in files:
        _add(path, lon, lat, sums)
    name_in_file = {forcing: variable for variable, forcing in VARIABLES.items()}
    for variable in get_process("clm5").forcing:
        if not variable.optional and variable.name not in sums:
            raise HybridmapError(
                f"none of {len(files)} history files has '{name_in_file[variable.name]}', the {variable.name} of the"
                " model."
            )
    climatology = {}
    for name, monthly in sums.items():
        source = f"{monthly.origin}: '{name_in_file[name]}'"
        if (monthly.count == 0).any():
            month = int(np.argmin(monthly.count)) + 1
            raise HybridmapError(f"{source} has no record of month {month}; give whole years.")
        climatology[name] = monthly.total / monthly.count
        _check_range(name, climatology[name], source)
    return climatology


@dataclass
class _MonthlySum:
    """Sum of the records of each month of a forcing (site, [layer,] month), their number, and the first file."""

    total: Array
    count: NDArray[np.int64]
    origin: Path


def _add(path: Path, lon: Array, lat: Array, sums: dict[str, _MonthlySum]) -> None:
    """Add the records of one file at sites to `sums`, by forcing."""
    import xarray as xr

    with _open(path) as dataset:
        rows = np.abs(dataset["lat"].to_numpy()[None] - lat[:, None]).argmin(axis=1)
        east = np.abs((dataset["lon"].to_numpy()[None] - lon[:, None] + 180) % 360 - 180)
        cells = {"lat": xr.DataArray(rows, dims="site"), "lon": xr.DataArray(east.argmin(axis=1), dims="site")}
        for variable, forcing in VARIABLES.items():
            if variable not in dataset:
                continue
            values = _at_sites(dataset[variable], cells, forcing, path)
            if "time" not in dataset[variable].dims:
                origin = sums[forcing].origin if forcing in sums else path
                constant = np.repeat(values[..., None], 12, axis=-1)
                sums[forcing] = _MonthlySum(constant, np.ones(12, dtype=int), origin)
                continue
            empty = _MonthlySum(np.zeros((*values.shape[:-1], 12)), np.zeros(12, dtype=int), path)
            monthly = sums.setdefault(forcing, empty)
            for step, month in enumerate(_months(dataset, path)):
                monthly.total[..., month] += values[..., step]
                monthly.count[month] += 1


def _at_sites(variable: Any, cells: dict[str, Any], name: str, path: Path) -> Array:
    """Values (site, [layer,] time), layers summed where the model wants one number an area."""
    at_sites = variable.isel(cells)
    layer = next((d for d in LAYER_DIMENSIONS if d in at_sites.dims), None)
    layered = {v.name for v in get_process("clm5").forcing if "layer" in v.dims}
    if layer is not None:
        if at_sites.sizes[layer] < LAYERS:
            raise HybridmapError(f"{path}: '{variable.name}' has {at_sites.sizes[layer]} layers, {LAYERS} are needed.")
        at_sites = at_sites.isel({layer: slice(0, LAYERS)})
    elif name in layered:
        raise HybridmapError(f"{path}: '{variable.name}' has no layers (none of {list(LAYER_DIMENSIONS)}).")
    order = ["site", *([layer] if layer else []), *(["time"] if "time" in at_sites.dims else [])]
    values = np.asarray(at_sites.transpose(*order), dtype=float)
    if name in SUMMED and layer is not None:
        return np.asarray(np.einsum("sl...,l->s...", values, THICKNESS[:LAYERS].double().numpy()))
    return values


def _months(dataset: Any, path: Path) -> list[int]:
    """Month (0 to 11) of each record: that of the middle of its interval, since CESM stamps the end."""
    import cftime

    time = dataset["time"]
    name = time.attrs.get("bounds")
    bounds = next((dataset[n] for n in (name, "time_bounds", "time_bnds") if n and n in dataset), None)
    if bounds is None:
        raise HybridmapError(f"{path}: has no bounds of its time steps, and CESM stamps months at their end; add them.")
    units = bounds.attrs.get("units") or time.attrs.get("units")
    calendar = bounds.attrs.get("calendar") or time.attrs.get("calendar", "noleap")
    middle = bounds.to_numpy().mean(axis=1)
    return [date.month - 1 for date in cftime.num2date(middle, units, calendar)]


def _check_range(name: str, values: Array, source: str) -> None:
    variable = next(v for v in get_process("clm5").forcing if v.name == name)
    if variable.valid_range is None:
        return
    low, high = variable.valid_range
    finite = values[np.isfinite(values)]
    if finite.size and (finite.min() < low or finite.max() > high):
        raise HybridmapError(
            f"{source} runs from {finite.min():.4g} to {finite.max():.4g}, expected {low:g} to {high:g}"
            f" {variable.unit}; check its unit."
        )
