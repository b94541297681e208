"""The commented region file that ``hybridmap init`` writes to start from."""

from __future__ import annotations

import re
from pathlib import Path

from hybridmap.errors import HybridmapError

TEMPLATE = Path(__file__).with_name("template.yaml")
PLACEHOLDER = "my_region"


def write_template(path: Path) -> None:
    """Write a commented region file to start from; HybridmapError if `path` exists."""
    if path.exists():
        raise HybridmapError(f"{path} exists already; give another name, so that nothing is lost.")
    template = TEMPLATE.read_text(encoding="utf-8")
    path.write_text(template.replace(PLACEHOLDER, region_name(path)), encoding="utf-8")


def region_name(path: Path) -> str:
    """A valid region name from that of a file: lower case, letters, digits and underscores.

    Examples
    --------
    >>> region_name(Path("my-Fields 2.yaml"))
    'my_fields'
    """
    return re.sub(r"[^a-z0-9_]+", "_", path.stem.lower()).strip("_0123456789") or PLACEHOLDER
