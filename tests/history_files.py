"""CESM history files of the right form, which several tests share."""

from typing import Any

import numpy as np
import xarray as xr

LAT, LON = np.array([40.0, 41.0, 42.0]), np.array([0.0, 1.0, 359.0])
LAYERED = {"O_SCALAR": 0.9, "FPI_vr": 0.8, "TSOI": 285.0, "W_SCALAR": 0.6}
MONTHLY = {"ALTMAX_LASTYEAR": 40.0, "ALTMAX": 39.0}
INPUTS = [f"{p}_INPUT_ACC_VECTOR" for p in ("CWD", "LITR1", "LITR2", "LITR3")]


def history(years: int = 2, **changes: Any) -> xr.Dataset:
    """Months stamped at their end, 25 layers; every value tells month, latitude and longitude index."""
    months = np.arange(12 * years)
    ends = np.cumsum(np.tile([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], years)).astype(float)
    starts = np.concatenate([[0.0], ends[:-1]])
    code = (months % 12)[:, None, None] + 0.1 * np.arange(3)[:, None] + 0.01 * np.arange(3)
    data: dict[str, Any] = {"time_bounds": (("time", "bound"), np.stack([starts, ends], 1))}
    for name, base in LAYERED.items():
        values = np.broadcast_to(base + 1e-3 * code[:, None], (len(months), 25, 3, 3))
        data[name] = (("time", "levdcmp", "lat", "lon"), values.copy())
    for name, base in MONTHLY.items():
        data[name] = (("time", "lat", "lon"), base + 1e-3 * code)
    for k, name in enumerate(INPUTS):
        values = np.broadcast_to((k + 1) * (1 + code[:, None]), (len(months), 25, 3, 3))
        data[name] = (("time", "levdcmp", "lat", "lon"), values.copy())
    data["nbedrock"] = (("lat", "lon"), np.full((3, 3), 15.0))
    data["CELLSAND"] = (("levsoi", "lat", "lon"), np.full((20, 3, 3), 45.0))
    times = {"units": "days since 0661-01-01", "calendar": "noleap", "bounds": "time_bounds"}
    made = xr.Dataset(data, {"time": ("time", ends, times), "lat": LAT, "lon": LON})
    return made.assign(changes)
