"""The SOC map against a published one: the weighted sum of its layers, and scores over cells that both have."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import write_raster
from numpy.typing import NDArray

from hybridmap.config import Grid, Raster, Reference
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.evaluate.reference_map import compare_reference, reference_map
from hybridmap.grid.depth_axis import DEPTH, Interval, create_depth_axis
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer

GRID = RegionGrid.of(Grid(crs="EPSG:3035", resolution=1000, bounds=(4_000_000, 2_960_000, 4_050_000, 3_000_000)))


@pytest.fixture
def reference(tmp_path: Path, plane: NDArray[np.float32]) -> Reference:
    for name, values in (("upper", plane), ("lower", plane + 10.0)):
        values = values.copy()
        values[0, :3] = -1.0
        write_raster(tmp_path / f"{name}.tif", values, 4_000_000, 3_000_000, 1000, nodata=-1.0)
    layers = [Raster(name=name, path=f"{name}.tif") for name in ("upper", "lower")]
    return Reference(name="published", layers=layers, weights=[0.25, 0.75])


def test_a_reference_is_the_weighted_sum_of_its_layers(
    reference: Reference, tmp_path: Path, plane: NDArray[np.float32]
) -> None:
    values = reference_map(reference, GRID, str(tmp_path))
    assert np.isnan(values[0, :3]).all()
    np.testing.assert_allclose(values[1:], plane[1:] + 7.5, rtol=1e-5)
    short = reference.model_copy(update={"weights": [1.0]})
    with pytest.raises(HybridmapError, match="'published': 1 weights for 2 layers"):
        reference_map(short, GRID, str(tmp_path))


def test_scores_are_over_the_cells_that_both_maps_have(
    reference: Reference, tmp_path: Path, plane: NDArray[np.float32]
) -> None:
    root = create_grid_store(tmp_path / "maps.zarr", GRID, {"title": "t"})
    with pytest.raises(HybridmapError, match="no map 'soc' to compare"):
        compare_reference(reference, str(tmp_path), tmp_path / "maps.zarr", tmp_path / "out.json")
    mapped = 1.1 * plane + 2.0
    mapped[-1, :5] = np.nan
    create_layer(root, "soc", GRID.sizes, 256, {"units": "kg m-3"})[:] = mapped
    compare_reference(reference, str(tmp_path), tmp_path / "maps.zarr", tmp_path / "out.json")
    agreement = json.loads((tmp_path / "out.json").read_text())
    both = np.isfinite(mapped)
    both[0, :3] = False
    assert agreement["n"] == both.sum() == plane.size - 8
    assert agreement["bias"] == pytest.approx(metrics.bias(mapped[both], plane[both] + 7.5), rel=1e-4)
    assert agreement["rmse"] == pytest.approx(metrics.rmse(mapped[both], plane[both] + 7.5), rel=1e-4)
    assert agreement["pearson"] == pytest.approx(1.0)
    areas = GRID.cell_areas()[both]
    assert agreement["mean"] == pytest.approx(np.average(mapped[both], weights=areas), rel=1e-5)


def test_of_several_depths_the_mean_over_the_interval_of_the_reference_is_compared(
    reference: Reference, tmp_path: Path, plane: NDArray[np.float32]
) -> None:
    root = create_grid_store(tmp_path / "maps.zarr", GRID, {"title": "t"})
    create_depth_axis(root, [Interval(0, 5), Interval(5, 15), Interval(15, 30), Interval(30, 60)])
    mapped = np.stack([plane * factor for factor in (4.0, 3.0, 2.0, 1.0)])
    about = {"units": "kg m-3", "long_name": "carbon"}
    create_layer(root, "soc", {DEPTH: 4, **GRID.sizes}, 256, about)[:] = mapped
    store, out = tmp_path / "maps.zarr", tmp_path / "out.json"
    with pytest.raises(HybridmapError, match="say of which interval it is"):
        compare_reference(reference, str(tmp_path), store, out)
    with pytest.raises(HybridmapError, match="do not add up to its 0-20 cm"):
        compare_reference(reference.model_copy(update={"depth_cm": (0, 20)}), str(tmp_path), store, out)
    compare_reference(reference.model_copy(update={"depth_cm": (0, 30)}), str(tmp_path), store, out)
    agreement = json.loads(out.read_text())
    is_known = np.ones(plane.shape, bool)
    is_known[0, :3] = False
    mean = plane * (4.0 * 5 + 3.0 * 10 + 2.0 * 15) / 30
    assert agreement["mean"] == pytest.approx(np.average(mean[is_known], weights=GRID.cell_areas()[is_known]), rel=1e-5)
