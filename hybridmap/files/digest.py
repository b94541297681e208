"""Digests of files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1024)
def sha256_of(path: Path) -> str:
    """SHA-256 of a file or, of a folder (Zarr), of all its files; for provenance, and remembered."""
    return current_sha256(path)


def current_sha256(path: Path) -> str:
    """As :func:`sha256_of`, read anew each time."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path)}:{current_sha256(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
