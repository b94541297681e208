"""Files that carry their own digest, so that damage is noticed when they are read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

MARK = b"hybridmap:sha256="
LENGTH = len(MARK) + 64
SEAL = "seal"
"""Key of the digest in a mapping."""
TAIL = 8
"""Bytes after the footer of a Parquet file: its length and the signature."""


def seal_parquet(path: Path) -> None:
    """Put the digest of a Parquet file in front of its footer, where readers pass over it."""
    content = path.read_bytes()
    footer = len(content) - TAIL - int.from_bytes(content[-TAIL:-4], "little")
    seal = MARK + hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content[:footer] + seal + content[footer:])


def is_intact(content: bytes) -> bool:
    """Whether a file has the digest that it carries, or carries none.

    Examples
    --------
    >>> is_intact(b"a table of another program")
    True
    >>> is_intact(b"damaged" + MARK + b"0" * 64)
    False
    """
    place = content.rfind(MARK)
    if place < 0:
        return True
    seal, rest = content[place : place + LENGTH], content[:place] + content[place + LENGTH :]
    return seal == MARK + hashlib.sha256(rest).hexdigest().encode()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping with its digest under :data:`SEAL`, in the place of any that it has."""
    rest = {key: value for key, value in content.items() if key != SEAL}
    return {**rest, SEAL: _digest(rest)}


def unsealed(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return a mapping without its digest; None if it has another one, or none.

    Examples
    --------
    >>> unsealed(sealed({"factor": 1.5}))
    {'factor': 1.5}
    >>> unsealed({**sealed({"factor": 1.5}), "factor": 1.7})
    """
    rest = {key: value for key, value in content.items() if key != SEAL}
    return rest if content.get(SEAL) == _digest(rest) else None


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
