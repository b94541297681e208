"""GeoTIFFs: overviews without nodata in them, classes by majority, pieces that fit, styles; and the STAC item."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from map_stores import CLASSES, CONTINUOUS, europe, holed, store_of
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import shape

from hybridmap.config import Build, Config
from hybridmap.export.catalog import write_catalog
from hybridmap.export.cog import write_cogs
from hybridmap.export.stac import Subject, write_stac
from hybridmap.export.thumbnail import write_thumbnail
from hybridmap.files.geotiff import is_cut_off
from hybridmap.files.results import RegionFiles
from hybridmap.predict.colours import ramp
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal


@pytest.mark.parametrize("step", [0.0, 0.01])
def test_overviews_average_what_is_known(tmp_path: Path, step: float) -> None:
    values = holed(1500, 1300)
    layer = MapLayer("kg m-3", "carbon", step=step)
    write_cogs(store_of(tmp_path, europe(1500, 1300), soc=(layer, values)), tmp_path / "maps", tmp_path / "maps.json")
    assert cog_validate(tmp_path / "maps/soc.tif", strict=True)[0]
    with rasterio.open(tmp_path / "maps/soc.tif") as file:
        levels = file.overviews(1)
        assert len(levels) >= 2
        assert file.block_shapes == [(512, 512)]
        assert file.scales == (step or 1.0,)
        for level, factor in enumerate(levels):
            with rasterio.open(tmp_path / "maps/soc.tif", overview_level=level) as small:
                seen = small.read(1, masked=True) * (step or 1.0)
            assert 0.5 < (~np.ma.getmaskarray(seen)).mean() < 1.0  # nothing is eaten by nodata
            assert 30 < seen.min() <= seen.max() < 50  # and no nodata is averaged in
            assert seen.mean() == pytest.approx(40, abs=0.3)
            known = np.isfinite(values[:factor, :factor])
            assert np.ma.getmaskarray(seen)[0, 0] != known.any()
        first = file.tags(1)
        assert float(first["STATISTICS_MEAN"]) * (step or 1.0) == pytest.approx(np.nanmean(values), rel=1e-3)


def test_overviews_of_classes_are_classes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    codes = np.where(random.random((1400, 1200)) < 0.9, 1.0, 0.0)
    codes[:300] = np.nan
    write_cogs(store_of(tmp_path, europe(1400, 1200), applicable=(CLASSES, codes)), tmp_path / "m", tmp_path / "m.json")
    with rasterio.open(tmp_path / "m/applicable.tif") as file:
        assert file.dtypes == ("uint8",)
        assert file.nodata == 255
        assert file.colormap(1)[1] == (31, 111, 139, 255)
        last = len(file.overviews(1)) - 1
    with rasterio.open(tmp_path / "m/applicable.tif", overview_level=last) as small:
        seen = small.read(1)
    assert set(np.unique(seen)) <= {0, 1, 255}
    assert (seen[seen != 255] == 1).mean() > 0.99


def test_a_large_map_is_pieces_that_show_as_one(tmp_path: Path) -> None:
    values = holed(700, 900)
    store = store_of(tmp_path, europe(700, 900), tile=64, soc=(CONTINUOUS, values))
    write_cogs(store, tmp_path / "maps", tmp_path / "maps.json", piece=256)
    assert len(list((tmp_path / "maps/soc").glob("*.tif"))) == 12
    with rasterio.open(tmp_path / "maps/soc.vrt") as whole:
        np.testing.assert_array_equal(whole.read(1), values)
        assert whole.descriptions == ("soc",)
        assert whole.units == ("kg m-3",)
        assert whole.crs.to_epsg() == 3035
        assert whole.bounds == pytest.approx((4e6, 2.3e6, 4.9e6, 3e6))
    for file in (tmp_path / "maps/soc").glob("*.tif"):
        assert cog_validate(file, strict=True)[0]
    entry = json.loads((tmp_path / "maps.json").read_text())[0]
    assert entry["file"] == "maps/soc.vrt"
    assert entry["cells"] == np.isfinite(values).sum()
    assert entry["mean"] == pytest.approx(np.nanmean(values.astype("float64")))
    # The same folder in one piece again: what is stale goes.
    write_cogs(store, tmp_path / "maps", tmp_path / "maps.json")
    assert sorted(p.name for p in (tmp_path / "maps").iterdir()) == ["soc.qmd", "soc.qml", "soc.tif"]


def test_styles_fit_what_they_show(tmp_path: Path) -> None:
    change = np.random.default_rng(0).normal(-0.5, 0.2, (64, 64))
    empty = np.full((64, 64), np.nan)
    maps = {
        "soc": (CONTINUOUS, holed(64, 64)),
        "soc_change_warmer": (replace(CONTINUOUS, portrayal=Portrayal("scenario", symmetric=True)), change),
        "applicable": (CLASSES, np.ones((64, 64))),
        "nothing": (CONTINUOUS, empty),
    }
    write_cogs(store_of(tmp_path, europe(64, 64), tile=64, **maps), tmp_path / "m", tmp_path / "m.json")
    found = {name: ET.parse(tmp_path / f"m/{name}.qml").getroot() for name in maps}
    ramp = [float(item.get("value", "")) for item in found["soc_change_warmer"].iter("item")]
    assert ramp[0] == -ramp[-1] < 0
    assert ramp[len(ramp) // 2] == 0
    labels = [entry.get("label") for entry in found["applicable"].iter("paletteEntry")]
    assert labels == ["outside", "inside"]
    soc = [float(item.get("value", "")) for item in found["soc"].iter("item")]
    assert 30 < soc[0] < soc[-1] < 50
    entries = {e["name"]: e for e in json.loads((tmp_path / "m.json").read_text())}
    assert entries["nothing"]["cells"] == 0
    assert entries["nothing"]["mean"] is None


def test_the_stac_item_is_valid_and_leads_to_the_files(tmp_path: Path, small_region: tuple[Config, Path]) -> None:
    config, folder = small_region
    store = store_of(tmp_path, europe(64, 64), tile=64, soc=(CONTINUOUS, holed(64, 64)))
    write_cogs(store, tmp_path / "maps", tmp_path / "maps.json")
    out = tmp_path / "item.json"
    subject = Subject("demo-some-neural", "Demo: some neural", config.build)
    write_stac(subject, store, tmp_path / "maps.json", folder / "samples.parquet", out)
    raw = json.loads(out.read_text())
    years = pd.read_parquet(folder / "samples.parquet")["year"]
    item = pystac.Item.from_dict(raw)
    pystac.validation.validate_dict(
        {**raw, "stac_extensions": []}, stac_object_type=pystac.STACObjectType.ITEM, href=str(out)
    )
    assert item.id == "demo-some-neural"
    assert item.properties["hybridmap:depth_cm"] == [0.0, 20.0]
    assert item.properties["proj:code"] == "EPSG:3035"
    assert item.properties["start_datetime"].startswith(f"{int(years.min())}-01-01")
    assert (out.parent / item.assets["soc"].href).is_file()
    assert (out.parent / item.assets["zarr"].href).is_dir()
    band = item.assets["soc"].extra_fields["raster:bands"][0]
    assert band["unit"] == "kg m-3"
    assert 38 < band["statistics"]["mean"] < 42
    assert item.properties["end_datetime"].startswith(str(int(years.max())))
    assert shape(item.geometry).is_valid


def test_a_catalog_leads_to_the_items_and_their_pictures(tmp_path: Path) -> None:
    region, written = tmp_path / "region", []
    (tmp_path / "samples").mkdir()
    samples = tmp_path / "samples/samples.parquet"
    pd.DataFrame({"year": [2010.0], "licence": ["CC0-1.0"]}).to_parquet(samples)
    for name in ("flat", "deep"):
        of = RegionFiles(region).experiment(name)
        of.folder.mkdir(parents=True)
        high = np.where(np.arange(640) < 320, 90.0, 10.0) * np.ones((64, 1))
        quantity = replace(CONTINUOUS, portrayal=Portrayal("quantity", "SOC", "YlOrBr"))
        store = store_of(of.folder, europe(64, 640), 64, a=(CONTINUOUS, holed(64, 640)), soc=(quantity, high))
        write_cogs(store, of.rasters, of.map_list)
        subject = Subject(f"r-{name}", f"Region: {name}", Build(), RegionFiles(region).catalog)
        write_stac(subject, of.maps, of.map_list, samples, of.stac_item)
        written.append(of.stac_item)
    write_catalog("some_region", "Some region", written, RegionFiles(region).catalog)
    text = RegionFiles(region).catalog.read_text() + of.stac_item.read_text()
    assert str(tmp_path) not in text
    moved = region.rename(tmp_path / "moved")
    catalog = pystac.Catalog.from_file(str(moved / "catalog.json"))
    pystac.validation.validate_dict(catalog.to_dict(), stac_object_type=pystac.STACObjectType.CATALOG)
    assert catalog.id == "some-region"
    items = list(catalog.get_items())
    assert [item.id for item in items] == ["r-flat", "r-deep"]
    assert [link.title for link in catalog.get_item_links()] == ["Region: flat", "Region: deep"]
    for item in items:
        assert item.get_root() is catalog
        assert item.get_parent() is catalog
        assert [link.href for link in item.get_links("license")] == [
            "https://creativecommons.org/publicdomain/zero/1.0/"
        ]
        picture = Path(item.make_asset_hrefs_absolute().assets["thumbnail"].href)
        seen = imread(picture)
        assert seen.shape == (51, 512, 4)
        np.testing.assert_allclose(seen[25, 100], to_rgba(ramp("YlOrBr", 2)[1]), atol=0.01)
        np.testing.assert_allclose(seen[25, 400], to_rgba(ramp("YlOrBr", 2)[0]), atol=0.01)
    before = picture.read_bytes()
    entries = json.loads((moved / "experiments/deep/maps.json").read_text())
    write_thumbnail(entries, moved / "experiments/deep", picture)
    assert picture.read_bytes() == before


FULL = """
import resource, signal, sys
from pathlib import Path
from hybridmap.errors import HybridmapError
from hybridmap.files.geotiff import is_cut_off
from hybridmap.export.catalog import write_catalog
from hybridmap.export.cog import write_cogs
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit then fails as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    write_cogs(folder / "maps.zarr", folder / "maps", folder / "maps.json")
except HybridmapError as error:
    print(error)
