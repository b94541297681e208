"""In which file and line a value of the configuration stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridmap.config.yaml_file import Place


@dataclass
class Lines:
    """Lines of a configuration that is laid over from several files.

    Attributes
    ----------
    files : list of (Path, mapping of place to line)
        In the order in which they were read; later ones lie over earlier ones.
    """

    files: list[tuple[Path, Mapping[Place, int]]] = field(default_factory=list)

    def find(self, place: Place) -> str:
        """Say ``FILE, line N`` for the value at a place, or for the nearest block around it; "" if it is in no file."""
        for length in range(len(place), 0, -1):
            for path, lines in reversed(self.files):
                if line := lines.get(place[:length]):
                    return f"{path}, line {line}"
        return ""


def place_in_file(location: tuple[int | str, ...], written: Mapping[str, Any], expanded: Mapping[str, Any]) -> Place:
    """Where a value stands in the file, for a location in the configuration with every layer written out.

    Parameters
    ----------
    location : tuple
        As pydantic gives it, for `expanded`.
    written, expanded : mapping
        What the files say, and the same with short ways to write layers spelled out.

    Returns
    -------
    tuple
        The location with the position that the layer has in the file.
    """
    if len(location) < 2 or not isinstance(location[1], int):
        return location
    section, number, *rest = location[0], location[1], *location[2:]
    layers, entries = expanded.get(str(section)), written.get(str(section))
    if layers is entries or not isinstance(layers, list) or not isinstance(entries, list):
        return location
    layer = layers[int(number)] if int(number) < len(layers) else None
    names = [layer.get("name"), layer.get("group")] if isinstance(layer, dict) else []
    for position, entry in enumerate(entries):
        if entry is layer or (isinstance(entry, dict) and entry.get("name") in names):
            return (section, position, *rest)
    return (section,)
