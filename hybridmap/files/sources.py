"""Files that stand behind a name of the configuration, and one digest of the content of all of them.

A raster may be several files: sources of a VRT, chunks of a Zarr store, sidecars with nodata values or a mask. Digests
are remembered under size, times and inode of the files, so that only what has changed is read again. A remote file
counts by its address and the tag that its server has for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable
from html import unescape
from pathlib import Path

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_json
from hybridmap.files.remote import RemoteTags, is_remote_name
from hybridmap.files.tables import write_json

MEMORY = ".digests.json"
"""Name of the file of remembered digests, in the folder of a region."""
UNREADABLE = "unreadable"
SETTLED_S = 2.0
"""Age from which the time of a file tells that it has not changed since: times are coarse."""
BESIDE = (".aux.xml", ".msk", ".ovr", ".hdr", ".prj", ".tfw", ".wld", ".shx", ".dbf", ".cpg", ".idx", ".zmetadata")
"""Endings of files that belong to one of the same name."""
SOURCE = re.compile(rb"<(?:SourceFilename|SourceDataset)([^>]*)>([^<]*)<", re.IGNORECASE)
RELATIVE = re.compile(rb"""relativeToVRT\s*=\s*["']1["']""", re.IGNORECASE)
PREFIX = re.compile(r"^(/vsi\w+/)+\{?")
"""What GDAL puts before the name of an archive."""
DEEPEST = 16
"""Levels of virtual rasters of virtual rasters that are followed."""


class Digests:
    """Digests of content, remembered in a file.

    Parameters
    ----------
    memory : Path
        The file; what it says is used where files have not changed, and where it is unreadable everything is read.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        try:
            content = read_json(memory)
        except HybridmapError:
            content = None
        self._remembered: dict[str, list[str]] = content if isinstance(content, dict) else {}
        self._remote = RemoteTags(self._remembered)
        self._is_changed = False
        self._lock = threading.Lock()

    def of(self, names: Iterable[str]) -> str:
        """Return one digest of the content behind some names, "" for none; nothing else of a file counts.

        Parameters
        ----------
        names : iterable of str
            Files, folders, addresses or names as GDAL takes them.

        Returns
        -------
        str
            16 digits.
        """
        total = hashlib.sha256()
        parts = [self._of_part(name, path) for name in names for path in _behind(name)]
        total.update("\n".join(parts).encode())
        self._save()
        return total.hexdigest()[:16] if parts else ""

    def _of_part(self, name: str, path: Path | None) -> str:
        """What counts of a file: its content; of one elsewhere its name, and the tag that its server has for it."""
        if path is not None:
            return self.of_path(path)
        with self._lock:
            tag = self._remote.of(name)
            self._is_changed |= self._remote.is_changed
        return f"{name} {tag}" if tag else name

    def _save(self) -> None:
        """Remember what was computed; a folder that cannot be written to costs time only."""
        with self._lock, contextlib.suppress(OSError):
            if self._is_changed:
                write_json(self._remembered, self.memory)
                self._is_changed = self._remote.is_changed = False

    def of_path(self, path: Path) -> str:
        """SHA-256 of a file, or of a folder (Zarr) with the names of all its files."""
        try:
            files = [path] if path.is_file() else _files_below(path)
            state, newest = _state(path, files)
            noted = self._remembered.get(str(path))
            if isinstance(noted, list) and noted[:1] == [state]:
                return noted[1]
            digest = _sha256(path, files)
        except OSError:
            return UNREADABLE  # the stage that reads it says so
        if time.time() - newest > SETTLED_S:
            with self._lock:
                self._remembered[str(path)] = [state, digest]
                self._is_changed = True
        return digest


def _behind(name: str, depth: int = 0) -> list[Path | None]:
    """Files and folders behind a name; None for what is not on this machine, and nobody is asked about within a VRT."""
    if is_remote_name(name):
        return [None]
    path = _existing(name)
    if path is None:
        return [None]
    files: list[Path | None] = [path, *_beside(path)]
    if path.suffix.lower() == ".vrt" and depth < DEEPEST:
        for source in _sources(path):
            files += _behind(source, depth + 1)
    return list(dict.fromkeys(files))


def _existing(name: str) -> Path | None:
    """The file or folder that a name means: itself, the archive that holds it, or the one that GDAL's syntax names."""
    plain = PREFIX.sub("", name).replace("}", "")
    parts = [*re.findall(r'"([^"]+)"', plain), *plain.split(":")[1:2]]
    for candidate in filter(None, (name, plain, *parts)):
        path = Path(candidate)
        try:
            if path.exists():
                return path
            if archive := next((parent for parent in path.parents if parent.is_file()), None):
                return archive
        except (OSError, ValueError):  # longer than a name can be, or with a NUL
            continue
    return None


def _beside(path: Path) -> list[Path]:
    """Files that belong to a file: same name or same stem, and a known ending."""
    if not path.is_file():
        return []
    names = [stem + ending for stem in (path.name, path.stem) for ending in (*BESIDE, *map(str.upper, BESIDE))]
    return [file for name in dict.fromkeys(names) if (file := path.with_name(name)) != path and file.is_file()]


def _sources(path: Path) -> list[str]:
    """Names in a virtual raster."""
    names = []
    for attributes, text in SOURCE.findall(path.read_bytes()):
        name = unescape(text.decode("utf-8", "replace").strip())
        names.append(str(path.parent / name) if RELATIVE.search(attributes) else name)
    return names


def _sha256(path: Path, files: list[Path]) -> str:
    """Digest of a file, or of the names and digests of those in a folder."""
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    if files == [path]:
        return digests[0]
    lines = (f"{file.relative_to(path)}:{digest}\n" for file, digest in zip(files, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files_below(path: Path) -> list[Path]:
    files = (Path(folder) / file for folder, _, names in os.walk(path) for file in names)
    return sorted(file for file in files if file.is_file())


def _state(path: Path, files: list[Path]) -> tuple[str, float]:
    """Names, sizes, times and inodes of files, as a digest; and the newest time."""
    total, newest = hashlib.sha256(), 0.0
    for file in files:
        status = file.stat()
        facts = [str(file.relative_to(path)), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        total.update(json.dumps(facts).encode())
        newest = max(newest, status.st_mtime, status.st_ctime)
    return total.hexdigest(), newest
