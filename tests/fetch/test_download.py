"""Downloads from a server that fails, stalls, truncates and lies."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from faulty_server import BODY, ETAG, Server, running_server

from hybridmap.errors import HybridmapError
from hybridmap.fetch.download import Extent, Interrupted, _extent, download


@pytest.fixture
def server() -> Iterator[str]:
    with running_server() as address:
        yield address


def get(url: str, path: Path, attempts: int = 5) -> list[float]:
    waits: list[float] = []
    download(url, path, attempts, (2.0, 0.5), waits.append)
    return waits


@pytest.mark.parametrize(
    ("name", "requests"),
    [("good", 1), ("fails", 4), ("truncates", 4), ("stalls", 2), ("no_ranges", 2), ("wrong_place", 3)],
)
def test_a_file_arrives_whole_whatever_the_server_does(server: str, tmp_path: Path, name: str, requests: int) -> None:
    get(f"{server}/{name}.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == BODY
    assert Server.asked[name] == requests
    assert [p.name for p in tmp_path.iterdir()] == ["f.bin"]


def test_a_broken_transfer_goes_on_where_it_ended(server: str, tmp_path: Path) -> None:
    get(f"{server}/truncates.bin", tmp_path / "f.bin")
    assert Server.ranges["truncates"] == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]


def test_a_file_that_changed_meanwhile_is_not_patched_together(server: str, tmp_path: Path) -> None:
    get(f"{server}/changes.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == BODY[::-1]


def test_a_file_of_another_size_is_begun_anew_without_a_tag(server: str, tmp_path: Path) -> None:
    get(f"{server}/grows.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == BODY[::-1] + b"more"


def test_no_address_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"cannot be fetched .InvalidSchema.; check the address"):
        get("nothing://here/f.bin", tmp_path / "f.bin")


def test_an_interrupted_program_goes_on_next_time(server: str, tmp_path: Path) -> None:
    (tmp_path / "f.bin.part").write_bytes(BODY[:123_456])
    (tmp_path / "f.bin.part.json").write_text(json.dumps({"version": ETAG}))
    get(f"{server}/good.bin", tmp_path / "f.bin")
    assert Server.ranges["good"] == ["bytes=123456-"]
    assert (tmp_path / "f.bin").read_bytes() == BODY


def test_waits_grow_between_failures(server: str, tmp_path: Path) -> None:
    assert get(f"{server}/fails.bin", tmp_path / "f.bin") == [2.0, 4.0, 8.0]


BAD = {
    "dead.bin": "the server answered 503, 3 times in a row; 0.0 MB are kept",
    "gone.bin": "the server answered 404 .Not Found.; the file may have moved",
    "login.csv": "the server sent a web page, not the file; it may need a login",
    "lying_page.csv": "sent a web page, not a .csv file",
    "not_tiff.tif": "sent something else, not a .tif file",
    "half_archive.zip": "the zip archive is damaged; run again",
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_had_is_one_sentence_and_no_file(server: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(HybridmapError, match=BAD[name]) as error:
        get(f"{server}/{name}", tmp_path / name, attempts=3)
    assert f"{server}/{name}" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / name).exists()


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match="the connection broke off, 2 times in a row"):
        get("http://127.0.0.1:9/f.bin", tmp_path / "f.bin", attempts=2)


@pytest.mark.parametrize("note", ["", '{"version": "a', "[]", "null"])
def test_what_came_under_a_damaged_note_is_begun_anew(server: str, tmp_path: Path, note: str) -> None:
    (tmp_path / "f.bin.part").write_bytes(b"?" * 123_456)
    (tmp_path / "f.bin.part.json").write_text(note)
    get(f"{server}/good.bin", tmp_path / "f.bin")
    assert Server.ranges["good"] == [None]
    assert (tmp_path / "f.bin").read_bytes() == BODY
    assert [p.name for p in tmp_path.iterdir()] == ["f.bin"]


SIZES = [
    (200, {"Content-Length": "12"}, Extent(0, 12)),
    (200, {"Content-Length": "twelve"}, Extent(0, None)),
    (200, {"Content-Length": "-1"}, Extent(0, None)),
    (200, {"Content-Length": "9" * 5000}, Extent(0, None)),
    (200, {"Content-Length": "\u00b2"}, Extent(0, None)),
    (206, {"Content-Range": "bytes 7-9/10"}, Extent(7, 10)),
    (206, {"Content-Range": "bytes 7-9/*"}, Extent(7, None)),
    (206, {"Content-Range": "bytes 7-9/\u00b2"}, Extent(7, None)),
]


def answer(status: int, headers: dict[str, str]) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    return response


@pytest.mark.parametrize(("status", "headers", "extent"), SIZES)
def test_sizes_that_are_none_are_not_known(status: int, headers: dict[str, str], extent: Extent) -> None:
    assert _extent(answer(status, headers), 7) == extent


@pytest.mark.parametrize("words", ["", "bytes x-y/z", "bytes \u00b2-9/10", "bytes 8-9/10", "items 7-9/10"])
def test_another_place_is_an_interruption(words: str) -> None:
    with pytest.raises(Interrupted, match="continued at byte"):
        _extent(answer(206, {"Content-Range": words}), 7)
