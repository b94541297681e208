"""The covariate cube as a Dataset with a variable a layer, named as in samples."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from hybridmap.covariates.cube import FORCING, open_cube

LAYER_FACTS = ("units", "long_name", "kind", "licence")
"""Facts of a layer that go along."""


def cube_dataset(path: Path) -> xr.Dataset:
    """Open a cube lazily.

    Parameters
    ----------
    path : Path
        ``covariates.zarr``.

    Returns
    -------
    Dataset
        ``covariate.NAME`` and ``forcing.NAME``, each (y, x), in the unit of its attribute; of layers with years that
        of the maps.
    """
    cube = open_cube(path)
    root = xr.open_zarr(path, consolidated=False, decode_coords=False)
    layers: dict[str, xr.DataArray] = {}
    fixed = [name for name in cube.covariate_names if name not in cube.dated]
    for band, name in enumerate(fixed):
        layers[f"covariate.{name}"] = root["covariates"].isel(band=band, drop=True)
    forcing = [name for name in cube.forcing_names if FORCING + name not in cube.dated]
    if forcing:
        group = xr.open_zarr(path, group="forcing", consolidated=False, decode_coords=False)
        layers |= {FORCING + name: group[name] for name in forcing}
    for key, dated in cube.dated.items():
        values = xr.open_zarr(path, group=f"years/{key}", consolidated=False, decode_coords=False)[key]
        year = dated.years.index(cube.map_years[key])
        name = key if key.startswith(FORCING) else f"covariate.{key}"
        layers[name] = values.isel({values.dims[0]: year}, drop=True)
    facts = {f"covariate.{band['name']}": band for band in cube.bands()}
    facts |= {FORCING + name: info for name, info in cube.forcing_info().items()}
    for name, values in layers.items():
        values.attrs = {key: facts[name][key] for key in LAYER_FACTS if key in facts[name]}
    place = {"y": root["y"], "x": root["x"]}
    arrays = {name: v.drop_vars(list(v.coords)).variable for name, v in layers.items()}
    return xr.Dataset({name: (("y", "x"), v.data, v.attrs) for name, v in arrays.items()}, place, root.attrs)
