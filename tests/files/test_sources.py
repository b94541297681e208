"""Digests of the user's files: content counts, times do not, and everything behind a name is found."""

import os
import zipfile
from pathlib import Path

import pytest

from hybridmap.files.sources import Digests

OLD = (1_000_000_000, 1_000_000_000)


def old(path: Path, content: str | bytes) -> Path:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def digest(folder: Path, *names: str | Path) -> str:
    return Digests(folder / "memory.json").of(map(str, names))


def test_a_touched_file_keeps_its_digest_and_a_changed_one_does_not(tmp_path: Path) -> None:
    file = old(tmp_path / "a.csv", "one")
    first = digest(tmp_path, file)
    os.utime(file, OLD)
    assert digest(tmp_path, file) == first
    file.write_text("two")
    os.utime(file, OLD)
    assert digest(tmp_path, file) != first


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = old(tmp_path / "a.csv", "one")
    monkeypatch.setattr("hybridmap.files.sources.SETTLED_S", -1.0)
    first = digest(tmp_path, file)
    monkeypatch.setattr("hybridmap.files.sources.hashlib.file_digest", lambda *_: pytest.fail("read again"))
    assert digest(tmp_path, file) == first


def test_a_memory_that_was_cut_short_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridmap.files.sources.SETTLED_S", -1.0)
    file = old(tmp_path / "a.csv", "one")
    first = digest(tmp_path, file)
    for content in ("", "{", "[]", '{"x": 1}'):
        (tmp_path / "memory.json").write_text(content)
        assert digest(tmp_path, file) == first


def vrt(source: str, relative: int = 1) -> str:
    return f'<VRTDataset><SourceFilename relativeToVRT="{relative}">{source}</SourceFilename></VRTDataset>'


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a.tif", "a.tif"),
        ("a.tif", "a.tif.aux.xml"),
        ("a.tif", "a.tif.msk"),
        ("a.tif", "a.tfw"),
        ("a.shp", "a.dbf"),
        ("outer.vrt", "tiles/a.tif"),
        ("outer.vrt", "tiles/inner.vrt"),
        ("outer.vrt", "tiles/deep.tif"),
        ("outer.vrt", "c&d.tif"),
        ("cube.zarr", "cube.zarr/v/c/0/0"),
        ('ZARR:"cube.zarr":/v', "cube.zarr/v/c/0/0"),
        ("NETCDF:a.nc:tas", "a.nc"),
        ("/vsizip/a.zip/inside.tif", "a.zip"),
        ("/vsizip/{a.zip}/inside.tif", "a.zip"),
        ("/vsigzip/a.tif.gz", "a.tif.gz"),
    ],
)
def test_everything_behind_a_name_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, changed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("a.tif", "a.tif.aux.xml", "a.tif.msk", "a.tfw", "a.shp", "a.dbf", "a.nc", "a.tif.gz", "c&d.tif")
    for plain in (*names, "tiles/a.tif", "tiles/deep.tif", "cube.zarr/v/c/0/0", "cube.zarr/zarr.json", "other.tif"):
        old(tmp_path / plain, plain)
    old(tmp_path / "tiles/inner.vrt", vrt("deep.tif"))
    old(tmp_path / "outer.vrt", vrt("tiles/a.tif") + vrt("c&amp;d.tif") + vrt(f"{tmp_path}/tiles/inner.vrt", 0))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside.tif", "x")
    first = digest(tmp_path, name)
    old(tmp_path / "other.tif", "changed")
    assert digest(tmp_path, name) == first
    with (tmp_path / changed).open("ab") as stream:
        stream.write(b" ")
    assert digest(tmp_path, name) != first


def test_what_is_not_there_and_what_is_elsewhere_count_by_name(tmp_path: Path) -> None:
    file = tmp_path / "later.tif"
    first = digest(tmp_path, file)
    assert digest(tmp_path, "https://example.org/a.tif") != digest(tmp_path, "https://example.org/b.tif")
    for name in ("x" * 5000, "a\0b", "", "::", '""'):
        digest(tmp_path, name)
    old(file, "there")
    assert digest(tmp_path, file) != first
