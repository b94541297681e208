"""Sums of the files of a folder, beside it: what was written, so that what is lost or damaged is noticed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_state
from hybridmap.files.tables import write_state

PIECE = 1 << 22
"""Bytes read at a time."""
Sums = dict[str, list[int]]
"""File of a store, from its folder → its size, and the CRC-32 of its content."""


def sums_file(store: Path) -> Path:
    """Where the sums of a store lie: beside it, so that other programs see nothing but Zarr in it."""
    return store.with_name(store.name + ".sums")


def store_of(sums: Path) -> Path:
    """The store whose sums are in this file."""
    return sums.with_name(sums.name.removesuffix(".sums"))


def sum_of(path: Path) -> list[int]:
    """Size of a file, and the CRC-32 of its content: about 3 GB/s."""
    size, total = 0, 0
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            size, total = size + len(piece), zlib.crc32(piece, total)
    return [size, total]


def sums_of(store: Path, names: Iterable[str]) -> Sums:
    """Sums of some files of a store; files that are not there have none."""
    return {name: sum_of(store / name) for name in names if (store / name).is_file()}


def write_sums(store: Path, folder: Path, sums: Mapping[str, list[int]], pattern: str = "*") -> None:
    """Note the sums of the files of a store.

    Parameters
    ----------
    store : Path
        Its name when it is finished.
    folder : Path
        Where its files are now.
    sums : mapping of str to list of int
        Those that are known; the rest are computed.
    pattern : str
        Of the names of the files that count.
    """
    files = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob(pattern)) if path.is_file())
    write_state({name: sums.get(name) or sum_of(folder / name) for name in files}, sums_file(store))


def renew_sum(store: Path, name: str) -> None:
    """Note the sum of one file of a finished store anew; nothing where the store has no sums."""
    path = sums_file(store)
    if path.is_file():
        write_state({**read_state(path), name: sum_of(store / name)}, path)


def lost_file(store: Path) -> str:
    """Return the first file that a store lacks or has in another size, "" if none; contents are not read."""
    if not sums_file(store).is_file():
        return ""
    try:
        sums = read_state(sums_file(store))
    except HybridmapError:
        return sums_file(store).name
    for name, (size, _) in sums.items():
        path = store / name
        if not path.is_file() or path.stat().st_size != size:
            return f"{store.name}/{name}"
    return ""


def changed_file(store: Path) -> str:
    """Return the first file that a store lacks or that is not what was written, "" if none; contents are read."""
    if missing := lost_file(store):
        return missing
    sums = read_state(sums_file(store)) if sums_file(store).is_file() else {}
    return next((f"{store.name}/{name}" for name, total in sums.items() if sum_of(store / name) != total), "")
