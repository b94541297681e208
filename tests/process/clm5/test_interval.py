"""CLM5 in the workflow: forcing by cell, carbon of the measured layer, trained and mapped like any other model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
import xarray as xr
import zarr
from history_files import history
from map_recipes import recipe_of
from trainings import train_experiment

from hybridmap.cli import main
from hybridmap.config import Config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.clm5_forcing import read_clm5_forcing, write_clm5_cells
from hybridmap.covariates.cube_build import build_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution, predict
from hybridmap.process import get_process
from hybridmap.process.clm5 import matrix
from hybridmap.process.clm5.vertical import THICKNESS
from hybridmap.samples.sample import sample
from hybridmap.testing.clm5_sites import make_clm5_sites


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forcing of 30 synthetic cells."""
    sites = make_clm5_sites(30, 0)
    path = tmp_path_factory.mktemp("clm5") / "forcing.npz"
    np.savez(path, **{name: np.asarray(v, "float32") for name, v in sites.forcing.items()})
    return path


def test_the_layer_holds_the_mass_of_the_column(table: Path) -> None:
    model, column = get_process("clm5_interval", table=str(table)), get_process("clm5")
    cell = torch.arange(30.0)
    with np.load(table) as file:
        forcing = {v.name: torch.from_numpy(file[v.name]) for v in column.forcing if v.name in file.files}
    soc = column({}, forcing)["soc"]
    stock = soc @ THICKNESS[:20].to(soc)
    out = model({}, {"clm5_cell": cell})
    np.testing.assert_allclose(out["soc"], soc * 1e-3, rtol=1e-6)
    ends = torch.tensor(model.layer_interfaces)
    whole = model.observe(out, ends[0], ends[-1])
    np.testing.assert_allclose(whole["soc"] * THICKNESS[:20].sum().float(), stock * 1e-3, rtol=1e-5)
    second = model.observe(out, ends[1].expand(30), ends[2].expand(30))
    np.testing.assert_allclose(second["soc"], soc[:, 1] * 1e-3, rtol=1e-5)
    two = model.observe(out, ends[0], ends[2])
    mixed = (soc[:, :2] * THICKNESS[:2].to(soc)).sum(1) / THICKNESS[:2].sum().to(soc)
    np.testing.assert_allclose(two["soc"], mixed * 1e-3, rtol=1e-5)
    np.testing.assert_allclose(two["soc_stock_1m"], out["soc_stock_1m"])
    metre = model.observe(out, torch.tensor(0.0), torch.tensor(1.0))
    np.testing.assert_allclose(metre["soc"], out["soc_stock_1m"], rtol=1e-6)
    np.testing.assert_allclose(column.observe({"soc": soc}, ends[0], ends[1])["soc"], soc[:, 0], rtol=1e-6)


def test_a_cell_that_is_not_there_is_nan_and_the_others_untouched(table: Path) -> None:
    model = get_process("clm5_interval", table=str(table))
    good = model({}, {"clm5_cell": torch.tensor([3.0, 7.0])})["soc"]
    with pytest.warns(RuntimeWarning, match="3 of 5 sites are NaN"):
        some = model({}, {"clm5_cell": torch.tensor([3.0, float("nan"), 7.0, -1.0, 99.0])})["soc"]
    assert some.isnan().all(1).tolist() == [False, True, False, True, True]
    np.testing.assert_array_equal(some[[0, 2]], good)


def test_gradients_reach_the_parameters(table: Path) -> None:
    model = get_process("clm5_interval", table=str(table))
    tau = torch.full((4,), 1.0, dtype=torch.float64, requires_grad=True)

    def soc(value: torch.Tensor) -> torch.Tensor:
        return model({"tau4s2": 5.0 * value}, {"clm5_cell": torch.arange(4.0, dtype=torch.float64)})["soc"]

    assert torch.autograd.gradcheck(soc, (tau,), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "match"),
    [(None, "no forcing table"), (b"x", "is no forcing table"), ({"altmax": np.ones(3)}, "has no 'input_cwd'")],
)
def test_wrong_tables_are_named(tmp_path: Path, content: Any, match: str) -> None:
    path = tmp_path / "t.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        np.savez(path, **content)
    with pytest.raises(ValueError, match=match):
        get_process("clm5_interval", table=str(path))


