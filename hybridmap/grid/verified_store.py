"""Zarr stores whose files are compared with what was written, each before its first use."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import LocalStore, WrapperStore

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import damaged, read_state
from hybridmap.files.tables import write_state

PIECE = 1 << 22
"""Bytes read at a time."""
Sums = dict[str, list[int]]
"""File of a store, from its folder → its size, and the CRC-32 of its content."""


def sums_file(store: Path) -> Path:
    """Where the sums of a store lie: beside it, so that other programs see nothing but Zarr in it."""
    return store.with_name(store.name + ".sums")


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


def write_sums(store: Path, folder: Path, sums: Mapping[str, list[int]]) -> None:
    """Note the sums of all files of a store.

    Parameters
    ----------
    store : Path
        Its name when it is finished.
    folder : Path
        Where its files are now.
    sums : mapping of str to list of int
        Those that are known; the rest are computed.
    """
    files = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    write_state({name: sums.get(name) or sum_of(folder / name) for name in files}, sums_file(store))


def lost_file(store: Path) -> str:
    """Return the first file that a store lacks or has in another size, "" if none; contents are not read."""
    if not (store / "zarr.json").is_file() or not sums_file(store).is_file():
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


def open_verified(path: Path) -> zarr.Group:
    """Open a store of an earlier stage; its files are compared with the sums beside it, if there are any.

    Parameters
    ----------
    path : Path
        The store.

    Returns
    -------
    zarr.Group
        For reading only. What is read of it later may raise HybridmapError too.

    Raises
    ------
    HybridmapError
        If there is no store, or a file of it is missing or damaged.
    """
    if not (path / "zarr.json").is_file():
        raise HybridmapError(f"{path}: no such store; run the stage that makes it first.")
    try:
        return zarr.open_group(_store(path), mode="r")
    except (KeyError, ValueError, TypeError, OSError, AttributeError) as error:
        raise damaged(path, error) from None


def _store(path: Path) -> LocalStore | VerifiedStore:
    files = LocalStore(path, read_only=True)
    return VerifiedStore(files, path, read_state(sums_file(path))) if sums_file(path).is_file() else files


class VerifiedStore(WrapperStore[LocalStore]):
    """The files of a store, each compared with its sum before it is first read.

    Parameters
    ----------
    store : LocalStore
        The files.
    path : Path
        Their folder.
    sums : dict
        Of all files.
    """

    def __init__(self, store: LocalStore, path: Path, sums: Sums) -> None:
        super().__init__(store)
        self.path = path
        self.sums = sums
        self.intact: set[str] = set()

    def _with_store(self, store: LocalStore) -> VerifiedStore:
        return type(self)(store, self.path, self.sums)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return the content of a file; HybridmapError if it is not what was written."""
        await self._verify(key)
        return await self._store.get(key, prototype, byte_range)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """Return parts of files; HybridmapError as :meth:`get`."""
        ranges = list(key_ranges)
        for key, _ in ranges:
            await self._verify(key)
        return await self._store.get_partial_values(prototype, ranges)

    async def _verify(self, key: str) -> None:
        if key in self.intact:
            return
        if fault := await asyncio.to_thread(self._fault, key):
            raise damaged(self.path, f"{key} {fault}")
        self.intact.add(key)

    def _fault(self, key: str) -> str:
        """What is wrong with a file; "" if nothing."""
        file = self.path / key
        if key not in self.sums:
            return "" if not file.is_file() else "does not belong to it"
        if not file.is_file():
            return "is missing"
        return "" if sum_of(file) == self.sums[key] else "is not what was written"
