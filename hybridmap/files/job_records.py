"""Which job of the workflow made a file, from what and by which command: what Snakemake notes of its jobs."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import NamedTuple

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_json

RECORDS = Path(".snakemake") / "metadata"
"""Folder of the records, from the folder that Snakemake runs in."""


class JobRecord(NamedTuple):
    """One job.

    Attributes
    ----------
    rule, command : str
        Of the workflow.
    inputs, outputs : list of str
        Paths as the rule names them; of `outputs` those that have a record.
    """

    rule: str
    command: str
    inputs: list[str]
    outputs: list[str]


def read_job_records(folder: Path) -> list[JobRecord]:
    """Read the records of all jobs of a folder.

    Parameters
    ----------
    folder : Path
        Where Snakemake ran.

    Returns
    -------
    list of JobRecord
        By their first output.

    Raises
    ------
    HybridmapError
        If Snakemake has left no records there.
    """
    records = folder / RECORDS
    jobs: dict[tuple[str, str], JobRecord] = {}
    for file in sorted(records.rglob("*")):
        output = _output_of(file.relative_to(records)) if file.is_file() else ""
        content = read_json(file) if output else {}
        if content and not content.get("incomplete"):
            key = content["rule"], content.get("shellcmd") or output
            job = jobs.setdefault(key, JobRecord(*key, list(content.get("input") or []), []))
            job.outputs.append(output)
    if not jobs:
        raise HybridmapError(f"{records}: no records of jobs there; run this in the folder that snakemake ran in.")
    return sorted((job._replace(outputs=sorted(job.outputs)) for job in jobs.values()), key=lambda job: job.outputs)


def _output_of(record: Path) -> str:
    """The file that a record is about: its name in base 64, cut into folders that begin with @ where it is long."""
    code = "".join(part.removeprefix("@") for part in record.parts)
    try:
        return base64.b64decode(code, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
