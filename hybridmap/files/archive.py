"""Numpy archives of one record, with the version of its form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hybridmap.errors import HybridmapError
from hybridmap.files.disk import room_for
from hybridmap.files.reading import read_npz
from hybridmap.files.tables import replace_durably


def save_archive(path: Path, values: Mapping[str, Any], version: int) -> None:
    """Write arrays and scalars by name, whole or not at all.

    Parameters
    ----------
    path : Path
        Archive to write; its folder is made.
    values : mapping of str to array or scalar
        What it holds.
    version : int
        Of its form.
    """
    partial = path.with_name(path.name + ".partial.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    with room_for(path):
        np.savez(partial, version=version, **values)
        replace_durably(partial, path)


def load_archive(path: Path, names: Collection[str], version: int, verb: str) -> dict[str, Any]:
    """Read what :func:`save_archive` wrote.

    Parameters
    ----------
    path : Path
        The archive.
    names : collection of str
        What it must hold, and nothing else.
    version : int
        Of its form.
    verb : str
        Command that writes it, for the sentence.

    Returns
    -------
    dict of str to array or scalar

    Raises
    ------
    HybridmapError
        If it is no archive, or another version's.
    """
    arrays = read_npz(path)
    if int(arrays.pop("version", 0)) != version or set(arrays) != set(names):
        raise HybridmapError(f"{path}: written by another version of hybridmap; run 'hybridmap {verb}' again.")
    return {name: value if value.ndim else value.item() for name, value in arrays.items()}
