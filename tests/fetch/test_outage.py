"""Data services fail: each of ten sources is taken down in turn, each in another way."""

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_server import BODY, Server, running_server, zipped

from hybridmap.cli import main
from hybridmap.errors import HybridmapError
from hybridmap.fetch import download, places
from hybridmap.fetch.catalogue import CatalogueEntry, catalogue, expand_files
from hybridmap.fetch.data_set import fetch
from hybridmap.files.reading import read_json

SOURCES = [f"source{k}" for k in range(10)]
SHA256 = hashlib.sha256(BODY).hexdigest()
FAULTS = {
    "timeout": ("{server}/silent.bin", "no more bytes came|broke off"),
    "not found": ("{server}/gone.bin", "answered 404"),
    "server error": ("{server}/broken.bin", "answered 500"),
    "truncated": ("{server}/short.bin", "ended after 70000 of"),
    "wrong checksum": ("{server}/other.bin", "not the published checksum"),
    "slow drip": ("{server}/drips.bin", "fewer than 1 kB came a second"),
    "web page": ("{server}/login.bin", "a web page"),
    "redirect loop": ("{server}/circles.bin", "TooManyRedirects"),
    "no such server": ("http://nowhere.invalid/good.bin", "no server of this name|broke off"),
    "no TLS": ("{tls}/good.bin", "certificate or its TLS|broke off"),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Patience is short in tests, and the waits between tries are none."""
    monkeypatch.setattr(places, "TIMEOUT", (1.0, 0.4))
    monkeypatch.setattr(places, "ATTEMPTS", 2)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    defaults = download.download.__defaults__
    assert defaults is not None
    monkeypatch.setattr(download.download, "__defaults__", (*defaults[:2], lambda seconds: None, *defaults[3:]))
    with running_server() as address:
        yield address


def entry(url: str, mirrors: tuple[str, ...] = (), **keys: Any) -> CatalogueEntry:
    file = {"url": url, "name": "layer.bin", "sha256": SHA256, "mirrors": list(mirrors)}
    return CatalogueEntry.model_validate({"title": "T", "licence": "CC0", "citation": "C", "files": [file], **keys})


def run(server: str, folder: Path, down: str, fault: str, mirrors: tuple[str, ...]) -> dict[str, str]:
    """Fetch all sources, one of them down; what each failure says."""
    address = FAULTS[fault][0].format(server=server, tls=server.replace("http:", "https:"))
    said = {}
    for source in SOURCES:
        try:
            fetch(source, folder / source, entry=entry(address if source == down else f"{server}/good.bin", mirrors))
        except HybridmapError as error:
            said[source] = str(error)
    return said


@pytest.mark.parametrize(("source", "fault"), list(zip(SOURCES, FAULTS, strict=True)))
def test_a_source_that_is_down_is_read_from_its_second_address(server, tmp_path, source, fault) -> None:
    said = run(server, tmp_path, source, fault, (f"{server}/good.bin",))
    assert said == {}
    for name in SOURCES:
        assert (tmp_path / name / "layer.bin").read_bytes() == BODY
        (file,) = read_json(tmp_path / name / "fetched.json")["files"]
        assert file.get("fetched_from") == (f"{server}/good.bin" if name == source else None)
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["checksums.json", "fetched.json", "layer.bin"]


@pytest.mark.parametrize(("source", "fault"), list(zip(SOURCES, FAULTS, strict=True)))
def test_without_a_second_address_the_run_ends_in_a_sentence(server, tmp_path, source, fault) -> None:
    said = run(server, tmp_path, source, fault, ())
    assert list(said) == [source]
    assert "\n" not in said[source]
    assert any(words in said[source] for words in FAULTS[fault][1].split("|")), said[source]
    assert f"as FOLDER/{source}/layer.bin or FOLDER/layer.bin: hybridmap fetch {source} --from FOLDER" in said[source]
    left = {path.name for path in (tmp_path / source).iterdir()}
    assert not left & {"layer.bin", "fetched.json", "checksums.json"}
    assert all((tmp_path / name / "layer.bin").read_bytes() == BODY for name in SOURCES if name != source)
    fetch(source, tmp_path / source, entry=entry(f"{server}/good.bin"))  # the service is back
    assert (tmp_path / source / "layer.bin").read_bytes() == BODY


@pytest.mark.parametrize("fault", FAULTS)
def test_both_addresses_down_is_one_sentence_that_names_both(server, tmp_path, fault) -> None:
    address = FAULTS[fault][0].format(server=server, tls=server.replace("http:", "https:"))
    with pytest.raises(HybridmapError, match="2 addresses failed; the first: ") as error:
        fetch("x", tmp_path, entry=entry(address, (f"{server}/gone.bin",)))
    assert "answered 404" in str(error.value)
    assert not (tmp_path / "layer.bin").exists()


def test_parts_of_two_addresses_are_never_patched_together(server, tmp_path) -> None:
    fetch("x", tmp_path, entry=entry(f"{server}/short.bin", (f"{server}/good.bin",)))
    assert Server.ranges["good"] == [None]
    assert not list(tmp_path.glob("*part*"))


def test_a_folder_of_ones_own_comes_before_every_address(server, tmp_path) -> None:
    copies = tmp_path / "copies"
    (copies / "x").mkdir(parents=True)
    (copies / "x" / "layer.bin").write_bytes(BODY)
    for number, offline in enumerate((False, True)):
        fetch("x", tmp_path / str(number), offline, entry(f"{server}/gone.bin"), str(copies))
        assert (tmp_path / str(number) / "layer.bin").read_bytes() == BODY
        (file,) = read_json(tmp_path / str(number) / "fetched.json")["files"]
        assert file["fetched_from"] == "a copy of one's own"
    assert not Server.asked
    (copies / "x" / "layer.bin").write_bytes(BODY[:-1])
    for offline in (False, True):
        with pytest.raises(HybridmapError, match="is not the published checksum"):
            fetch("x", tmp_path / "2", offline, entry(f"{server}/gone.bin"), str(copies))
        assert not (tmp_path / "2" / "layer.bin").exists()
    with pytest.raises(HybridmapError, match=r"--from .*nowhere: expected a folder"):
        fetch("x", tmp_path / "3", entry=entry(f"{server}/good.bin"), origin=str(tmp_path / "nowhere"))


def test_registered_data_come_from_a_folder_too(tmp_path) -> None:
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "LUCAS-SOIL-2018.csv").write_text("POINTID\n1\n")
    main(["fetch", "lucas_2018", "--to", str(tmp_path / "data"), "--from", str(tmp_path / "copies")])
    assert (tmp_path / "data/lucas_2018/fetched.json").is_file()


def test_size_and_time_are_told_first(server, tmp_path, caplog) -> None:
    with caplog.at_level("INFO", "hybridmap"):
        fetch("x", tmp_path, entry=entry(f"{server}/good.bin", gigabytes=0.45))
    assert "x: about 0.45 GB to fetch, 8 min at 1 MB/s or 1 min at 10 MB/s" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", "hybridmap"):
        fetch("x", tmp_path, entry=entry(f"{server}/good.bin", gigabytes=0.45))
    assert "to fetch" not in caplog.text
    with pytest.raises(HybridmapError, match=r"'y' takes 1000000000\.0 GB, the disk has"):
        fetch("y", tmp_path / "y", entry=entry(f"{server}/good.bin", gigabytes=1e9))


def test_a_drip_ends_in_time(server, tmp_path) -> None:
    begin = time.monotonic()
    with pytest.raises(HybridmapError, match="fewer than 1 kB came a second"):
        fetch("x", tmp_path, entry=entry(f"{server}/drips.bin"))
    assert time.monotonic() - begin < 8


def test_every_data_set_to_fetch_tells_its_size() -> None:
    untold = [name for name, e in catalogue().items() if e.files and not (e.gigabytes and e.size)]
    assert untold == []


@pytest.fixture
def nobody(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address of the catalogue answers."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def copies_of(name: str, folder: Path) -> list[Path]:
    """Files of a data set as a person may have them: as they are sent."""
    known, copies = catalogue()[name], []
    for file in [*(f.name for f in expand_files(known)), *known.files_by_hand]:
        copies.append(folder / file)
        copies[-1].parent.mkdir(parents=True, exist_ok=True)
        copies[-1].write_bytes(zipped((f"{file}.tsv", b"1")) if file.endswith(".zip") else BODY)
    return copies


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("name", catalogue())
def test_each_source_of_the_catalogue_is_down_and_then_comes_from_a_folder(tmp_path, capsys, name) -> None:
    copies = copies_of(name, tmp_path / "copies" / name)
    words = ["fetch", name, "--to", str(tmp_path / "data")]
    assert main(words) == 1
    said = capsys.readouterr().err
    known, error = catalogue()[name], said.splitlines()[-1]
    if known.files:
        assert f"hybridmap fetch {name} --from FOLDER" in error
        assert f"FOLDER/{name}/{copies[0].name}" in error
        assert re.search(f"{name}: about .* GB to fetch, .* at 1 MB/s", said)
        assert said.index("to fetch") < said.index(error)
    else:
        assert all(copy.name in error for copy in copies)
        assert known.request in error
        assert "--from" in error
    assert not (tmp_path / "data" / name / "fetched.json").exists()
    assert main([*words, "--from", str(tmp_path / "copies")]) == 0
    assert len(read_json(tmp_path / "data" / name / "fetched.json")["files"]) == len(copies)


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_lacks_the_file_is_told_with_the_name_it_should_have(tmp_path, capsys) -> None:
    (tmp_path / "copies").mkdir()
    assert main(["fetch", "elevation", "--to", str(tmp_path / "data"), "--from", str(tmp_path / "copies")]) == 1
    (name,) = (file.name for file in expand_files(catalogue()["elevation"]))
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"Neither {tmp_path / 'copies/elevation' / name} nor {tmp_path / 'copies' / name} is there" in error
