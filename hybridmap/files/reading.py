"""Reading what earlier stages wrote: whole and as written, or one sentence that names the file and the cure."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridmap.errors import HybridmapError
from hybridmap.files.seal import is_intact, unsealed

if TYPE_CHECKING:
    import pandas as pd


def damaged(path: Path, reason: object) -> HybridmapError:
    """Return the error about a file that is not as its stage wrote it."""
    words = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    return HybridmapError(f"{path}: damaged ({words}); delete it and run again, so that its stage makes it anew.")


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of an earlier stage.

    Parameters
    ----------
    path : Path
        Parquet file.
    columns : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame
        The table.

    Raises
    ------
    HybridmapError
        If there is none, or it is damaged.
    """
    import pandas as pd

    content = _content(path)
    if not is_intact(content):
        raise damaged(path, "its content is not what was written")
    try:
        return pd.read_parquet(io.BytesIO(content), columns=None if columns is None else list(columns))
    except (OSError, ValueError, KeyError, NotImplementedError, MemoryError) as error:
        raise damaged(path, error) from None


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV table of an earlier stage; HybridmapError if there is none, or it is damaged."""
    import pandas as pd

    try:
        return pd.read_csv(io.BytesIO(_content(path)))
    except (ValueError, MemoryError) as error:
        raise damaged(path, error) from None


def read_json(path: Path) -> Any:
    """Read a JSON file of an earlier stage; HybridmapError if there is none, or it is damaged."""
    try:
        return json.loads(_content(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None


def read_state(path: Path) -> dict[str, Any]:
    """Read a mapping written by :func:`~hybridmap.files.tables.write_state`; HybridmapError as :func:`read_json`."""
    content = read_json(path)
    state = unsealed(content) if isinstance(content, dict) else None
    if state is None:
        raise damaged(path, "its content is not what was written")
    return state


def read_npz(path: Path) -> dict[str, Any]:
    """Read all arrays of an npz file of an earlier stage; HybridmapError if there is none, or it is damaged."""
    import zipfile
    import zlib

    import numpy as np

    content = io.BytesIO(_content(path))
    try:
        with np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, NotImplementedError) as error:
        raise damaged(path, "no archive of arrays" if "pickle" in str(error) else error) from None
    except (zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise damaged(path, error) from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise HybridmapError(f"{path}: no such file; run the stage that makes it first.") from None
    except OSError as error:
        raise HybridmapError(f"{path}: cannot be read ({error.strerror}); check the path and its rights.") from None
