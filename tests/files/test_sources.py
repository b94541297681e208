"""Digests of the user's files: content counts, times do not, and everything behind a name is found."""

import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

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


class Host(BaseHTTPRequestHandler):
    """Answers with the headers that a test sets, and counts."""

    headers_of_all: ClassVar[dict[str, str]] = {}
    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        Host.asked.append(self.path)
        self.send_response(Host.status)
        for name, value in Host.headers_of_all.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def host() -> Iterator[HTTPServer]:
    Host.asked.clear()
    Host.status = 200
    server = HTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


OLDER = {"ETag": '"one"', "Last-Modified": "Mon, 02 Jan 2023 10:00:00 GMT", "Content-Length": "10"}


@pytest.mark.parametrize(
    ("before", "after", "is_other"),
    [
        (OLDER, OLDER, False),
        (OLDER, {**OLDER, "ETag": '"two"'}, True),
        (OLDER, {**OLDER, "Content-Length": "11"}, True),
        (OLDER, {**OLDER, "Last-Modified": "Tue, 03 Jan 2023 10:00:00 GMT"}, False),  # the tag says that it is the same
        ({**OLDER, "ETag": 'W/"one"'}, {**OLDER, "ETag": 'W/"two"'}, False),
        ({"Last-Modified": "a", "Content-Length": "1"}, {"Last-Modified": "b", "Content-Length": "1"}, True),
        ({"Content-Length": "1"}, {"Content-Length": "2"}, False),  # a size alone tells nothing
    ],
)
@pytest.mark.parametrize("form", ["{}", "/vsicurl/{}"])
def test_a_remote_file_counts_by_its_tag(
    tmp_path: Path, host: HTTPServer, before: dict[str, str], after: dict[str, str], is_other: bool, form: str
) -> None:
    name = form.format(f"http://127.0.0.1:{host.server_port}/a.tif")
    Host.headers_of_all = before
    digests = Digests(tmp_path / "memory.json")
    first = digests.of([name])
    assert digests.of([name, name]) != first
    assert Host.asked == ["/a.tif"]  # once a process
    assert digest(tmp_path, name) == first
    Host.headers_of_all = after
    assert (digest(tmp_path, name) != first) == is_other


def test_without_a_network_a_remote_file_counts_as_last_seen(
    tmp_path: Path, host: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"http://127.0.0.1:{host.server_port}/a.tif"
    Host.headers_of_all = OLDER
    seen = digest(tmp_path, name)
    never_seen = Digests(tmp_path / "other.json")
    host.shutdown()
    host.server_close()
    assert digest(tmp_path, name) == seen
    by_address = never_seen.of([name])
    assert by_address != seen
    assert "does not answer" in caplog.text
    caplog.clear()
    never_seen.of([name.replace("a.tif", "b.tif")])
    assert not caplog.text  # the host is asked once


def test_a_server_that_refuses_leaves_the_address_alone(tmp_path: Path, host: HTTPServer) -> None:
    name = f"http://127.0.0.1:{host.server_port}/a.tif"
    Host.status, Host.headers_of_all = 403, OLDER
    refused = digest(tmp_path, name)
    host.shutdown()
    host.server_close()
    assert digest(tmp_path, name) == refused


def test_what_a_virtual_raster_names_elsewhere_is_not_asked_for(tmp_path: Path, host: HTTPServer) -> None:
    old(tmp_path / "a.vrt", vrt(f"/vsicurl/http://127.0.0.1:{host.server_port}/secret", 0))
    digest(tmp_path, tmp_path / "a.vrt")
    assert not Host.asked
