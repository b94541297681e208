"""Damage of files, as disks, copies and power cuts do it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fuzz.draw import pick

LOSSES = ("emptied", "cut", "zeros", "tail of zeros")
"""What a power cut leaves of a file that was being written."""
DAMAGES = (*LOSSES, "bit flipped", "bit flipped", "bit flipped", "removed", "neighbour", "noise")


def damage(source: np.random.Generator, folder: Path, file: str, title: str) -> None:
    """Damage a file of a region.

    Parameters
    ----------
    source : Generator
        Where the damage falls.
    folder : Path
        Folder of the region.
    file : str
        The file, from there.
    title : str
        One of :data:`DAMAGES`.
    """
    path = folder / file
    if title == "removed":
        path.unlink()
        return
    content = path.read_bytes()
    position = int(source.integers(max(len(content), 1)))
    flipped = bytearray(content)
    if content:
        flipped[position] ^= 1 << int(source.integers(8))
    damaged = {
        "emptied": b"",
        "cut": content[:position],
        "zeros": bytes(len(content)),
        "tail of zeros": content[:position] + bytes(len(content) - position),
        "bit flipped": bytes(flipped),
        "neighbour": _neighbour(source, folder, file),
        "noise": source.integers(0, 256, len(content), dtype=np.uint8).tobytes(),
    }
    path.write_bytes(damaged[title])


def _neighbour(source: np.random.Generator, folder: Path, file: str) -> bytes:
    """Return the content of another file of its kind in the same store, or its own where there is none."""
    path = folder / file
    store = folder / Path(file).parts[0]
    pattern = f"*{path.suffix}" if path.suffix else path.name
    files = sorted(candidate for candidate in store.rglob(pattern) if candidate.is_file()) or [path]
    return pick(source, files).read_bytes()
