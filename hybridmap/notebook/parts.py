"""Parts of results: where each lies, what makes it, and how a notebook shows them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hybridmap.errors import HybridmapError


class Part(NamedTuple):
    """A part of results.

    Attributes
    ----------
    name : str
        Attribute that opens it.
    path : Path
        File or folder.
    marker : Path
        File that is written last, which Snakemake knows.
    contents : str
        What it is.
    verb : str
        Command that makes it.
    """

    name: str
    path: Path
    marker: Path
    contents: str
    verb: str

    def absence(self) -> str:
        """A sentence if it is not there, else ""."""
        if self.marker.exists():
            return ""
        folder = Path.cwd()
        target = self.marker.relative_to(folder) if self.marker.is_relative_to(folder) else self.marker
        return (
            f"no {self.name} yet: 'snakemake {target.as_posix()}' makes it, with the --configfile of the region"
            f" (or 'hybridmap {self.verb}')"
        )

    def required(self) -> Path:
        """The path; HybridmapError if it is not there."""
        if absence := self.absence():
            raise HybridmapError(f"{self.path}: {absence}.")
        return self.path


def existing(path: Path) -> Path | None:
    """A file, or None where it is not made."""
    return path if path.is_file() else None


def as_text(title: str, parts: Sequence[Part]) -> str:
    """Title and a line a part."""
    width = max(len(part.name) for part in parts)
    return "\n".join([title, *(f"  .{part.name:<{width}}  {part.absence() or part.contents}" for part in parts)])


def as_html(title: str, parts: Sequence[Part]) -> str:
    """The same as a table."""
    rows = "".join(
        f"<tr><td><code>.{part.name}</code></td><td>{html.escape(part.absence() or part.contents)}</td></tr>"
        for part in parts
    )
    return f"<p><b>{html.escape(title)}</b></p><table>{rows}</table>"
