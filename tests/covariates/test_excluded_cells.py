"""Land left out by its class: the cells it takes, the samples and maps without them, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from conftest import write_raster
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.check.exclusion import check_exclusion
from hybridmap.config import Config
from hybridmap.config.exclusion import ExcludedClass
from hybridmap.config.reading import parse_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import open_cube
from hybridmap.covariates.cube_build import build_cube
from hybridmap.covariates.excluded_cells import ExcludedCells
from hybridmap.errors import HybridmapError
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.predict.map_store import MapStore
from hybridmap.samples.sample import sample, sample_sites

WEST, NORTH, SIDE = 4_000_000.0, 2_640_000.0, 20
NAMED = {"name": "cover", "path": "cover.tif", "classes": {10: "forest", 50: "urban", "80,90": "water"}}
CODED = {"name": "cover", "path": "cover.tif", "kind": "mode"}
URBAN, WATER, LAKE = np.s_[0:4], np.s_[4:8], np.s_[8:10]
"""Rows of the raster."""


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, Any]:
    """A region of 20 x 20 cells: two covariates, and land cover in rows."""
    codes = np.full((SIDE, SIDE), 10, dtype="uint8")
    codes[URBAN], codes[WATER], codes[LAKE] = 50, 80, 90
    write_raster(tmp_path / "cover.tif", codes, WEST, NORTH, 1000)
    plane = np.add.outer(np.arange(SIDE), 3.0 * np.arange(SIDE)).astype("float32")
    plane[19, 19] = np.nan
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    grid = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [WEST, NORTH - 20_000, WEST + 20_000, NORTH]}
    covariates, forcing = [{"name": "a", "path": "a.tif"}], [{"name": "npp", "path": "a.tif"}]
    return {"region": "r", "data_root": str(tmp_path), "grid": grid, "covariates": covariates, "forcing": forcing}


def region(raw: dict[str, Any], layer: dict[str, Any], exclude: Any, section: str = "covariates") -> Config:
    return parse_config({**raw, section: [*raw.get(section, []), layer], "exclude": exclude}, "region.yaml")


@pytest.mark.parametrize("section", ["covariates", "auxiliary"])
@pytest.mark.parametrize(
    ("layer", "classes"), [(NAMED, ["urban", "water"]), (NAMED, ["Urban", "water"]), (CODED, [50, 80, 90])]
)
def test_excluded_cells_have_no_value_and_their_sites_a_reason(
    tmp_path: Path, raw: dict[str, Any], section: str, layer: dict[str, Any], classes: list[Any]
) -> None:
    config = region(raw, layer, {"layer": "cover", "classes": classes}, section)
    build_cube(RegionLayers.of(config), tmp_path / "cube.zarr", 16)
    cube = open_cube(tmp_path / "cube.zarr")
    expected = np.zeros((SIDE, SIDE), dtype=bool)
    expected[:10] = True
    assert ((cube.excluded(cube.grid.extent) > 0) == expected).all()
    is_known = ~expected
    is_known[19, 19] = False
    assert (cube.valid_mask() == is_known).all()
    covariates, forcing, valid = cube.read_window(cube.grid.extent)
    assert (valid == is_known).all()
    assert np.isnan(covariates[:, expected]).all()
    assert np.isnan(forcing["npp"][expected]).all()

    rows = np.array([1, 5, 9, 12, 19])
    lon, lat = (np.asarray(v) for v in _degrees(cube, rows, np.array([3, 3, 3, 3, 19])))
    sites = pd.DataFrame({"site_id": list("abcde"), "source": "s", "lon": lon, "lat": lat})
    drops = DropCounts("sample")
    assert sample_sites(sites, cube, drops)["site_id"].tolist() == ["d"]
    reasons = drops.dropped_rows().set_index("site_id")[["rule", "reason"]]
    assert reasons.loc["a", "rule"] == "excluded"
    assert reasons.loc["a", "reason"] == f"excluded land: the cell is cover {'50' if layer is CODED else 'urban'}"
    assert reasons.loc["c", "reason"] == f"excluded land: the cell is cover {'90' if layer is CODED else 'water'}"
    assert reasons.loc["e", "rule"] == "nodata"

    sites.to_parquet(tmp_path / "o.parquet")
    tables = [tmp_path / name for name in ("s.parquet", "q.csv")]
    sample(tmp_path / "o.parquet", tmp_path / "cube.zarr", *tables, dropped=tmp_path / "d.parquet")
    written = pd.read_parquet(tmp_path / "d.parquet").set_index("site_id")["reason"]
    assert written.to_dict() == reasons["reason"].to_dict()
    assert set(pd.read_csv(tables[1])["rule"]) == {"excluded", "nodata"}


def _degrees(cube: Any, rows: Any, columns: Any) -> Any:
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(cube.grid.crs, "EPSG:4326", always_xy=True)
    return to_degrees.transform(cube.grid.x[columns], cube.grid.y[rows])


def test_maps_say_which_class_took_a_cell(tmp_path: Path, raw: dict[str, Any]) -> None:
    config = region(raw, NAMED, {"layer": "cover", "classes": ["urban", "water"]})
    build_cube(RegionLayers.of(config), tmp_path / "cube.zarr", 16)
    cube, store = open_cube(tmp_path / "cube.zarr"), MapStore(tmp_path / "maps.zarr")
    with store.lock():
        store.begin("identity", {}, cube, 16)
        root = zarr.open_group(str(store.partial), mode="r")
        attributes, values = dict(root["excluded"].attrs), np.asarray(root["excluded"])
    assert attributes["flag_meanings"] == "cover_urban cover_water"
    assert attributes["_FillValue"] == 255
    assert (values[URBAN] == 1).all()
    assert (values[WATER] == 2).all()
    assert (values[10:] == 255).all()


def test_a_region_that_excludes_nothing_has_the_cube_that_it_had(tmp_path: Path, raw: dict[str, Any]) -> None:
    build_cube(RegionLayers.of(region(raw, CODED, [])), tmp_path / "cube.zarr", 16)
    cube = open_cube(tmp_path / "cube.zarr")
    assert cube.excluded_labels == []
    assert not (tmp_path / "cube.zarr/excluded").exists()
    assert not cube.excluded(cube.grid.extent).any()


@pytest.mark.parametrize(
    ("layer", "exclude", "says"),
    [
        (NAMED, {"layer": "cover", "classes": ["watr"]},
         r"no class 'watr' \(did you mean 'water'\?\); it has \['forest', 'urban', 'water'\]"),
        (NAMED, {"layer": "cover", "classes": [99]}, "has no class 99; it has 10, 50, 80, 90"),
        (NAMED, {"layer": "cover", "classes": [80]}, "class 80 of layer 'cover' is one of 'water'"),
        (CODED, {"layer": "cover", "classes": ["water"]}, "have no names, so 'water' is none of them; give codes"),
        (CODED, {"layer": "covr", "classes": [80]},
         r"no layer 'covr' \(did you mean 'cover'\?\); layers with classes are \['cover'\]"),
        (CODED, {"layer": "a", "classes": [80]}, "layer 'a' has no classes, its values are numbers"),
        (CODED, {"layer": "cover", "classes": [True]}, "True is no class"),
        (CODED, {"layer": "cover", "classes": []}, "exclude.classes"),
        (CODED, {"layer": "cover", "classes": [80], "shre": 1}, "unknown key"),
        ({**NAMED, "years": [2006], "path": "cover_{year}.tif"}, {"layer": "cover", "classes": ["water"]},
         "layer 'cover' has years"),
    ],
)  # fmt: skip
def test_what_is_no_class_is_a_sentence(
    raw: dict[str, Any], layer: dict[str, Any], exclude: dict[str, Any], says: str
) -> None:
    with pytest.raises(HybridmapError, match=says):
        region(raw, layer, exclude)


def test_check_says_what_is_lost_and_refuses_what_is_nowhere_or_everything(raw: dict[str, Any]) -> None:
    def said(layer: dict[str, Any], classes: list[Any]) -> str:
        config = region(raw, layer, {"layer": "cover", "classes": classes})
        return check_exclusion(config, config.exclude[0])

    assert said(NAMED, ["urban", "water"]) == "cover urban 20%, cover water 30% of the pixels"
    with pytest.raises(
        HybridmapError, match="no pixel of the region is cover 99; its classes there are 10, 50, 80, 90"
    ):
        said(CODED, [50, 99])
    with pytest.raises(HybridmapError, match="are all the land of the region; leave a class out"):
        said(NAMED, ["forest", "urban", "water"])


def test_a_region_of_which_nothing_is_left_is_a_sentence(tmp_path: Path, raw: dict[str, Any]) -> None:
    config = region(raw, CODED, [{"layer": "cover", "classes": [50, 80, 90]}, {"layer": "cover", "classes": [10]}])
    with pytest.raises(HybridmapError, match=r"no cell of the region is left: 'exclude' takes 400 \(cover 50: 80,"):
        build_cube(RegionLayers.of(config), tmp_path / "cube.zarr", 16)
    assert not (tmp_path / "cube.zarr").exists()


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2), st.floats(0.01, 1))
def test_a_cell_is_left_out_where_the_classes_together_reach_the_share(shares: list[float], share: float) -> None:
    layers = {"a": np.float32([[shares[0]]]), "b": np.float32([[shares[1]]])}
    classes = tuple(ExcludedClass(f"cover {key}", key, None) for key in layers)
    number = int(ExcludedCells(((classes, share),)).numbers(layers.__getitem__)[0, 0])
    total = np.float32(shares[0]) + np.float32(shares[1])
    assert bool(number) == bool(total >= np.float32(share))
    if number:
        assert number == 1 + int(shares[1] > shares[0])
