"""Which pixels are values: codes of every type, masks, ranges, and fill values that no file declares."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from hybridmap.config.reading import parse_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.layer_check import check_layer
from hybridmap.covariates.warp import warp_layer
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

GRID = {"crs": "EPSG:4326", "resolution": 0.5, "bounds": [10, 45, 15, 50]}


def write(path: Path, values: Any, resolution: float = 0.5, **keys: Any) -> None:
    bands = np.atleast_3d(np.asarray(values).T).T
    with rasterio.open(
        path, "w", driver="GTiff", height=bands.shape[1], width=bands.shape[2], count=len(bands), dtype=bands.dtype,
        **{"transform": from_origin(9, 51, resolution, resolution), "crs": "EPSG:4326", **keys},
    ) as file:  # fmt: skip
        file.write(bands)


def layers(folder: Path, grid: dict[str, Any] = GRID, **keys: Any) -> RegionLayers:
    layer = {"name": "a", "path": "a.tif", **keys}
    return RegionLayers.of(parse_config({"data_root": str(folder), "grid": grid, "covariates": [layer]}, "test"))


def warped(folder: Path, grid: dict[str, Any] = GRID, number: int = 0, **keys: Any) -> NDArray[np.float32]:
    found = layers(folder, grid, **keys)
    return warp_layer(found.covariates[number], RegionGrid.of(found.grid), found.data_root)


def said(folder: Path, grid: dict[str, Any] = GRID, **keys: Any) -> str:
    found = layers(folder, grid, **keys)
    return check_layer(found.covariates[0], RegionGrid.of(found.grid), found.data_root)


def field(dtype: str, hole: Any) -> NDArray[Any]:
    values = np.add.outer(np.arange(14), np.arange(14)).astype(dtype)
    values[4:7, 4:7] = np.array(hole).astype(dtype)
    return values


@pytest.mark.parametrize("kind", ["continuous", "average"])
@pytest.mark.parametrize(("codes", "keys"), [((32766, 32767), {"valid_range": [0, 3.27]}), ((-1, 32767), {}),
                                            ((32761, 32765), {"nodata": [32761, 32765]})])  # fmt: skip
def test_fill_codes_never_enter_a_mean(tmp_path: Path, kind: str, codes: tuple[int, int], keys: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    npp = np.full((70, 70), 5000, "int16")
    npp[:, :35] = 6000
    for code in codes:
        npp[random.random(npp.shape) < 0.15] = code
    write(tmp_path / "a.tif", npp, 0.1, nodata=codes[1])
    keys = keys or {"nodata": list(codes)}
    found = warped(tmp_path, kind=kind, scale=0.0001, **keys)
    np.testing.assert_allclose(found[:, :5], 0.6, rtol=1e-6)
    np.testing.assert_allclose(found[:, 5:], 0.5, rtol=1e-6)


UNDECLARED = [
    ("float32", -3.4e38), ("float32", 1e20), ("float32", -1e34), ("float32", -999), ("float64", -1.797e308),
    ("uint16", 65535), ("uint8", 255), ("int32", -2147483648), ("int16", -9999), ("int16", 32767), ("float32", -9999),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "code"), UNDECLARED)
def test_undeclared_codes_are_refused_and_the_advice_works(tmp_path: Path, dtype: str, code: float) -> None:
    import yaml

    write(tmp_path / "a.tif", field(dtype, code))
    with pytest.raises(HybridmapError, match="looks like a nodata value") as error:
        warped(tmp_path)
    advice = str(error.value).partition("add 'nodata: ")[2].partition("'")[0]
    found = warped(tmp_path, nodata=yaml.safe_load(advice))
    assert np.isnan(found).sum() == 9
    assert np.nanmax(abs(found)) < 30


@pytest.mark.parametrize("codes", [(-9998,), (-32765,), (5555,), (-9999, -9998), (-3, -4444, -4445)])
def test_codes_that_no_list_has_are_known_by_their_distance(tmp_path: Path, codes: tuple[int, ...]) -> None:
    values = field("float32", 0) + 7.5
    for number, code in enumerate(codes):
        values[4 + number, 4:12] = code
    write(tmp_path / "a.tif", values)
    with pytest.raises(HybridmapError, match=f"are {min(codes) if codes[0] < 0 else codes[0]}, which looks like"):
        warped(tmp_path)
    assert np.isfinite(warped(tmp_path, valid_range=[-1e6, 1e6])).all()


@pytest.mark.parametrize("far", [0, -70, 120])
def test_pixels_that_are_far_but_may_be_values_pass(tmp_path: Path, far: float) -> None:
    write(tmp_path / "a.tif", np.where(np.arange(14)[None] == 7, far, field("float32", 0) + 20).astype("float32"))
    assert np.isfinite(warped(tmp_path)).all()


@pytest.mark.parametrize("keys", [{"kind": "continuous"}, {"kind": "average"}])
def test_an_attribute_that_would_unpack_pixels_is_followed_or_asked_about(tmp_path: Path, keys: dict[str, Any]) -> None:
    write(tmp_path / "a.tif", field("int16", 3) * 10)
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.update_tags(scale_factor="0.1")
    with pytest.raises(HybridmapError, match=r"says 0.1 .*; give the 'scale' by which .*, or 'scale: 1'"):
        warped(tmp_path, **keys)
    np.testing.assert_allclose(warped(tmp_path, scale=0.1, **keys), warped(tmp_path, scale=1, **keys) / 10, rtol=1e-5)
    assert np.isfinite(warped(tmp_path, classes={30: "x"})).all(), "classes are compared as they are"
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.scales = (0.1,)
    np.testing.assert_allclose(warped(tmp_path, **keys), warped(tmp_path, scale=1, **keys) / 10, rtol=1e-5)


@pytest.mark.parametrize(("said", "unit"), [("K", "degC"), ("cm", "m"), ("kg/m2", "g C m-2"), ("percent", "1")])
def test_a_unit_of_the_file_that_is_another_one_is_asked_about(tmp_path: Path, said: str, unit: str) -> None:
    write(tmp_path / "a.tif", field("float32", 3))
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.units = (said,)
    with pytest.raises(HybridmapError, match=f"values are in '{said}', and 'unit' says {unit}; give the 'scale'"):
        warped(tmp_path, unit=unit)
    assert np.isfinite(warped(tmp_path, unit=unit, scale=1)).all()
    assert np.isfinite(warped(tmp_path, unit=said)).all()


@pytest.mark.parametrize(
    ("said", "unit"), [("metre", "m"), ("m", "1"), ("kg m**-2", "kg/m2"), ("1", "pct"), ("?!", "m")]
)
def test_a_unit_of_the_file_that_is_the_same_or_none_passes(tmp_path: Path, said: str, unit: str) -> None:
    write(tmp_path / "a.tif", field("float32", 3))
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.units = (said,)
    assert np.isfinite(warped(tmp_path, unit=unit)).all()


def test_metres_that_are_called_degrees_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", field("float32", 3), transform=from_origin(4e6, 3e6, 1000, 1000))
    with pytest.raises(HybridmapError, match="which are no degrees, but its coordinate reference system is 'WGS 84'"):
        warped(tmp_path)


@pytest.mark.parametrize("values", [np.arange(196).reshape(14, 14).astype("uint8") + 60, field("int16", 26),
                                    np.where(field("uint8", 9) > 9, 255, 0).astype("uint8")])  # fmt: skip
def test_ends_of_a_type_that_are_values_pass(tmp_path: Path, values: NDArray[Any]) -> None:
    write(tmp_path / "a.tif", values)
    assert np.isfinite(warped(tmp_path)).all()


@pytest.mark.parametrize(("dtype", "code"), [("uint8", -9999), ("uint8", 0.5), ("int16", 65535), ("float32", 1e39)])
def test_nodata_that_the_type_cannot_hold_is_refused(tmp_path: Path, dtype: str, code: float) -> None:
    write(tmp_path / "a.tif", field(dtype, 3))
    with pytest.raises(HybridmapError, match=f"no pixel can be .* they are {dtype}"):
        warped(tmp_path, nodata=code)


def test_complex_pixels_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", field("complex64", 3))
    with pytest.raises(HybridmapError, match="complex numbers"):
        warped(tmp_path)


@pytest.mark.parametrize("keys", [{"kind": "categorical"}, {"kind": "mode"}, {"classes": {1: "a", 2: "b"}}, {}])
def test_masks_hide_pixels_of_every_kind(tmp_path: Path, keys: dict[str, Any]) -> None:
    classes = np.ones((70, 70), "uint8")
    classes[35:, 35:] = 2
    write(tmp_path / "a.tif", classes, 0.1)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(tmp_path / "a.tif", "r+") as file:
        mask = np.full((70, 70), 255, "uint8")
        mask[:35] = 0
        file.write_mask(mask)
    found = warped(tmp_path, **keys)
    assert np.isfinite(found).sum() == 50
    assert np.isnan(found[:5]).all()


def test_pixels_in_no_class_are_said(tmp_path: Path) -> None:
    classes = np.random.default_rng(0).integers(1, 5, (70, 70)).astype("uint8")
    write(tmp_path / "a.tif", classes, 0.1)
    assert "of its pixels are in no class of 'classes' (4)" in said(tmp_path, classes={1: "one", "2,3": "two"})
    assert "no class" not in said(tmp_path, classes={1: "one", "2,3": "two", 4: "four"})


def test_bands_and_what_is_lost_are_said_and_months_need_twelve(tmp_path: Path) -> None:
    steps = np.stack([field("float32", 5) + i for i in range(24)])
    steps[:, 2:7] = np.nan
    write(tmp_path / "a.tif", steps)
    words = said(tmp_path)
    assert "band 1 of 24" in words
    assert "is nodata" in words
    with pytest.raises(HybridmapError, match="the file has 24 bands, where 12 are asked for"):
        warped(tmp_path, months=True)


def test_min_share_leaves_out_cells_with_few_pixels(tmp_path: Path) -> None:
    values = np.full((70, 70), np.nan, "float32")
    values[:, ::5] = np.arange(14)  # one of five pixels each way
    values[:35] = 1.0
    write(tmp_path / "a.tif", values, 0.1)
    assert np.isfinite(warped(tmp_path, kind="average")).all()
    assert np.isfinite(warped(tmp_path, kind="average", min_share=0.5)).sum() == 50


def test_mode_is_the_majority(tmp_path: Path) -> None:
    classes = np.random.default_rng(3).choice([7, 2, 9], (280, 280), p=[0.6, 0.3, 0.1]).astype("uint8")
    write(tmp_path / "a.tif", classes, 0.025)
    assert (warped(tmp_path, kind="mode") == 7).all()
    assert "'kind: mode'" in said(tmp_path, kind="categorical")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "float32", "float64"])
def test_an_alpha_band_of_any_type_hides_pixels(tmp_path: Path, dtype: str) -> None:
    values = field(dtype, 3)
    alpha = np.full(values.shape, 100).astype(dtype)
    alpha[4:7, 4:7] = 0
    write(tmp_path / "a.tif", np.stack([values, alpha]))
    assert np.isfinite(warped(tmp_path)).all(), "a second band is no mask by itself"
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.colorinterp = [rasterio.enums.ColorInterp.gray, rasterio.enums.ColorInterp.alpha]
    found = warped(tmp_path)
    assert np.isnan(found[2:5, 2:5]).all()
    assert np.isfinite(found).sum() == found.size - 9
    assert np.isfinite(warped(tmp_path, band=2)).sum() >= found.size - 9, "the alpha band itself may be a layer"
