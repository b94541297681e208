"""One file over HTTP, complete or not at all: resumed, retried, measured against what the server promised."""

from __future__ import annotations

import logging
import os
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import requests
import urllib3
from tqdm import tqdm

from hybridmap.errors import HybridmapError
from hybridmap.files.disk import disk_is_full
from hybridmap.files.reading import read_json
from hybridmap.files.tables import write_json

LOG = logging.getLogger("hybridmap")
ATTEMPTS = 5
"""Tries in a row that bring nothing before giving up."""
TIMEOUT = (15.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""
LONGEST_WAIT = 60.0
"""Seconds between two tries, at most."""
BLOCK_BYTES = 1 << 18
TEMPORARY_STATUS = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be better next time."""
SLOWEST = 1000.0
"""Bytes a second below which a transfer is given up, over as long as the next bytes are waited for."""
SLOW = "fewer than 1 kB came a second"
MAGIC: dict[str, tuple[bytes, ...]] = {
    ".tif": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    ".gz": (b"\x1f\x8b",),
    ".nc": (b"CDF", b"\x89HDF"),
    ".zip": (b"PK",),
}
"""How files of a kind begin."""
WEB_PAGE = (b"<!doctype", b"<html")
CAUSES = {
    "ReadTimeout": "no more bytes came",
    "ReadTimeoutError": "no more bytes came",
    "ConnectTimeout": "no connection in time",
    "SSLError": "its certificate or its TLS is not accepted",
}
"""Class of an error → what went wrong."""


class Interrupted(Exception):
    """The transfer broke off and may be continued."""


@dataclass(frozen=True)
class PartialFile:
    """What came of a file so far, and which version of it that is.

    Attributes
    ----------
    path : Path
        ``{name}.part``.
    """

    path: Path

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    def version(self) -> tuple[str, int | None]:
        """Tag of the version that was begun, and its size; "" and None where unknown.

        What came under a note that is damaged may be of any version, and is forgotten.
        """
        if not self._note.exists():
            return "", None
        try:
            note = read_json(self._note)
            return note.get("version", ""), note.get("total")
        except (HybridmapError, AttributeError):
            self.discard()
            return "", None

    def begin(self, version: str, total: int | None) -> None:
        """Write down which version of the file is being fetched."""
        write_json({"version": version, "total": total}, self._note)

    def discard(self) -> None:
        """Forget what came."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def complete(self, path: Path) -> None:
        """Give the file its name."""
        os.replace(self.path, path)
        self._note.unlink(missing_ok=True)


class Extent(NamedTuple):
    """First byte that the server sends, and the size of the whole file if it says so."""

    first: int
    total: int | None


def download(
    url: str, path: Path, attempts: int = ATTEMPTS, timeout: tuple[float, float] = TIMEOUT,
    wait: Callable[[float], None] = time.sleep, suffix: str = ".part",
) -> None:  # fmt: skip
    """Fetch `url` into `path`; a transfer that was broken off is continued.

    Parameters
    ----------
    url : str
        Address.
    path : Path
        Written under another name and renamed when complete.
    attempts : int
        Tries in a row without a new byte before giving up.
    timeout : pair of float
        Seconds to connect, and between two bytes.
    wait : callable
        Waits some seconds between tries.
    suffix : str
        Of the name while it is not complete; another one for each address of a file.

    Raises
    ------
    HybridmapError
        If the server refuses, keeps breaking off, or sends something else than such a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = PartialFile(path.with_name(path.name + suffix))
    failures, cause = 0, ""
    while failures < attempts:
        size = partial.size
        cause = _try_transfer(url, partial, timeout)
        if not cause:
            _check_kind(url, partial, path)
            partial.complete(path)
            return
        failures = 0 if partial.size > size and cause != SLOW else failures + 1
        LOG.info("%s: %s at %.1f MB; trying again", path.name, cause, partial.size / 1e6)
        if failures < attempts:
            wait(min(LONGEST_WAIT, 2.0**failures))
    raise HybridmapError(
        f"{url}: {cause}, {attempts} times in a row; {partial.size / 1e6:.1f} MB are kept in {partial.path} and"
        f" continued next time, or put the file at {path} by hand."
    )


def _try_transfer(url: str, partial: PartialFile, timeout: tuple[float, float]) -> str:
    """Transfer what is missing; returns why it broke off, or "" if the file is complete."""
    try:
        _transfer(url, partial, timeout)
    except Interrupted as error:
        return str(error)
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
        if "NameResolutionError" in str(error):
            return "no server of this name is known"
        return CAUSES.get(type(error).__name__, "the connection broke off")
    except requests.RequestException as error:
        raise HybridmapError(f"{url}: cannot be fetched ({type(error).__name__}); check the address.") from None
    except OSError as error:
        if not disk_is_full(error):
            raise
        raise HybridmapError(f"{partial.path}: the disk is full; make room and run again, what came is kept.") from None
    return ""


def _transfer(url: str, partial: PartialFile, timeout: tuple[float, float]) -> None:
    headers = _headers(partial)
    start = partial.size
    with requests.get(url, stream=True, timeout=timeout, headers=headers) as answer:
        if answer.status_code == 416:
            _check_complete(answer, partial)
            return
        _check_answer(url, answer)
        extent = _extent(answer, start)
        if extent.first and partial.version()[1] not in (None, extent.total):
            partial.discard()
            raise Interrupted("the file has changed since it was begun")
        partial.begin(_version(answer), extent.total)
        size = _receive(answer, partial, extent, timeout[1])
    if extent.total is not None and size < extent.total:
        raise Interrupted(f"the connection ended after {size} of {extent.total} bytes")
    if extent.total is not None and size > extent.total:
        partial.discard()
        raise Interrupted(f"the server sent {size} bytes where {extent.total} were promised")


def _headers(partial: PartialFile) -> dict[str, str]:
    """Ask for the rest of a file that was begun, if it is still the same."""
    headers = {"Accept-Encoding": "identity"}
    version, _ = partial.version()
    if partial.size:
        headers["Range"] = f"bytes={partial.size}-"
        if version:
            headers["If-Range"] = version
    return headers


def _check_complete(answer: requests.Response, partial: PartialFile) -> None:
    """Nothing lies beyond what we have (416): it is complete, or another file."""
    if not partial.size or not answer.headers.get("Content-Range", "").endswith(f"/{partial.size}"):
        partial.discard()
        raise Interrupted("the server has a shorter file than was begun")


def _check_answer(url: str, answer: requests.Response) -> None:
    status = answer.status_code
    if status in TEMPORARY_STATUS:
        raise Interrupted(f"the server answered {status}")
    if status not in (200, 206):
        raise HybridmapError(
            f"{url}: the server answered {status} ({answer.reason}); the file may have moved: look it"
            " up and fetch it by hand."
        )
    if "text/html" in answer.headers.get("Content-Type", ""):
        raise HybridmapError(f"{url}: the server sent a web page, not the file; it may need a login, fetch it by hand.")


def _extent(answer: requests.Response, start: int) -> Extent:
    length = answer.headers.get("Content-Length")
    if answer.status_code == 206:
        span, _, whole = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        first = _count(span.partition("-")[0])
        if first != start:
            raise Interrupted(f"the server continued at byte {first}, not {start}")
        return Extent(start, _count(whole))
    # A server that ignores the range begins again.
    return Extent(0, _count(length or ""))


def _count(text: str) -> int | None:
    """A number of bytes as a server writes it; None for what is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def _version(answer: requests.Response) -> str:
    """What tells this version of the file from another; weak tags do not."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _receive(answer: requests.Response, partial: PartialFile, extent: Extent, window_s: float) -> int:
    """Write the bytes as they come; returns the size of the file so far.

    A server that keeps a connection alive with a byte now and then is given up after `window_s` seconds.
    """
    begin, received = time.monotonic(), 0
    bar = tqdm(
        total=extent.total, initial=extent.first, unit="B", unit_scale=True, desc=partial.path.stem, mininterval=2
    )
    with partial.path.open("r+b" if partial.path.exists() else "wb") as file, bar:
        file.truncate(extent.first)
        file.seek(extent.first)
        # Not iter_content: it throws away what came of a block when the connection breaks.
        answer.raw.enforce_content_length = False
        while block := answer.raw.read1(BLOCK_BYTES):
            file.write(block)
            bar.update(len(block))
            received += len(block)
            if (elapsed_s := time.monotonic() - begin) > window_s:
                if received < SLOWEST * elapsed_s:
                    raise Interrupted(SLOW)
                begin, received = time.monotonic(), 0
        return file.tell()


def _check_kind(url: str, partial: PartialFile, path: Path) -> None:
    """Raise HybridmapError, and discard what came, if it is no file of the kind that its name says."""
    with partial.path.open("rb") as file:
        start = file.read(512)
    beginnings = MAGIC.get(path.suffix)
    is_page = start.lstrip().lower().startswith(WEB_PAGE)
    if is_page or (beginnings is not None and not start.startswith(beginnings)):
        partial.discard()
        description = "a web page" if is_page else "something else"
        raise HybridmapError(
            f"{url}: sent {description}, not a {path.suffix} file; it may need a login, fetch it by hand to {path}."
        )
    if path.suffix == ".zip" and not zipfile.is_zipfile(partial.path):
        partial.discard()
        raise HybridmapError(f"{url}: the zip archive is damaged; run again to fetch it anew.")
