"""Paths of a region file: variables expanded, relative ones under the data root."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hybridmap.errors import HybridmapError


def under(root: str, path: str) -> Path:
    """Return `path` under `root`, with ``${VARIABLE:-default}`` expanded in both.

    Raises
    ------
    HybridmapError
        If a variable without default is not set.
    """
    return Path(expand(root)) / expand(path)


def expand(text: str) -> str:
    """Expand ``~``, ``${VARIABLE}`` and ``${VARIABLE:-default}`` in `text`; HybridmapError if one is not set."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        setting = os.environ.get(name, default)
        if setting is None:
            raise HybridmapError(f"'{text}' needs the environment variable {name}, which is not set; export it first.")
        return setting

    return os.path.expanduser(re.sub(r"\$\{(?P<name>\w+)(:-(?P<default>[^}]*))?\}", value, text))
