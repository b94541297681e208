"""Zarr stores whose files are compared with what was written, each before its first use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import LocalStore, WrapperStore

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import damaged, read_state
from hybridmap.files.sums import Sums, sum_of, sums_file


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
        return zarr.open_group(_store(path), mode="r", use_consolidated=False)  # what each array says itself
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
