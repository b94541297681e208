"""A cube of covariates as xarray opens it, ``xr.open_zarr("covariates.zarr")``, as a table of layers."""

from __future__ import annotations

import sys
from typing import Any

BANDS, BAND, FORCING = "covariates", "band", "forcing"
"""The variable of a cube, its dimension of layers, and the group of what drives a process model."""


def layers_of_cube(table: Any) -> Any:
    """A Dataset with a variable a layer, where `table` is a cube; any other table as it is.

    Parameters
    ----------
    table : mapping, DataFrame, Series or Dataset
        As of :func:`hybridmap.model.tables.read_table`.

    Returns
    -------
    Dataset or the same
        ``covariate.NAME`` of each band as it is in the table, and ``forcing.NAME`` where the store that the Dataset was
        opened from has a group of them, at the places of the table.
    """
    if not hasattr(table, "data_vars") or BANDS not in table.data_vars or BAND not in table[BANDS].dims:
        return table
    bands = table[BANDS].to_dataset(dim=BAND)
    layers = bands.rename({name: f"covariate.{name}" for name in bands.data_vars})
    forcing = _forcing(table)
    present = {name: values for name, values in table.data_vars.items() if name not in (BANDS, "complete")}
    return layers.assign({**forcing, **present})


def _forcing(table: Any) -> dict[str, Any]:
    source = table.encoding.get("source", "")
    xarray = sys.modules["xarray"]  # there is a Dataset, so it is loaded; the core imports torch and numpy alone
    try:
        group = xarray.open_zarr(source, group=FORCING, consolidated=False)
    except (OSError, KeyError, ValueError, TypeError):
        return {}  # then a forcing that is missing is told like any column
    axes = ("y", "x")
    if not all(axis in of.coords for axis in axes for of in (group, table)):
        return {}
    place = {axis: table[axis] for axis in axes}
    return {f"{FORCING}.{name}": values for name, values in group.sel(place).data_vars.items()}
