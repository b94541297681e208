"""What a finished store of maps says of where it comes from."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from map_stores import europe, store_of

from hybridmap.config import Publication
from hybridmap.errors import HybridmapError
from hybridmap.export.origin import Origin, write_origin
from hybridmap.files.sums import changed_file, write_sums
from hybridmap.grid.store import consolidate
from hybridmap.predict.map_layers import MapLayer

PUBLISHED = Origin("One", (2009, 2018), ("CC0-1.0",), ("survey",), "0.1", Publication(citation="Muster (2026)"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = store_of(tmp_path, europe(16, 16), 16, soc=(MapLayer("kg m-3", "carbon"), np.ones((16, 16))))
    consolidate(path)
    write_sums(path, path, {})
    return path


def test_another_title_leaves_the_maps_and_what_was_said_first_leaves_no_trace(store: Path, tmp_path: Path) -> None:
    once = tmp_path / "once.zarr"
    shutil.copytree(store, once)
    shutil.copy(f"{store}.sums", f"{once}.sums")
    time = (store / "zarr.json").stat().st_mtime_ns
    pixels = {path: path.read_bytes() for path in store.rglob("c/**/*") if path.is_file()}
    last = replace(PUBLISHED, title="Böden „zwei“", publication=None)
    for origin in (PUBLISHED, last):
        write_origin(store, origin)
        assert changed_file(store) == ""
    write_origin(once, last)
    assert (store / "zarr.json").read_bytes() == (once / "zarr.json").read_bytes()
    assert (store / "zarr.json").stat().st_mtime_ns == time
    assert pixels
    assert all(path.read_bytes() == content for path, content in pixels.items())
    about = dict(zarr.open_group(store, mode="r").attrs)
    assert about["title"] == "Böden „zwei“"
    assert about["license"] == "made of observations under CC0-1.0"
    assert "citation" not in about
    assert xr.open_zarr(store).attrs["title"] == about["title"]


def test_a_damaged_store_stays_damaged(store: Path) -> None:
    text = (store / "zarr.json").read_text()
    (store / "zarr.json").write_text(text.replace('"zarr_format": 3', '"zarr_format":  3', 1))
    with pytest.raises(HybridmapError, match="damaged"):
        write_origin(store, PUBLISHED)
    assert changed_file(store)
