"""CLM5 on the open profiles of the conterminous United States: its coarse region, from tables to maps."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import ROOT
from whole_workflow import finish_workflow

from hybridmap.config.reading import load_config
from hybridmap.process import get_process

REGIONS = ROOT / "resources/regions"
FILES = [ROOT / "config.yaml", REGIONS / "conus_clm5.yaml", REGIONS / "conus_clm5_coarse.yaml"]
SHARED = Path(os.environ.get("HYBRIDMAP_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (SHARED / "data/finer_covariates").is_dir():
        pytest.skip("no open data at hand")
    folder = tmp_path_factory.mktemp("conus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRIDMAP_SHARED", str(SHARED.absolute()))
        finish_workflow(folder, *FILES)
    return folder / "results/conus_clm5_coarse"


@pytest.mark.nightly
def test_a_hybrid_of_few_epochs_knows_more_than_depth(results: Path) -> None:
    """Pooled over held-out blocks of 2 degrees, where depth alone is what any model of layers gets for nothing."""
    r = {}
    for name, folder in (("clm5", "experiments/clm5/evaluation"), ("depth", "baselines/depth")):
        table = pd.read_parquet(results / folder / "predictions.parquet")
        test = table[(table["part"] == "test") & table["observed.soc"].notna()]
        r[name] = np.corrcoef(test["observed.soc"], test["predicted.soc"])[0, 1]
    assert r["clm5"] > r["depth"] + 0.03


@pytest.mark.nightly
def test_the_maps_hold_parameters_depths_and_traces(results: Path) -> None:
    maps = xr.open_zarr(results / "experiments/clm5/maps.zarr", consolidated=False)
    process = get_process("clm5_interval", table=str(results / "inputs/clm5.npz"), litter_scale=True)
    assert {p.name for p in process.parameters} <= set(maps)
    for parameter in process.parameters:
        values = maps[parameter.name].values
        known = values[np.isfinite(values)]
        assert known.size > 1000
        assert (known >= parameter.lower).all()
        assert (known <= parameter.upper).all()
    soc = maps["soc"].values
    assert soc.shape[0] == 6
    means = np.nanmean(soc, axis=(1, 2))
    assert (np.diff(means[:5]) < 0).all()
    # What resides in the column is more than what is in its first metre, and no trace is negative.
    stock = maps["input"].values * maps["residence_time"].values / 1000
    is_known = np.isfinite(stock)
    assert (stock[is_known] >= 0.999 * maps["soc_stock_1m"].values[is_known]).all()
    for trace in process.traces:
        assert np.nanmin(maps[trace.name].values) >= 0


def test_the_region_says_what_it_makes_and_where() -> None:
    """Both files read; table and raster of the forcing are where the workflow makes them."""
    for files in (FILES[:2], FILES):
        config = load_config(*(Path(file) for file in files))
        folder = f"results/{config.region}/inputs"
        assert config.clm5_forcing is not None
        assert config.forcing[0].path.endswith(f"{folder}/clm5_cell.tif")
        tables = {e.process.options["table"] for e in config.experiments if e.process is not None}
        assert tables == {f"{folder}/clm5.npz"}
