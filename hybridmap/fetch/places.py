"""Where a file may come from: a copy of one's own, its address, and further addresses, tried one after the other."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hybridmap.errors import HybridmapError
from hybridmap.fetch.catalogue import CatalogueEntry, CatalogueFile
from hybridmap.fetch.download import ATTEMPTS, TIMEOUT, download

LOG = logging.getLogger("hybridmap")
FEW_ATTEMPTS = 2
"""Tries in a row that bring nothing, where there is another address."""
RATES_MB_S = (1.0, 10.0)
"""Transfer rates for which the time is told."""


COPY = "a copy of one's own"
"""Where a file came from that was in a folder."""


class Places(NamedTuple):
    """Where the files of a data set are looked for.

    Attributes
    ----------
    data_set : str
        Key of the catalogue.
    origin : str
        Folder or address of a copy of one's own; "" for none.
    """

    data_set: str
    origin: str

    @property
    def _is_address(self) -> bool:
        return self.origin.startswith(("http://", "https://"))

    def bring(self, name: str, path: Path) -> bool:
        """Copy a file from the folder of one's own, whole or not at all; whether it was there.

        Parameters
        ----------
        name : str
            Of the file.
        path : Path
            Where it belongs; a file that is there stays.

        Returns
        -------
        bool
        """
        if not self.origin or self._is_address or path.is_file():
            return False
        folder = Path(self.origin)
        if not folder.is_dir():
            raise HybridmapError(f"--from {folder}: expected a folder, or an address that begins with https://.")
        copy = next((c for c in (folder / self.data_set / name, folder / name) if c.is_file()), None)
        if copy is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".copy.part")
        shutil.copyfile(copy, part)
        os.replace(part, path)
        LOG.info("%s: copied from %s", name, copy)
        return True

    def _advice(self, name: str) -> str:
        """Where a copy of a file would be taken from."""
        if self._is_address:
            return f"With a copy in a folder, FOLDER/{self.data_set}/{name}: --from FOLDER."
        if self.origin:
            folder = Path(self.origin)
            return f"Neither {folder / self.data_set / name} nor {folder / name} is there, where a copy would be taken."
        return (
            f"With a copy of one's own, as FOLDER/{self.data_set}/{name} or FOLDER/{name}: hybridmap fetch"
            f" {self.data_set} --from FOLDER, or downloads_from: FOLDER in the region file; --offline lists all files."
        )

    def addresses(self, file: CatalogueFile) -> list[str]:
        """Of a file: that of the copy of one's own, the published one, and its mirrors."""
        copies = [f"{self.origin.rstrip('/')}/{self.data_set}/{file.name}"] if self._is_address else []
        return [*copies, file.url, *file.mirrors]

    def fetch(self, file: CatalogueFile, path: Path, check: Callable[[Path], None]) -> str:
        """Bring a file from the first place that has it as it should be.

        Parameters
        ----------
        file : CatalogueFile
            What to bring.
        path : Path
            Where it belongs.
        check : callable
            Raises HybridmapError for a file that is not what it should be.

        Returns
        -------
        str
            The address that it came from, or :data:`COPY`.

        Raises
        ------
        HybridmapError
            If no place has it; then nothing lies at `path`.
        """
        if self.bring(file.name, path):
            checked(path, check)
            return COPY
        addresses, failures = self.addresses(file), []
        for number, address in enumerate(addresses):
            is_last = number == len(addresses) - 1
            try:
                suffix = f".{number + 1}.part" if number else ".part"
                download(address, path, ATTEMPTS if is_last else FEW_ATTEMPTS, TIMEOUT, suffix=suffix)
                checked(path, check)
                break
            except HybridmapError as error:
                failures.append(str(error))
                LOG.warning("%s%s", error, "" if is_last else f" Trying {addresses[number + 1]}")
        else:
            failed = f" {len(addresses)} addresses failed; the first: {failures[0]}" if len(addresses) > 1 else ""
            raise HybridmapError(f"{failures[-1]}{failed} {self._advice(file.name)}")
        for part in path.parent.glob(f"{path.name}.*part*"):
            part.unlink()
        return address


def checked(path: Path, check: Callable[[Path], None]) -> None:
    """Leave a file that was brought only where it is what it should be.

    Parameters
    ----------
    path : Path
        The file.
    check : callable
        Raises HybridmapError for a file that is not what it should be.
    """
    try:
        check(path)
    except HybridmapError:
        path.unlink()
        raise


def announce(name: str, entry: CatalogueEntry, share: float, folder: Path) -> None:
    """Say how much comes and how long that takes, before it does.

    Parameters
    ----------
    name : str
        Key of the catalogue.
    entry : CatalogueEntry
        The data set.
    share : float
        Of it that is missing, in (0, 1].
    folder : Path
        Where it goes.

    Raises
    ------
    HybridmapError
        If the disk has no room for it.
    """
    size_gb = entry.gigabytes * share
    if not size_gb:
        LOG.info("%s: %s to fetch", name, entry.size or "a size that is not known")
        return
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free_gb = shutil.disk_usage(nearest).free / 1e9
    if size_gb > free_gb:
        raise HybridmapError(f"{folder}: '{name}' takes {size_gb:.1f} GB, the disk has {free_gb:.1f} GB; make room.")
    times = " or ".join(f"{_minutes(size_gb * 1e3 / rate)} at {rate:g} MB/s" for rate in RATES_MB_S)
    LOG.info("%s: about %.2g GB to fetch, %s", name, size_gb, times)


def _minutes(seconds: float) -> str:
    """In minutes or hours, rounded up."""
    return f"{seconds / 3600:.1f} h" if seconds > 7200 else f"{int(seconds // 60) + 1} min"
