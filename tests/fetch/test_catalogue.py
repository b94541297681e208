"""Fetching from a server that fails, stalls, truncates and lies."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hybridmap.errors import HybridmapError
from hybridmap.fetch.catalogue import CatalogueEntry, catalogue, expand_files, find_entry
from hybridmap.fetch.data_set import fetch
from hybridmap.fetch.download import download
from hybridmap.fetch.unpack import unpack

BODY = bytes(range(256)) * 2000
ETAG = '"first"'


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


class Server(BaseHTTPRequestHandler):
    """Misbehaves by path; `asked` counts requests, `ranges` keeps what was asked for."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[dict[str, int]] = {}
    ranges: ClassVar[dict[str, list[str | None]]] = {}
    stalled: ClassVar[threading.Event] = threading.Event()

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.lstrip("/").partition(".")[0]
        Server.asked[path] = Server.asked.get(path, 0) + 1
        Server.ranges.setdefault(path, []).append(self.headers.get("Range"))
        self.close_connection = True
        getattr(self, path)(Server.asked[path])

    def send(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def part(self, body: bytes, cut: int | None = None, etag: str = ETAG) -> None:
        """Honour ranges; send only `cut` bytes of what was promised."""
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range", etag) == etag
        if wanted and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            rest = body[start:]
            self.send(rest[:cut], 206, len(rest), Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", ETag=etag)
        else:
            self.send(body[:cut], 200, len(body), ETag=etag)

    def good(self, n: int) -> None:
        self.part(BODY)

    def fails(self, n: int) -> None:
        self.part(BODY) if n > 3 else self.send(b"busy", 503)

    def dead(self, n: int) -> None:
        self.send(b"busy", 503)

    def gone(self, n: int) -> None:
        self.send(b"not here", 404)

    def truncates(self, n: int) -> None:
        self.part(BODY, None if n > 3 else 100_000)

    def stalls(self, n: int) -> None:
        if n > 1:
            return self.part(BODY)
        self.send(BODY[:50_000], length=len(BODY), ETag=ETAG)
        Server.stalled.wait(3)
        return None

    def no_ranges(self, n: int) -> None:
        self.send(BODY if n > 1 else BODY[:70_000], length=len(BODY))

    def changes(self, n: int) -> None:
        if n == 1:
            return self.part(BODY, 60_000)
        return self.part(BODY[::-1], etag='"second"')

    def grows(self, n: int) -> None:
        """No version and no tag; only the size tells that it is another file."""
        body = BODY if n == 1 else BODY[::-1] + b"more"
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start:
            self.send(body[start:], 206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send(body[:60_000] if n == 1 else body, length=len(body))

    def wrong_place(self, n: int) -> None:
        if n == 1:
            return self.part(BODY, 60_000)
        if n == 2:
            return self.send(BODY[:10], 206, Content_Range=f"bytes 0-9/{len(BODY)}", ETag=ETAG)
        return self.part(BODY)

    def login(self, n: int) -> None:
        self.send(b"<!DOCTYPE html><html>Please log in</html>", Content_Type="text/html; charset=utf-8")

    def lying_page(self, n: int) -> None:
        self.send(b"<html>503 but called 200</html>", Content_Type="text/csv")

    def not_tiff(self, n: int) -> None:
        self.send(b"Sorry, try later", Content_Type="image/tiff")

    def archive(self, n: int) -> None:
        self.part(zipped(("inner/a.tsv", b"x\ty\n1\t2\n"), ("readme.pdf", b"%PDF")))

    def half_archive(self, n: int) -> None:
        body = zipped(("a.tsv", b"x" * 9000))
        self.send(body[: len(body) // 2])

    def climbing(self, n: int) -> None:
        self.part(zipped(("../../evil.tsv", b"x")))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        Server.stalled.set()
        httpd.shutdown()


@pytest.fixture(autouse=True)
def forget() -> None:
    Server.asked.clear()
    Server.ranges.clear()


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


def entry(**keys: Any) -> CatalogueEntry:
    return CatalogueEntry.model_validate({"title": "T", "licence": "CC0", "citation": "C", **keys})


def test_archives_are_unpacked_once_and_remembered(server: str, tmp_path: Path) -> None:
    made = entry(files=[{"url": f"{server}/archive.zip", "unpack": ["*.tsv"]}])
    fetch("x", tmp_path, entry=made)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tsv", "checksums.json", "fetched.json"]
    fetch("x", tmp_path, entry=made)
    assert Server.asked["archive"] == 1
    receipt = json.loads((tmp_path / "fetched.json").read_text())
    assert receipt["licence"] == "CC0"
    assert receipt["files"][0]["members"] == ["a.tsv"]


def test_checksums_published_or_seen_first_must_agree(server: str, tmp_path: Path) -> None:
    url = f"{server}/good.bin"
    right = hashlib.sha256(BODY).hexdigest()
    fetch("x", tmp_path, entry=entry(files=[{"url": url, "sha256": right}]))
    assert json.loads((tmp_path / "checksums.json").read_text())["good.bin"]["sha256"] == right
    (tmp_path / "good.bin").write_bytes(BODY[:-1] + b"x")
    with pytest.raises(HybridmapError, match=r"is not the one recorded in .*checksums.json"):
        fetch("x", tmp_path, entry=entry(files=[{"url": url}]))
    with pytest.raises(HybridmapError, match="is not the published checksum"):
        fetch("x", tmp_path, entry=entry(files=[{"url": url, "sha256": "0" * 64}]))


def test_offline_says_exactly_which_file_belongs_where(server: str, tmp_path: Path) -> None:
    made = entry(files=[{"url": f"{server}/{{word}}.bin", "placeholders": {"word": ["good", "fails"]}}])
    (tmp_path / "good.bin").write_bytes(BODY)
    with pytest.raises(
        HybridmapError, match=r"offline: 1 of 2 files of 'x' are missing; bring http.*fails.bin to .*fails.bin"
    ):
        fetch("x", tmp_path, offline=True, entry=made)
    (tmp_path / "fails.bin").write_bytes(BODY)
    fetch("x", tmp_path, offline=True, entry=made)
    assert not Server.asked


def test_registered_data_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"licence: ESDAC.*get it at https://esdac.*put LUCAS-SOIL-2018.csv into"):
        fetch("lucas_2018", tmp_path)
    (tmp_path / "LUCAS-SOIL-2018.csv").write_text("POINTID\n1\n")
    fetch("lucas_2018", tmp_path)
    assert json.loads((tmp_path / "fetched.json").read_text())["files"][0]["bytes"] == 10


def test_archives_never_write_outside_their_folder(server: str, tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    with pytest.raises(HybridmapError, match=r"member '\.\./\.\./evil.tsv' would be written outside"):
        fetch("x", inner, entry=entry(files=[{"url": f"{server}/climbing.zip", "unpack": ["*"]}]))
    assert not list(tmp_path.rglob("evil.tsv"))


ZIPS = {
    "absolute": (zipped(("/etc/evil", b"x")), "would be written outside"),
    "twins": (zipped(("a/x.tsv", b"1"), ("b/x.tsv", b"2")), "two members called 'x.tsv'"),
    "other": (zipped(("readme.txt", b"1")), "has no member like"),
    "text": (b"no zip at all", "is damaged"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_bad_archives_are_one_sentence_and_leave_nothing(tmp_path: Path, case: str) -> None:
    content, says = ZIPS[case]
    (tmp_path / "f.zip").write_bytes(content)
    with pytest.raises(HybridmapError, match=says):
        unpack(tmp_path / "f.zip", tmp_path, ["*.tsv", "evil"])
    assert [p.name for p in tmp_path.iterdir()] == ["f.zip"]


@pytest.mark.parametrize("name", catalogue())
def test_the_catalogue_is_complete(name: str) -> None:
    known = find_entry(name)
    assert known.licence
    assert known.citation
    assert bool(known.files) != bool(known.request and known.files_by_hand)
    assert all(f.url.startswith("https://") and "{" not in f.url + f.name for f in expand_files(known))


def test_unknown_downloads_name_the_nearest() -> None:
    with pytest.raises(HybridmapError, match=r"no download 'soilgrid' .did you mean 'soilgrids'"):
        find_entry("soilgrid")
