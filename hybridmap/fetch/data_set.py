"""One data set brought into its folder: downloaded, checked against checksums, unpacked, with a receipt."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import NotRequired, TypedDict

from hybridmap.errors import HybridmapError
from hybridmap.fetch.catalogue import CatalogueEntry, CatalogueFile, expand_files, find_entry
from hybridmap.fetch.places import COPY, Places, announce, checked
from hybridmap.fetch.unpack import unpack
from hybridmap.files.digest import sha256_of
from hybridmap.files.reading import damaged, read_json
from hybridmap.files.tables import write_json

LOG = logging.getLogger("hybridmap")
RECEIPT = "fetched.json"
"""Written last into the folder of a data set: files with size, checksum, address, licence."""
CHECKSUMS = "checksums.json"
"""Checksums recorded when a file was first seen, where none is published."""


class FileRecord(TypedDict):
    """What is recorded about a file."""

    sha256: str
    bytes: int
    members: NotRequired[list[str]]
    """Names of what was unpacked from it."""
    fetched_from: NotRequired[str]
    """Where it came from, if not from its published address."""


def fetch(
    name: str, folder: Path, offline: bool = False, entry: CatalogueEntry | None = None, origin: str = ""
) -> None:
    """Bring a data set into `folder` and write its receipt.

    Files that are there already are checked and stay, so a run that was broken off goes on.

    Parameters
    ----------
    name : str
        Key of the catalogue.
    folder : Path
        Folder of the data set.
    offline : bool
        Fetch nothing; say which file belongs where.
    entry : CatalogueEntry, optional
        Another entry than that of the catalogue.
    origin : str
        Folder or address of a copy of the data, looked at first: ``{origin}/{name}/{file}``, in a folder also
        ``{origin}/{file}``.

    Raises
    ------
    HybridmapError
        If a transfer fails, a checksum does not agree, or files must be put there by hand.
    """
    entry = entry or find_entry(name)
    LOG.info("%s. Licence: %s. Cite: %s.", entry.title, entry.licence, entry.citation)
    places = Places(name, origin)
    if not entry.files:
        for by_hand in entry.files_by_hand:
            places.bring(by_hand, folder / by_hand)
        _check_files_by_hand(name, entry, folder)
    files, records = expand_files(entry), _read_records(folder)
    if origin and offline:
        for file in files:
            if places.bring(file.name, folder / file.name):
                copy = folder / file.name
                checked(copy, partial(_check_file, file, records))
                records[file.name] = {**_record_of(copy), "fetched_from": COPY}
    if offline:
        _check_all_present(name, files, folder, records)
    missing = [f for f in files if not (folder / f.name).is_file() and not _is_unpacked(f, folder, records)]
    if missing:
        announce(name, entry, len(missing) / len(files), folder)
    own_files = {RECEIPT, CHECKSUMS, *entry.files_by_hand, *(file.name for file in files)}
    receipt = [
        {"name": file.name, "url": file.url, **_fetch_file(file, folder, records, own_files, places)} for file in files
    ]
    receipt += [{"name": file, **_record_of(folder / file)} for file in entry.files_by_hand]
    terms = {"title": entry.title, "licence": entry.licence, "citation": entry.citation}
    write_json({**terms, "files": receipt}, folder / RECEIPT)


def _check_files_by_hand(name: str, entry: CatalogueEntry, folder: Path) -> None:
    missing = [file for file in entry.files_by_hand if not (folder / file).is_file()]
    if missing:
        raise HybridmapError(
            f"'{name}' cannot be fetched by a program (licence: {entry.licence}); get it at {entry.request} and put"
            f" {', '.join(missing)} into {folder}, or into a folder of --from or downloads_from, and run again."
        )


def _check_all_present(name: str, files: list[CatalogueFile], folder: Path, records: dict[str, FileRecord]) -> None:
    missing = [f for f in files if not (folder / f.name).is_file() and not _is_unpacked(f, folder, records)]
    if missing:
        lines = "; ".join(f"{file.url} to {folder / file.name}" for file in missing)
        raise HybridmapError(f"offline: {len(missing)} of {len(files)} files of '{name}' are missing; bring {lines}.")


def _is_unpacked(file: CatalogueFile, folder: Path, records: dict[str, FileRecord]) -> bool:
    """Whether everything that was unpacked from an archive is still there."""
    members = records[file.name].get("members", []) if file.name in records else []
    return bool(members) and all((folder / member).is_file() for member in members)


def _fetch_file(
    file: CatalogueFile,
    folder: Path,
    records: dict[str, FileRecord],
    own_files: Collection[str],
    places: Places,
) -> FileRecord:
    """Bring one file into `folder` and record it, also in `records`.

    Parameters
    ----------
    file : CatalogueFile
        What to bring.
    folder : Path
        Folder of the data set.
    records : dict
        What was seen of each file before.
    own_files : collection of str
        Files of the folder that no archive may replace.
    places : Places
        Where copies are looked for.

    Returns
    -------
    FileRecord
        What was seen now.
    """
    path = folder / file.name
    if _is_unpacked(file, folder, records):
        LOG.info("%s: unpacked already", file.name)
        return records[file.name]
    earlier = records[file.name].get("fetched_from", file.url) if file.name in records else file.url
    place = earlier if path.is_file() else places.fetch(file, path, partial(_check_file, file, records))
    record = _record_of(path)
    if place != file.url:
        record["fetched_from"] = place
    _check_digest(record["sha256"], file, path, records)
    if file.unpack:
        record["members"] = [member.name for member in unpack(path, folder, file.unpack, own_files)]
        path.unlink()
    records[file.name] = record
    write_json(records, folder / CHECKSUMS)
    return record


def _check_file(file: CatalogueFile, records: dict[str, FileRecord], path: Path) -> None:
    _check_digest(_record_of(path)["sha256"], file, path, records)


def _check_digest(digest: str, file: CatalogueFile, path: Path, records: dict[str, FileRecord]) -> None:
    recorded = records[file.name]["sha256"] if file.name in records else ""
    expected = file.sha256 or recorded
    if not expected or digest == expected:
        return
    expectation = "the published checksum" if file.sha256 else f"the one recorded in {path.with_name(CHECKSUMS)}"
    advice = "." if file.sha256 else ", and its record if the change is meant."
    raise HybridmapError(
        f"{path}: its sha256 {digest[:16]}… is not {expectation}, {expected[:16]}…: the file is damaged or the source"
        f" has changed. Delete it to fetch it again{advice}"
    )


def _record_of(path: Path) -> FileRecord:
    sha256_of.cache_clear()  # the file may have been replaced since
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def _read_records(folder: Path) -> dict[str, FileRecord]:
    path = folder / CHECKSUMS
    records = read_json(path) if path.is_file() else {}
    if not isinstance(records, dict) or not all(isinstance(r, dict) and "sha256" in r for r in records.values()):
        raise damaged(path, "no record of checksums")
    return records
