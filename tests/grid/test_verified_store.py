"""A store that is damaged in any file is not read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pyproj import CRS

from hybridmap.errors import HybridmapError
from hybridmap.files.sums import lost_file, sums_file
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.resumable_store import ResumableStore
from hybridmap.grid.store import create_grid_store, create_layer, grid_of
from hybridmap.grid.tiles import tiles_of
from hybridmap.grid.verified_store import open_verified

GRID = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 40, 20)
COORDINATES = (("x", "c"), ("y", "c"), ("spatial_ref", "c"))
NAN_TILE = "0_32"


def create(path: Path) -> None:
    create_layer(create_grid_store(path, GRID, {}), "a", GRID.sizes, 16, {})


def make(out: Path) -> None:
    store = ResumableStore(out)
    with store.lock():
        store.resume_or_create(
            "x", lambda path: create_layer(create_grid_store(path, GRID, {}), "a", GRID.sizes, 16, {})
        )
        for tile in tiles_of(GRID, 16):
            values = np.full(tile.shape, np.nan if tile.name == NAN_TILE else tile.row0 + 1.0, "float32")
            store.write_tile(tile, [("a", values)], b"")
        store.finish()
        store.drop_receipts()


def read(out: Path) -> float:
    root = open_verified(out)
    grid_of(root)
    return float(np.nansum(np.asarray(root["a"][:, :])))  # type: ignore[index]


def test_damage_of_any_file_is_named_when_it_is_read(tmp_path: Path) -> None:
    out = tmp_path / "maps.zarr"
    make(out)
    whole = read(out)
    shutil.copytree(out, tmp_path / "copy")
    files = [p for p in out.rglob("*") if p.is_file()]
    shards = [p for p in files if p.parent.parent.parent.name == "a"]
    assert len(shards) == 5
    for file in files:
        content = file.read_bytes()
        swapped = next(p for p in shards if p != file).read_bytes()
        flipped = (
            content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 4]) + content[len(content) // 2 + 1 :]
        )
        for damage in (b"", content[:-1], bytes(len(content)), flipped, swapped, None):
            if damage == content:
                continue
            file.unlink() if damage is None else file.write_bytes(damage)
            if file.relative_to(out).parts[:2] in COORDINATES:  # which nobody reads here
                assert read(out) == whole
            else:
                with pytest.raises(HybridmapError, match=r"maps\.zarr"):
                    read(out)
            is_other_size = damage is None or len(damage) != len(content)
            assert bool(lost_file(out)) == is_other_size
            file.write_bytes(content)
    assert read(out) == whole


def test_a_shard_that_appears_from_nowhere_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "maps.zarr"
    make(out)
    shutil.copy(out / "a/c/0/0", out / "a/c/0/2")
    with pytest.raises(HybridmapError, match="a/c/0/2 does not belong to it"):
        read(out)


def test_sums_that_are_damaged_are_said_and_a_store_without_them_is_read(tmp_path: Path) -> None:
    out = tmp_path / "maps.zarr"
    make(out)
    sums_file(out).write_text("{")
    assert lost_file(out) == "maps.zarr.sums"
    with pytest.raises(HybridmapError, match=r"maps\.zarr\.sums: damaged"):
        read(out)
    sums_file(out).unlink()
    read(out)
    assert lost_file(out) == ""