"""


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """What a full disk leaves where only the last bytes of the last tile are missing."""
    store_of(tmp_path, europe(600, 600), soc=(CONTINUOUS, np.random.default_rng(0).normal(40, 2, (600, 600))))
    write_cogs(tmp_path / "maps.zarr", tmp_path / "maps", tmp_path / "maps.json")
    path = tmp_path / "maps/soc.tif"
    assert not is_cut_off(path)
    os.truncate(path, path.stat().st_size - 100)
    assert cog_validate(str(path))[0]  # its head is in order
    assert is_cut_off(path)
    os.truncate(path, 100)
    assert is_cut_off(path)


@pytest.mark.parametrize("limit", [100_000, 8_200_000])
def test_a_full_disk_is_said_and_leaves_no_file(tmp_path: Path, limit: int) -> None:
    """While the plain file is written, and while it is copied."""
    values = np.random.default_rng(0).normal(40, 2, (1500, 1300))
    store_of(tmp_path, europe(1500, 1300), soc=(CONTINUOUS, values))
    command = [sys.executable, "-c", FULL, str(tmp_path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "soc.tif: cannot be written" in done.stdout, done.stdout + done.stderr
    assert "is the disk full?" in done.stdout
    assert list((tmp_path / "maps").iterdir()) == []


def test_withheld_maps_are_listed_and_have_no_files(tmp_path: Path) -> None:
    values = holed(200, 300)
    store = store_of(tmp_path, europe(200, 300), soc=(CONTINUOUS, values))
    write_cogs(store, tmp_path / "maps", tmp_path / "maps.json")
    assert (tmp_path / "maps/soc.tif").is_file()
    write_cogs(store, tmp_path / "maps", tmp_path / "maps.json", withheld="physics fails")
    assert not list((tmp_path / "maps").iterdir()), "those of an earlier run are gone too"
    assert (tmp_path / "maps.sums").is_file()
    entry = json.loads((tmp_path / "maps.json").read_text())[0]
    assert entry["file"] == ""
    assert entry["withheld"] == "physics fails"
    assert entry["mean"] == pytest.approx(np.nanmean(values), rel=1e-4)
    samples = pd.DataFrame({"year": [2010.0], "licence": ["CC0-1.0"]})
    samples.to_parquet(tmp_path / "samples.parquet")
    subject = Subject("x", "t", Build())
    write_stac(subject, store, tmp_path / "maps.json", tmp_path / "samples.parquet", tmp_path / "item.json")
    assert list(pystac.Item.from_file(str(tmp_path / "item.json")).assets) == ["zarr"]
    assert imread(tmp_path / "item.png").shape == (1, 1, 4)
    assert imread(tmp_path / "item.png")[0, 0, 3] == 0