def test_cells_under_a_region(tmp_path: Path) -> None:
    data = history()
    sea = data["TSOI"].to_numpy().copy()
    sea[:, :, 1, 1] = np.nan  # 41 N, 1 E
    data.assign(TSOI=(data["TSOI"].dims, sea)).to_netcdf(tmp_path / "h0.nc", engine="netcdf4")
    grid = {"crs": "EPSG:4326", "resolution": 0.1, "bounds": [-1.2, 39.8, 1.2, 42.2]}
    (tmp_path / "r.yaml").write_text(f"region: r\ngrid: {grid}\n")
    out = tmp_path / "forcing.npz"
    assert main(["clm5-forcing", str(tmp_path / "h0.nc"), "--region", str(tmp_path / "r.yaml"), "--out", str(out)]) == 0
    with np.load(out) as file:
        cells = dict(file.items())
    with rasterio.open(tmp_path / "forcing_cell.tif") as file:
        number = file.read(1)
        at = [file.index(lon, lat) for lon, lat in zip(cells["lon"], cells["lat"], strict=True)]
    assert number.shape == (3, 3)
    assert (number == -1).sum() == 1
    assert [int(number[p]) for p in at] == list(range(8))
    direct = read_clm5_forcing([tmp_path / "h0.nc"], cells["lon"], cells["lat"])
    np.testing.assert_allclose(cells["altmax"], direct["altmax"], rtol=1e-6)
    assert get_process("clm5_interval", table=str(out)).parameters
    far = RegionGrid.of(Config.model_validate({"grid": {**grid, "bounds": [50, 10, 51, 11]}}).grid)
    with pytest.raises(HybridmapError, match="none of its cells lies under the region"):
        write_clm5_cells([tmp_path / "h0.nc"], far, tmp_path / "no.npz")
    data.assign_coords(lat=[40.0, 41.0, 43.0]).to_netcdf(tmp_path / "odd.nc", engine="netcdf4")
    with pytest.raises(HybridmapError, match="not evenly spaced"):
        write_clm5_cells(
            [tmp_path / "odd.nc"], RegionGrid.of(Config.model_validate({"grid": grid}).grid), tmp_path / "n"
        )
    assert not (tmp_path / "no.npz").exists()
    assert isinstance(data, xr.Dataset)


def test_clm5_is_trained_and_mapped_in_the_workflow(
    small_region: tuple[Config, Path], table: Path, tmp_path: Path
) -> None:
    """One layer of cell numbers is all that samples, cube and maps carry."""
    base, folder = small_region
    raw = base.model_dump(by_alias=True)
    with rasterio.open(folder / "inputs/covariates/mat.tif") as source:
        profile, shape = source.profile, source.shape
    number = (np.arange(shape[0] * shape[1]) % 30).reshape(shape).astype("int32")
    with rasterio.open(tmp_path / "cell.tif", "w", **{**profile, "dtype": "int32", "nodata": -1}) as file:
        file.write(number, 1)
    raw["forcing"] = [{"name": "clm5_cell", "path": str(tmp_path / "cell.tif"), "kind": "categorical"}]
    raw["predict"] |= {"intervals": "none", "applicability": False}
    raw["experiments"] = [{
        "name": "clm5", "process": {"name": "clm5_interval", "options": {"table": str(table)}},
        "neural": ["tau4s2", "tau4s3", "beta"], "global": "none", "targets": ["soc"], "splits": ["block"],
        "training": {"max_epochs": 3, "patience": 3, "batch_size": 256}, "encoder": {"hidden": [16]},
    }]  # fmt: skip
    config = Config.model_validate(raw)
    build_cube(RegionLayers.of(config), tmp_path / "cube.zarr", config.predict.tile)
    sample(folder / "o.parquet", tmp_path / "cube.zarr", tmp_path / "s.parquet", tmp_path / "q.csv")
    cells = pd.read_parquet(tmp_path / "s.parquet")["forcing.clm5_cell"]
    assert set(cells) <= set(range(30))  # the nearest, never a mean of numbers
    train_experiment(config, "clm5", ["all"], tmp_path / "s.parquet", folder / "splits.parquet", tmp_path / "clm5")
    recipe = recipe_of(config, "clm5", tmp_path / "clm5/all/model")
    predict(Job(recipe, tmp_path / "cube.zarr", tmp_path / "maps.zarr"), Execution(workers=2))
    root = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    assert {"soc", "soc_stock", "soc_stock_1m", "litter_stock", "tau4s2", "beta"} <= set(root.array_keys())
    soc = np.asarray(root["soc"])
    assert np.isfinite(soc).mean() > 0.5
    assert (soc[np.isfinite(soc)] >= 0).all()
    np.testing.assert_allclose(np.asarray(root["soc_stock"]), 0.2 * soc, rtol=1e-5)


