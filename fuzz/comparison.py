"""Whether two files say the same: by their bytes, or by their values where bytes hold times and the like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio


def difference(first: Path, second: Path) -> str:
    """Say how the second file differs from the first, in few words; empty if they say the same."""
    if not second.is_file():
        return "missing"
    if first.read_bytes() == second.read_bytes():
        return ""
    compare = COMPARISONS.get(first.suffix)
    try:
        return "" if compare and compare(first, second) else "differs"
    except Exception as error:  # whatever a damaged file brings up, it is not the same
        return f"not readable ({type(error).__name__})"


def _same_tables(first: Path, second: Path) -> bool:
    return pd.read_parquet(first).equals(pd.read_parquet(second))


def _same_rasters(first: Path, second: Path) -> bool:
    with rasterio.open(first) as left, rasterio.open(second) as right:
        same_grid = (left.transform, left.crs, left.count) == (right.transform, right.crs, right.count)
        return same_grid and np.array_equal(left.read(), right.read(), equal_nan=True)


def _same_arrays(first: Path, second: Path) -> bool:
    with np.load(first) as left, np.load(second) as right:
        return set(left) == set(right) and all(np.array_equal(left[name], right[name]) for name in left)


def _same_json(first: Path, second: Path) -> bool:
    return _content(first) == _content(second)


def _content(path: Path) -> object:
    """Return what a file says, without the digest of what its store was made of.

    A flipped bit in the padding of an archive changes the digest of the archive and none of its values; maps then are
    the same, and say truly that their input is another file.
    """
    content = json.loads(path.read_text())
    if isinstance(content, dict) and isinstance(content.get("attributes"), dict):
        content["attributes"].pop("model_fingerprint", None)
    return content


COMPARISONS: dict[str, Callable[[Path, Path], bool]] = {
    ".parquet": _same_tables,
    ".tif": _same_rasters,
    ".npz": _same_arrays,
    ".json": _same_json,
}
