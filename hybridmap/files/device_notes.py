"""Which GPU made a result: a note beside it. A result without a note was made on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridmap.files.reading import read_json
from hybridmap.files.tables import write_json

SUFFIX = ".devices.json"


def note_devices(result: Path, parts_of_device: Mapping[str, int]) -> None:
    """Note the GPUs that had a part in a result; where there was none, remove the note of an earlier run.

    Parameters
    ----------
    result : Path
        File or folder; the note is ``{name}.devices.json`` beside it.
    parts_of_device : mapping of str to int
        Name of a device → how many parts of the result it made; the CPU is ``cpu``.
    """
    path = result.with_name(result.name + SUFFIX)
    if set(parts_of_device) - {"cpu"}:
        write_json(dict(sorted(parts_of_device.items())), path)
    else:
        path.unlink(missing_ok=True)


def noted_devices(folder: Path) -> dict[str, Any]:
    """Every note in a folder: result, relative to it → its devices.

    Parameters
    ----------
    folder : Path
        Of a region.

    Returns
    -------
    dict of str to mapping of str to int
        Empty where all was made on the CPU.
    """
    notes = sorted(folder.rglob(f"*{SUFFIX}"))
    return {path.relative_to(folder).as_posix().removesuffix(SUFFIX): read_json(path) for path in notes}