def test_twice_the_litter_is_twice_the_carbon(table: Path) -> None:
    """A steady state is proportional to its input; the factor has no other effect, and 1 has none at all."""
    model, plain = (
        get_process("clm5_interval", table=str(table), litter_scale=True),
        get_process("clm5_interval", table=str(table)),
    )
    assert [p.name for p in model.parameters][21:] == ["litter_scale"]
    cell = {"clm5_cell": torch.arange(30.0)}
    before, same = plain({}, cell), model({}, cell)
    doubled = model({"litter_scale": torch.full((30,), 2.0)}, cell)
    for name, values in before.items():
        np.testing.assert_array_equal(same[name], values)
        np.testing.assert_allclose(doubled[name], 2 * values, rtol=1e-6, atol=1e-30)
    traced = [m.trace(p, cell) for m, p in ((plain, {}), (model, {"litter_scale": torch.full((30,), 2.0)}))]
    np.testing.assert_allclose(traced[1]["input"], 2 * traced[0]["input"], rtol=1e-6)
    for name in set(traced[0]) - {"input"}:
        np.testing.assert_allclose(traced[1][name], traced[0][name], rtol=1e-6)


def test_traces_are_the_components_of_the_matrix(table: Path) -> None:
    """Of the same cells; and what resides is what enters times how long it stays."""
    model, column = get_process("clm5_interval", table=str(table)), get_process("clm5")
    cell = torch.tensor([4.0, 17.0])
    traced = model.trace({"q10": torch.tensor([1.4, 2.2])}, {"clm5_cell": cell})
    assert set(traced) == {v.name for v in model.traces}
    with np.load(table) as file:
        forcing = {v.name: torch.from_numpy(file[v.name])[[4, 17]] for v in column.forcing if v.name in file.files}
    components = column.components({"q10": torch.tensor([1.4, 2.2])}, forcing)  # type: ignore[attr-defined]
    for name, values in traced.items():
        np.testing.assert_allclose(values, components[name], rtol=1e-6)
    soc = model({"q10": torch.tensor([1.4, 2.2])}, {"clm5_cell": cell})["soc"]
    stock = soc @ THICKNESS[:20].to(soc)
    np.testing.assert_allclose(stock * 1e3, traced["input"] * traced["residence_time"], rtol=1e-5)


def test_pieces_are_the_whole(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit by bit, the scale of litter and a cell that is not in the table included, with traces and without."""
    model = get_process("clm5_interval", table=str(table), litter_scale=True)
    cell = torch.arange(40.0) % 31
    parameters = {"litter_scale": torch.linspace(0.2, 5.0, 40), "q10": torch.tensor(1.7)}
    for run in (model, model.traced):
        results = []
        for piece in (40, 8):
            monkeypatch.setattr("hybridmap.process.clm5.interval.PIECE", piece)
            with torch.no_grad(), pytest.warns(RuntimeWarning, match="1 of"):
                results.append(run(parameters, {"clm5_cell": cell}))
        whole, pieces = results
        assert int(whole["soc_stock_1m"].isnan().sum()) == 1
        for name, values in whole.items():
            np.testing.assert_array_equal(pieces[name], values, err_msg=name)


def test_a_run_is_traced_by_one_solution(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call and its trace say apart; each cell is solved once, not twice."""
    model = get_process("clm5_interval", table=str(table), litter_scale=True)
    parameters, cell = {"litter_scale": torch.full((30,), 2.0)}, {"clm5_cell": torch.arange(30.0)}
    apart = {**model(parameters, cell), **model.trace(parameters, cell)}
    solved, solve = [], matrix.solve_steady_state
    monkeypatch.setattr(matrix, "solve_steady_state", lambda *args: solved.append(1) or solve(*args))
    together = model.traced(parameters, cell)
    assert solved == [1]
    assert set(together) == set(apart) == {v.name for v in (*model.outputs, *model.traces)}
    for name, values in apart.items():
        np.testing.assert_array_equal(together[name], values, err_msg=name)


def test_the_table_is_read_once_and_again_when_it_changes(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "forcing.npz"
    path.write_bytes(table.read_bytes())
    first, second = (get_process("clm5_interval", table=str(path)) for _ in range(2))
    assert first.table["w_scalar"] is second.table["w_scalar"]  # type: ignore[attr-defined]
    with np.load(table) as file:
        np.savez(path, **{name: file[name][:7] for name in file.files})
    assert len(get_process("clm5_interval", table=str(path)).table["w_scalar"]) == 7  # type: ignore[attr-defined]
