"""CESM history files to the forcing of the CLM5 model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from history_files import history

from hybridmap.cli import main
from hybridmap.covariates.clm5_forcing import VARIABLES, read_clm5_forcing
from hybridmap.errors import HybridmapError
from hybridmap.process import get_process
from hybridmap.process.clm5.vertical import THICKNESS


def write(folder: Path, data: xr.Dataset) -> list[Path]:
    data.to_netcdf(folder / "h0.nc", engine="netcdf4")
    return [folder / "h0.nc"]


def test_climatology_by_the_middle_of_each_interval(tmp_path: Path) -> None:
    lon, lat = np.array([0.9, -0.7, 359.4]), np.array([40.2, 41.9, 41.1])
    found = read_clm5_forcing(write(tmp_path, history()), lon, lat)
    assert set(found) == set(VARIABLES.values())
    row, column = [0, 2, 1], [1, 2, 2]
    for site in range(3):
        code = np.arange(12) + 0.1 * row[site] + 0.01 * column[site]
        np.testing.assert_allclose(found["altmax"][site], 39 + 1e-3 * code)
        np.testing.assert_allclose(found["soil_temperature"][site], np.broadcast_to(285 + 1e-3 * code, (20, 12)))
        # Inputs per volume and layer become inputs per area.
        np.testing.assert_allclose(
            found["input_litter2"][site], 3 * (1 + code) * float(THICKNESS[:20].sum()), rtol=1e-6
        )
    assert found["nbedrock"].shape == (3, 12)
    assert found["sand"].shape == (3, 20, 12)


def test_one_file_a_variable_and_a_year_says_the_same(tmp_path: Path) -> None:
    whole = history()
    files = []
    for name in VARIABLES:
        for year in range(2):
            part = whole[[name, "time_bounds"]]
            part = part.isel(time=slice(12 * year, 12 * year + 12))
            files.append(tmp_path / f"{name}.{year}.nc")
            part.to_netcdf(files[-1], engine="netcdf4")
    sites = np.array([1.0]), np.array([41.0])
    one, many = read_clm5_forcing(write(tmp_path, whole), *sites), read_clm5_forcing(files, *sites)
    for name, values in one.items():
        np.testing.assert_allclose(many[name], values)


def test_the_command_writes_what_the_model_takes(tmp_path: Path) -> None:
    (path,) = write(tmp_path, history())
    pd.DataFrame({"site_id": ["a", "b"], "lon": [0.0, 1.0], "lat": [40.0, 42.0]}).to_csv(
        tmp_path / "s.csv", index=False
    )
    assert main(["clm5-forcing", str(path), "--sites", str(tmp_path / "s.csv"), "--out", str(tmp_path / "f.nc")]) == 0
    with xr.open_dataset(tmp_path / "f.nc") as data:
        forcing = {str(n): torch.from_numpy(data[n].to_numpy()) for n in data.data_vars}
        assert data["soil_temperature"].attrs["units"] == "K"
    model = get_process("clm5")
    out = model({p.name: torch.tensor(p.default) for p in model.parameters}, forcing)
    assert torch.isfinite(out["soc"]).all()


def no_bounds(data: xr.Dataset) -> xr.Dataset:
    made = data.drop_vars("time_bounds")
    del made["time"].attrs["bounds"]
    return made


BROKEN: dict[str, tuple[Any, str]] = {
    "variable": (
        lambda d: d.drop_vars("W_SCALAR"),
        "none of 1 history files has 'W_SCALAR', the w_scalar of the model",
    ),
    "months": (lambda d: d.isel(time=slice(0, 11)), "has no record of month 12; give whole years"),
    "bounds": (no_bounds, "has no bounds of its time steps"),
    "celsius": (
        lambda d: d.assign(TSOI=d["TSOI"] - 273.15),
        "'TSOI' runs from .* expected 180 to 340 K; check its unit",
    ),
    "layers": (lambda d: d.isel(levdcmp=slice(0, 10)), "has 10 layers, 20 are needed"),
    "no_layers": (lambda d: d.assign(TSOI=d["TSOI"].isel(levdcmp=0)), "'TSOI' has no layers"),
    "grid": (lambda d: d.rename(lat="latitude"), "has no 'lat'; expected a history file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_history_files_end_with_one_sentence(tmp_path: Path, case: str) -> None:
    change, says = BROKEN[case]
    with pytest.raises(HybridmapError, match=says) as error:
        read_clm5_forcing(write(tmp_path, change(history())), np.array([0.0]), np.array([40.0]))
    assert "\n" not in str(error.value)
