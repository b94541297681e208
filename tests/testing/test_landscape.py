"""The synthetic landscape: known truth, honest sparsity, files like those that users have."""

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
import zarr

import hybridmap
from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.process import get_process
from hybridmap.testing.landscape import COVARIATES, NOISE, make_landscape


def test_public_and_reproducible() -> None:
    first, again = (hybridmap.testing.make_landscape(60, 70, 200, seed=3) for _ in range(2))
    other = hybridmap.testing.make_landscape(60, 70, 200, seed=4)
    np.testing.assert_array_equal(first.pools["soc"], again.pools["soc"])
    np.testing.assert_array_equal(first.observed["mbc"], again.observed["mbc"])
    assert not np.array_equal(first.pools["soc"], other.pools["soc"])


@pytest.mark.parametrize("seed", range(4))
def test_truth_is_possible_everywhere(seed: int) -> None:
    land = make_landscape(80, 90, 100, seed=seed)
    assert (land.pools["feasible"] == 1).all()
    assert land.pools["moc_saturation"].max() < 1.0
    assert land.pools["poc"].min() > 0
    assert 0.6 < land.land.mean() < 1.0
    assert land.land[land.row, land.col].all()
    assert len(land.covariates) == 12


def test_pools_follow_from_parameters_by_the_process_model() -> None:
    land = make_landscape(40, 50, 100)
    model = get_process("five_pool")
    flat = {k: torch.tensor(v.ravel()) for k, v in {**land.parameters, **land.forcing}.items()}
    out = model({k: flat[k] for k in land.parameters}, {k: flat[k] for k in ("npp", "mat")})
    np.testing.assert_allclose(out["soc"].numpy().reshape(40, 50), land.pools["soc"], rtol=1e-12)


def test_observations_are_sparse_and_noisy() -> None:
    land = make_landscape(120, 160, 4000)
    missing = {name: float(np.isnan(values).mean()) for name, values in land.observed.items()}
    assert missing == pytest.approx({"soc": 0.0, "poc": 0.65, "moc": 0.65, "mbc": 0.94}, abs=0.03)
    for name, sd in NOISE.items():
        ratio = np.log(land.observed[name] / land.pools[name][land.row, land.col])
        assert np.nanstd(ratio) == pytest.approx(sd, rel=0.15)


def test_mountains_are_left_out_where_the_survey_stays_below() -> None:
    land = make_landscape(60, 80, 300, highest_site_m=800.0)
    elevation = land.covariates["elevation"]
    assert elevation[land.row, land.col].max() <= 800.0
    assert land.land[land.row, land.col].all()
    assert 0.1 < (elevation[land.land] > 800.0).mean() < 0.6
    everywhere = make_landscape(60, 80, 300)
    np.testing.assert_array_equal(everywhere.pools["soc"], land.pools["soc"])
    with pytest.raises(HybridmapError, match="highest_site_m: 5, but no land is lower than"):
        make_landscape(60, 80, 300, highest_site_m=5.0)


def test_covariates_are_correlated_as_real_ones() -> None:
    land = make_landscape(120, 160, 100)
    table = np.corrcoef([land.covariates[n][land.land] for n in COVARIATES])
    strongest = np.abs(table - np.eye(12)).max(axis=1)
    assert (strongest > 0.25).all()


def test_files_come_in_several_kinds(small_region: tuple[Config, object]) -> None:
    folder = small_region[1]
    kinds = set()
    for path in (folder / "inputs/covariates").glob("*.tif"):  # type: ignore[operator]
        with rasterio.open(path) as file:
            kinds.add((file.crs.to_epsg(), file.dtypes[0]))
    assert {code for code, _ in kinds} == {3035, 4326}
    assert {kind for _, kind in kinds} == {"float32", "int16", "uint8"}


def test_the_demo_table_gives_back_the_truth(small_region: tuple[Config, object]) -> None:
    """Through reader, quality control, pedotransfer and slicing the density of the truth comes out, within noise."""
    folder = small_region[1]
    samples = pd.read_parquet(folder / "samples.parquet")  # type: ignore[operator]
    truth = zarr.open_group(folder / "inputs/truth.zarr", mode="r")  # type: ignore[operator]
    for target in ("soc", "poc", "moc"):
        column = "soc_density_kg_m3" if target == "soc" else f"{target}_kg_m3"
        true = np.asarray(truth[target])[samples["row"], samples["col"]]
        ratio = np.log(samples[column] / true)
        assert abs(np.nanmedian(ratio)) < 0.04
        assert np.nanstd(ratio) < 0.3
    ladder = pd.read_csv(folder / "q.csv")  # type: ignore[operator]
    assert {"coordinates", "depth", "organic_carbon", "replicate"} <= set(ladder["rule"])
