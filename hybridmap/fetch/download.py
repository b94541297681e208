"""One file over HTTP, complete or not at all: resumed, retried, measured against what the server promised."""

from __future__ import annotations

import json
import logging
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3
from tqdm import tqdm

from hybridmap.errors import HybridmapError
from hybridmap.files.disk import disk_is_full

LOG = logging.getLogger("hybridmap")
ATTEMPTS = 5
"""Tries in a row that bring nothing before giving up."""
TIMEOUT = (15.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""
BLOCK = 1 << 18
AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be better next time."""
MAGIC: dict[str, tuple[bytes, ...]] = {
    ".tif": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    ".gz": (b"\x1f\x8b",),
    ".nc": (b"CDF", b"\x89HDF"),
    ".zip": (b"PK",),
}
"""How files of a kind begin."""


class Interrupted(Exception):
    """The transfer broke off and may be continued."""


def download(
    url: str, path: Path, attempts: int = ATTEMPTS, timeout: tuple[float, float] = TIMEOUT,
    wait: Callable[[float], None] = time.sleep,
) -> None:  # fmt: skip
    """Fetch `url` into `path`; a transfer that was broken off before is continued.

    Parameters
    ----------
    url : str
        Address.
    path : Path
        Written under ``{path}.part`` and renamed when complete.
    attempts : int
        Tries in a row without a new byte before giving up.
    timeout : pair of float
        Seconds to connect, and between two bytes.
    wait : callable
        Waits some seconds between tries.

    Raises
    ------
    HybridmapError
        If the server refuses, keeps breaking off, or sends something else than such a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, memo = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
    failures, why = 0, ""
    while failures < attempts:
        before = part.stat().st_size if part.exists() else 0
        try:
            _transfer(url, part, memo, timeout)
            break
        except (Interrupted, requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            after = part.stat().st_size if part.exists() else 0
            why = str(error) if isinstance(error, Interrupted) else _words(error)
            failures = 0 if after > before else failures + 1
            LOG.info("%s: %s at %.1f MB; trying again", path.name, why, after / 1e6)
            if failures < attempts:
                wait(min(60.0, 2.0**failures))
        except requests.RequestException as error:
            raise HybridmapError(f"{url}: cannot be fetched ({type(error).__name__}); check the address.") from None
        except OSError as error:
            if not disk_is_full(error):
                raise
            raise HybridmapError(f"{part}: the disk is full; make room and run again, what came is kept.") from None
    else:
        kept = part.stat().st_size if part.exists() else 0
        raise HybridmapError(
            f"{url}: {why}, {attempts} times in a row; {kept / 1e6:.1f} MB are kept in {part} and continued next"
            f" time, or put the file at {path} by hand."
        )
    _check_kind(url, part, path)
    os.replace(part, path)
    memo.unlink(missing_ok=True)


def _transfer(url: str, part: Path, memo: Path, timeout: tuple[float, float]) -> None:
    start = part.stat().st_size if part.exists() else 0
    known = json.loads(memo.read_text(encoding="utf-8")) if memo.exists() else {}
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if known.get("version"):
            headers["If-Range"] = known["version"]
    with requests.get(url, stream=True, timeout=timeout, headers=headers) as answer:
        if answer.status_code == 416:
            # Nothing lies beyond what we have: it is complete, or another file.
            if start and answer.headers.get("Content-Range", "").endswith(f"/{start}"):
                return
            part.unlink(missing_ok=True)
            raise Interrupted("the server has a shorter file than was begun")
        if answer.status_code in AGAIN:
            raise Interrupted(f"the server answered {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise HybridmapError(
                f"{url}: the server answered {answer.status_code} ({answer.reason}); the file may have moved: look it"
                " up and fetch it by hand."
            )
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise HybridmapError(
                f"{url}: the server sent a web page, not the file; it may need a login, fetch it by hand."
            )
        first, total = _extent(answer, start)
        if first and known.get("total") not in (None, total):
            part.unlink()
            raise Interrupted("the file has changed since it was begun")
        memo.write_text(json.dumps({"version": _version(answer), "total": total}), encoding="utf-8")
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(first)
            file.seek(first)
            done = first
            with tqdm(total=total, initial=first, unit="B", unit_scale=True, desc=part.stem, mininterval=2) as bar:
                # Not iter_content: it throws away what came of a block before the connection broke.
                answer.raw.enforce_content_length = False
                while block := answer.raw.read1(BLOCK):
                    file.write(block)
                    done += len(block)
                    bar.update(len(block))
    if total is not None and done < total:
        raise Interrupted(f"the connection ended after {done} of {total} bytes")
    if total is not None and done > total:
        part.unlink()
        raise Interrupted(f"the server sent {done} bytes where {total} were promised")


def _extent(answer: requests.Response, start: int) -> tuple[int, int | None]:
    """First byte that the server sends, and the size of the whole file if it says so."""
    length = answer.headers.get("Content-Length")
    if answer.status_code == 206:
        span, _, whole = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        first = int(span.partition("-")[0] or -1)
        if first != start:
            raise Interrupted(f"the server continued at byte {first}, not {start}")
        return first, int(whole) if whole.isdigit() else None
    # A server that ignores the range begins again.
    return 0, int(length) if length is not None else None


def _version(answer: requests.Response) -> str:
    """What tells this version of the file from another; weak tags do not."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _check_kind(url: str, part: Path, path: Path) -> None:
    with part.open("rb") as file:
        start = file.read(512)
    beginnings = MAGIC.get(path.suffix)
    page = start.lstrip().lower().startswith((b"<!doctype", b"<html"))
    if page or (beginnings is not None and not start.startswith(beginnings)):
        part.unlink()
        what = "a web page" if page else "something else"
        raise HybridmapError(
            f"{url}: sent {what}, not a {path.suffix} file; it may need a login, fetch it by hand to {path}."
        )
    if path.suffix == ".zip" and not zipfile.is_zipfile(part):
        part.unlink()
        raise HybridmapError(f"{url}: the zip archive is damaged; run again to fetch it anew.")


def _words(error: Any) -> str:
    names = {
        "ReadTimeout": "no more bytes came",
        "ReadTimeoutError": "no more bytes came",
        "ConnectTimeout": "no connection in time",
    }
    return names.get(type(error).__name__, "the connection broke off")
