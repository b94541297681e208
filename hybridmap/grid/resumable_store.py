"""A store that survives an interruption: shards whole or absent, receipts of finished tiles, its name at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.files.disk import disk_is_full
from hybridmap.files.sums import Sums, sums_of, write_sums
from hybridmap.files.tables import replace_durably, write_bytes, write_text
from hybridmap.grid.lock import WriterLock
from hybridmap.grid.store import shard_names
from hybridmap.grid.tiles import Tile

IDENTITY = "identity"
"""Receipt that says what the store is made from."""
WHOLE = "whole"
"""Receipt of a store that is complete and takes its name next."""


class ResumableStore:
    """A store while it is made, tile by tile, by one run or by parts side by side.

    A run that ends at any moment leaves what the next one with the same identity continues, to the same bytes.

    Parameters
    ----------
    out : Path
        Where the finished store goes; while unfinished it is ``{out}.partial``, with ``{out}.receipts`` beside it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.partial = out.with_name(out.name + ".partial")
        self.receipts = out.with_name(out.name + ".receipts")
        self.lock_file = out.with_name(out.name + ".lock")
        self._lock = WriterLock(self.lock_file, out)
        self._arrays: dict[str, Any] = {}
        self._intact: set[str] = set()

    @contextlib.contextmanager
    def lock(self, part: str = "", patience: float = 0.0) -> Iterator[None]:
        """Keep others from writing the same store, or the same part of it.

        Parameters
        ----------
        part : str
            Name of a part that is written beside others; the whole store if empty.
        patience : float
            Seconds to wait for another to finish.

        Raises
        ------
        HybridmapError
            If another run is at it, see :class:`WriterLock`.
        """
        file = self.out.with_name(f"{self.out.name}.part{part}.lock") if part else self.lock_file
        self._lock = WriterLock(file, self.out)
        with self._lock.hold(patience):
            yield

    def refuse_parts(self) -> None:
        """Raise HybridmapError if a part of the store is being written."""
        for file in self.out.parent.glob(self.out.name + ".part*.lock"):
            WriterLock(file, self.out).clear()

    @property
    def held_lock(self) -> Path:
        """The file that says which run writes the store, or its part."""
        return self._lock.file

    def sign_of_life(self) -> None:
        """Tell other machines that this run still works."""
        self._lock.sign_of_life()

    def resume_or_create(self, identity: str, create: Callable[[Path], object]) -> None:
        """Continue a store that was begun with the same identity, or begin a new one.

        Parameters
        ----------
        identity : str
            What the whole store depends on; a store of another one is thrown away.
        create : callable
            Lays out the empty store at a path.
        """
        if self._identity() == identity:
            if (self.receipts / WHOLE).is_file() and self.out.is_dir() and not self.partial.is_dir():
                os.replace(self.out, self.partial)  # whole, but the run ended before it said so
            if self._has_layout():
                return
        self.refuse_parts()
        self.discard()
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        create(self.partial)
        self.receipts.mkdir()
        files = (path.relative_to(self.partial).as_posix() for path in self.partial.rglob("*"))
        write_bytes(_packed(sums_of(self.partial, sorted(files)), identity.encode()), self.receipts / IDENTITY)

    def _identity(self) -> str:
        """What the unfinished store is made from; "" if that is not known."""
        noted = self._noted(IDENTITY)
        return noted[1].decode() if noted else ""

    def _has_layout(self) -> bool:
        """Whether everything that an empty store consists of is there, as it was written."""
        noted = self._noted(IDENTITY)
        return noted is not None and sums_of(self.partial, noted[0]) == noted[0]

    def receipt(self, tile: Tile) -> bytes | None:
        """What was noted with a finished tile; None if it is not finished, or a file of it is not what was written."""
        noted = self._noted(tile.name)
        if noted is None:
            return None
        sums, receipt = noted
        if tile.name not in self._intact:
            if sums_of(self.partial, sums) != sums:
                return None
            self._intact.add(tile.name)
        return receipt

    def _noted(self, name: str) -> tuple[Sums, bytes] | None:
        """Sums of files, and what was noted with them; None if there is no such receipt that is whole."""
        try:
            return _unpacked((self.receipts / name).read_bytes())
        except (OSError, ValueError):
            return None

    def write_tile(self, tile: Tile, layers: Iterable[tuple[str, NDArray[Any]]], receipt: bytes) -> None:
        """Write the shards of one tile and then its receipt; no layers leave a receipt alone.

        A worker that was given up may still write the tile that another one writes in its place: who comes later finds
        it done, and receipts of both have names of their own until they are whole.

        Parameters
        ----------
        tile : Tile
            Its cells; they fill whole shards.
        layers : iterable of (str, array)
            Path of an array in the store, and its values, shape (..., row, column).
        receipt : bytes
            What to note.

        Raises
        ------
        HybridmapError
            If the disk is full; what is finished stays.
        """
        if self.receipt(tile) == receipt:
            return
        names: list[str] = []
        try:
            for name, values in layers:
                array = self._array(name)
                shards = shard_names(array, name, tile)
                for shard in shards:  # Zarr would read a shard at the edge of the grid first, damaged as it may be
                    (self.partial / shard).unlink(missing_ok=True)
                array[(..., *tile.slices)] = values
                names += shards
            partial = self.receipts / f"{tile.name}.{uuid.uuid4().hex}.partial"
            partial.write_bytes(_packed(sums_of(self.partial, names), receipt))
            replace_durably(partial, self.receipts / tile.name)
        except OSError as error:
            if disk_is_full(error):
                raise HybridmapError(
                    f"{self.partial}: the disk is full; make room and run again, finished tiles are kept."
                ) from None
            raise
        self._intact.add(tile.name)

    def _array(self, name: str) -> Any:
        if name not in self._arrays:
            self._arrays[name] = zarr.open_array(str(self.partial), path=name, mode="r+")
        return self._arrays[name]

    def finish(self) -> None:
        """Give the store its name; until :meth:`drop_receipts` another run finds every tile done.

        Raises
        ------
        HybridmapError
            If a file is gone that a finished tile had written; the next run makes that tile again.
        """
        sums = self._sums()
        write_sums(self.out, self.partial, sums)
        write_text("", self.receipts / WHOLE)
        shutil.rmtree(self.out, ignore_errors=True)
        os.replace(self.partial, self.out)
        # By its new name nobody else writes it.
        lost_file = next((name for name in sums if not (self.out / name).is_file()), None)
        if lost_file is not None:
            os.replace(self.out, self.partial)
            (self.receipts / WHOLE).unlink()
            raise HybridmapError(
                f"{self.out}: {lost_file} is gone that had been written, as by a worker that was lost and went on; run"
                " again, finished tiles are kept."
            )

    def _sums(self) -> Sums:
        """Sums that the receipts of all tiles note."""
        sums: Sums = {}
        for file in self.receipts.iterdir():
            if file.name not in (IDENTITY, WHOLE) and file.suffix != ".partial":
                sums |= _unpacked(file.read_bytes())[0]
        return sums

    def drop_receipts(self) -> None:
        """Forget how the store was made: the next run makes it anew."""
        # The identity first: receipts without it count for nothing.
        (self.receipts / IDENTITY).unlink(missing_ok=True)
        shutil.rmtree(self.receipts, ignore_errors=True)

    def discard(self) -> None:
        """Throw an unfinished store away; a finished one stays."""
        self.drop_receipts()
        shutil.rmtree(self.partial, ignore_errors=True)
        self._arrays.clear()
        self._intact.clear()


def _packed(sums: Sums, receipt: bytes) -> bytes:
    """Content of the file of a receipt: its own checksum, sums of shards, and what was noted."""
    content = json.dumps(sums).encode() + b"\n" + receipt
    return f"{zlib.crc32(content):08x}\n".encode() + content


def _unpacked(content: bytes) -> tuple[Sums, bytes]:
    """Sums of shards, and what was noted; ValueError if the file is not whole."""
    checksum, _, rest = content.partition(b"\n")
    if checksum != f"{zlib.crc32(rest):08x}".encode():
        raise ValueError("a receipt that was cut short")
    sums, _, receipt = rest.partition(b"\n")
    return json.loads(sums), receipt
