"""Data sets in their folders: checked, unpacked once, asked for where they cannot be fetched."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_server import BODY, Server, running_server

from hybridmap.errors import HybridmapError
from hybridmap.fetch.catalogue import CatalogueEntry
from hybridmap.fetch.data_set import fetch


@pytest.fixture
def server() -> Iterator[str]:
    with running_server() as address:
        yield address


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


@pytest.mark.parametrize("damage", ["", '{"good.bin": {"sha256', "[]", '{"good.bin": 3}', '{"good.bin": {}}'])
def test_a_damaged_list_of_checksums_is_one_sentence(server: str, tmp_path: Path, damage: str) -> None:
    made = entry(files=[{"url": f"{server}/good.bin"}])
    fetch("x", tmp_path, entry=made)
    (tmp_path / "checksums.json").write_text(damage)
    with pytest.raises(HybridmapError, match=r"checksums.json: damaged .*; delete it and run again"):
        fetch("x", tmp_path, entry=made)
