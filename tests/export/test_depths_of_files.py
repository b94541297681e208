"""A stock from the surface to a depth says its depth in the store, the NetCDF, the GeoTIFF and the item."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import xarray as xr

from hybridmap.config import Build, Config
from hybridmap.covariates.cube import open_cube
from hybridmap.export.cog import write_cogs
from hybridmap.export.netcdf import write_netcdf
from hybridmap.export.stac import Subject, write_stac
from hybridmap.grid.depth_axis import Interval
from hybridmap.predict.kinds.derived import stock_to
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.map_store import MapStore

DEPTHS = (Interval(0, 5), Interval(5, 30), Interval(30, 100))
LAYERS = {
    "soc": MapLayer("kg m-3", "carbon"),
    "soc_stock_0_30cm": stock_to("carbon stock", 30),
    "soc_stock_0_30cm_lower": stock_to("lower end of carbon stock", 30, {"interval_level": 0.9}),
    "soc_stock_0_100cm": stock_to("carbon stock", 100),
}


def test_stocks_from_the_surface_say_their_depth_everywhere(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    cube, store = open_cube(small_region[1] / "cube.zarr"), MapStore(tmp_path / "maps.zarr")
    with store.lock():
        store.begin("identity", LAYERS, cube, 64, (2009, 2018), DEPTHS)
        store.finish()
        store.drop_receipts()
    write_netcdf(store.out, tmp_path / "maps.nc")
    for opened in (xr.open_zarr(store.out), xr.open_dataset(tmp_path / "maps.nc", decode_coords="all")):
        for name, bottom_cm in {"soc_stock_0_30cm": 30, "soc_stock_0_30cm_lower": 30, "soc_stock_0_100cm": 100}.items():
            about = opened[name].attrs
            assert (about["depth_top_cm"], about["depth_bottom_cm"]) == (0, bottom_cm)
        assert "depth_top_cm" not in opened["soc"].attrs
        np.testing.assert_allclose(opened["soc"]["depth"], [0.025, 0.175, 0.65])
    write_cogs(store.out, tmp_path / "maps", tmp_path / "maps.json")
    files = {path.stem for path in (tmp_path / "maps").glob("*.tif")}
    assert files == {"soc_0-5cm", "soc_5-30cm", "soc_30-100cm", *LAYERS} - {"soc"}
    with rasterio.open(tmp_path / "maps/soc_stock_0_30cm.tif") as file:
        tags = file.tags(1)
    assert (tags["depth_top_cm"], tags["depth_bottom_cm"]) == ("0", "30")
    pd.DataFrame({"year": [2009.0], "licence": ["CC0-1.0"]}).to_parquet(tmp_path / "samples.parquet")
    files_of = store.out, tmp_path / "maps.json", tmp_path / "samples.parquet", tmp_path / "item.json"
    write_stac(Subject("r-net", "A title", Build()), *files_of)
    assets = json.loads((tmp_path / "item.json").read_text())["assets"]
    depths = {name: asset.get("hybridmap:depth_cm") for name, asset in assets.items()}
    assert depths["soc_stock_0_30cm_lower"] == [0, 30]
    assert depths["soc_stock_0_100cm"] == [0, 100]
    assert depths["soc_5-30cm"] == [5, 30]
