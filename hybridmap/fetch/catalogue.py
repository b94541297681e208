"""Public data by name: fetched, checked against checksums, unpacked; and whom to ask where that is not allowed."""

from __future__ import annotations

import itertools
import json
import logging
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from hybridmap.config import Section
from hybridmap.errors import HybridmapError, nearest
from hybridmap.fetch.download import download
from hybridmap.fetch.unpack import unpack
from hybridmap.files.digest import sha256_of
from hybridmap.files.tables import write_json

LOG = logging.getLogger("hybridmap")
CATALOGUE = Path(__file__).with_name("downloads.yaml")
RECEIPT = "fetched.json"
"""Written last into the folder of a data set: files with size, checksum, address, licence."""
CHECKSUMS = "checksums.json"
"""Checksums recorded when a file was first seen, where none is published."""


class File(Section):
    """One file of a data set, or many by a pattern."""

    url: str = Field(description="Address; {words} are replaced from 'each'.")
    name: str = Field("", description="Name on disk; by default the last part of the address.")
    each: dict[str, list[str]] = Field(default={}, description="Word → its values; all combinations are fetched.")
    sha256: str = Field("", description="Published checksum; else the first one seen is recorded.")
    unpack: list[str] = Field(
        default=[], description="Members of a zip archive to unpack; then the archive is deleted."
    )


class Download(Section):
    """A data set that can be fetched, or must be asked for."""

    title: str = Field(description="Name of the data set.")
    licence: str = Field(description="Licence.")
    citation: str = Field(description="What to cite.")
    size: str = Field("", description="For people.")
    files: list[File] = Field(default=[], description="What to fetch.")
    request: str = Field("", description="Where to ask for it, if it cannot be fetched.")
    put: list[str] = Field(default=[], description="Files to put into its folder by hand.")


@cache
def catalogue() -> dict[str, Download]:
    """All data sets that are known."""
    raw = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {name: Download.model_validate(entry) for name, entry in raw.items()}


def find_download(name: str) -> Download:
    """The data set called `name`; HybridmapError if there is none."""
    known = catalogue()
    if name not in known:
        raise HybridmapError(f"no download '{name}'{nearest(name, known)}; there are {sorted(known)}.")
    return known[name]


def expand_files(entry: Download) -> list[File]:
    """Every single file of a data set."""
    out = []
    for file in entry.files:
        words = list(file.each)
        for values in itertools.product(*file.each.values()):
            fill = dict(zip(words, values, strict=True))
            url = file.url.format(**fill)
            name = file.name.format(**fill) or url.rpartition("/")[2]
            out.append(file.model_copy(update={"url": url, "name": name, "each": {}}))
    return out


def fetch(name: str, folder: Path, offline: bool = False, entry: Download | None = None) -> None:
    """Bring a data set into `folder` and write its receipt.

    Files that are there already are checked and kept, so a run that was broken off goes on.

    Parameters
    ----------
    name : str
        Key of the catalogue.
    folder : Path
        Folder of the data set.
    offline : bool
        Fetch nothing; say which file belongs where.
    entry : Download, optional
        Another entry than that of the catalogue.

    Raises
    ------
    HybridmapError
        If a transfer fails, a checksum does not agree, or files must be put there by hand.
    """
    entry = entry or find_download(name)
    LOG.info("%s. Licence: %s. Cite: %s.", entry.title, entry.licence, entry.citation)
    if not entry.files:
        _by_hand(name, entry, folder)
    files = expand_files(entry)
    seen = _read(folder / CHECKSUMS)
    if offline:
        missing = [f for f in files if not _present(folder, f, seen)]
        if missing:
            lines = "; ".join(f"{f.url} to {folder / f.name}" for f in missing)
            raise HybridmapError(
                f"offline: {len(missing)} of {len(files)} files of '{name}' are missing; bring {lines}."
            )
    record = [_fetch_one(file, folder, seen) for file in files]
    record += [{"name": n, "sha256": sha256_of(folder / n), "bytes": (folder / n).stat().st_size} for n in entry.put]
    about = {"title": entry.title, "licence": entry.licence, "citation": entry.citation}
    write_json({**about, "files": record}, folder / RECEIPT)


def _by_hand(name: str, entry: Download, folder: Path) -> None:
    missing = [file for file in entry.put if not (folder / file).is_file()]
    if missing:
        raise HybridmapError(
            f"'{name}' cannot be fetched by a program (licence: {entry.licence}); get it at {entry.request} and put"
            f" {', '.join(missing)} into {folder}, then run again."
        )


def _present(folder: Path, file: File, seen: dict[str, dict[str, object]]) -> bool:
    """Whether a file, or everything unpacked from it, is there."""
    if file.unpack:
        members = seen.get(file.name, {}).get("members", [])
        assert isinstance(members, list)
        return (bool(members) and all((folder / m).is_file() for m in members)) or (folder / file.name).is_file()
    return (folder / file.name).is_file()


def _fetch_one(file: File, folder: Path, seen: dict[str, dict[str, object]]) -> dict[str, object]:
    path, known = folder / file.name, seen.get(file.name, {})
    members = known.get("members", [])
    assert isinstance(members, list)
    if members and all((folder / m).is_file() for m in members):
        LOG.info("%s: unpacked already", file.name)
        return {"name": file.name, "url": file.url, **known}
    if not path.is_file():
        download(file.url, path)
    digest = _digest(path)
    expected = file.sha256 or str(known.get("sha256", ""))
    if expected and digest != expected:
        source = "the published checksum" if file.sha256 else f"the one recorded in {folder / CHECKSUMS}"
        raise HybridmapError(
            f"{path}: its sha256 {digest[:16]}… is not {source}, {expected[:16]}…: the file is damaged or the source"
            " has changed. Delete it to fetch it again"
            + ("." if file.sha256 else ", and its record if the change is meant.")
        )
    known = {"sha256": digest, "bytes": path.stat().st_size}
    if file.unpack:
        known["members"] = [p.name for p in unpack(path, folder, file.unpack)]
        path.unlink()
    seen[file.name] = known
    write_json(seen, folder / CHECKSUMS)
    return {"name": file.name, "url": file.url, **known}


def _digest(path: Path) -> str:
    sha256_of.cache_clear()  # the file may have been replaced since
    return sha256_of(path)


def _read(path: Path) -> dict[str, dict[str, object]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
