"""The chain of every artefact of a region, from the files of the user to the pixel: ``provenance.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.files.device_notes import noted_devices
from hybridmap.files.digest import current_sha256
from hybridmap.files.job_records import JobRecord, read_job_records
from hybridmap.files.paths import under
from hybridmap.files.reading import read_state
from hybridmap.files.sums import store_of
from hybridmap.files.tables import write_state
from hybridmap.report.provenance import input_hashes, versions

UNCOUNTED = ("logs", "benchmarks")
"""Folders of a region whose files say how a run went, and no result."""

SIDE_FOLDERS = {"cube": "layers"}
"""Folders that a rule fills without naming them among its outputs."""


class Owner(NamedTuple):
    """What a job made: a file, or a folder with all that lies in it.

    Attributes
    ----------
    path : Path
        File or folder.
    job : int
        Place of the job in the list.
    """

    path: Path
    job: int


def write_run_record(config: Config, results: Path, out: Path, workflow: Path = Path()) -> None:
    """Write which job made each file of a region, its digest, and what the job read.

    Files of stores and trained models are covered by the digest of the sums that lie beside them.

    Parameters
    ----------
    config : Config
        Of the region.
    results : Path
        Folder of the region.
    out : Path
        ``provenance.json``.
    workflow : Path
        The folder in which Snakemake ran; by default this one.
    """
    jobs = [job for job in read_job_records(workflow) if any(_inside(results, path) for path in job.outputs)]
    owners = [Owner(path, k) for k, job in enumerate(jobs) for text in job.outputs for path in _owned(Path(text))]
    owners += [Owner(results / SIDE_FOLDERS[job.rule], k) for k, job in enumerate(jobs) if job.rule in SIDE_FOLDERS]
    files = {
        file.relative_to(results).as_posix(): {
            "sha256": current_sha256(file),
            "bytes": file.stat().st_size,
            "job": job_of(file, owners, results),
        }
        for file in result_files(results)
        if file != out
    }
    record = {
        "region": config.region,
        "title": config.title,
        "publication": config.publication.stated() if config.publication else {},
        "software": versions(),
        "sources": _sources(config, results),
        "devices": noted_devices(results),
        "jobs": [_job(job, results) for job in jobs],
        "files": files,
    }
    write_state(record, out)


def result_files(results: Path) -> list[Path]:
    """Files of a region that are results: all but logs, and what sums stand for.

    Parameters
    ----------
    results : Path
        Folder of the region.

    Returns
    -------
    list of Path
        Sorted.
    """
    covered = {store_of(sums) / name for sums in results.rglob("*.sums") for name in sums_in(sums)}
    return [
        file
        for file in sorted(results.rglob("*"))
        if file.is_file()
        and file.relative_to(results).parts[0] not in UNCOUNTED
        and not file.name.startswith(".")
        and file not in covered
    ]


def sums_in(path: Path) -> dict[str, Any]:
    """Sums of the files of a folder; none where their own file is damaged, which its digest tells.

    Parameters
    ----------
    path : Path
        Ends in ``.sums``.

    Returns
    -------
    dict of str to list of int
        As :func:`~hybridmap.files.sums.sum_of` gives them.
    """
    try:
        return read_state(path)
    except HybridmapError:
        return {}


def job_of(file: Path, owners: Sequence[Owner], results: Path) -> int | None:
    """Place of the job that made a file; None if no job did.

    Parameters
    ----------
    file : Path
        Of the region.
    owners : sequence of Owner
        What the jobs made. The nearest counts: the file, then the folders that it lies in, then what lies beside these.
    results : Path
        Folder of the region; that a file lies somewhere in it says nothing.

    Returns
    -------
    int or None
    """
    paths = [file, *(folder for folder in file.parents if folder.is_relative_to(results) and folder != results)]
    owned = {owner.path: owner.job for owner in reversed(owners)}
    beside = {owner.path.parent: owner.job for owner in reversed(owners)}
    return next((jobs[path] for jobs in (owned, beside) for path in paths if path in jobs), None)


def _owned(output: Path) -> list[Path]:
    """An output, and what goes with it: its store, or of a list the folder and the sums of the same name."""
    if output.name == "zarr.json":
        return [output, output.parent, output.parent.with_name(output.parent.name + ".sums")]
    if output.suffix != ".json":  # a folder of that name has files of other jobs
        return [output]
    return [output, output.with_suffix(""), output.with_suffix(".sums")]


def _inside(results: Path, path: str) -> bool:
    return Path(path).is_relative_to(results)


def _job(job: JobRecord, results: Path) -> dict[str, Any]:
    return {
        "rule": job.rule,
        "command": job.command,
        **{
            key: [Path(p).relative_to(results).as_posix() if _inside(results, p) else p for p in paths]
            for key, paths in (("inputs", job.inputs), ("outputs", job.outputs))
        },
    }


def _sources(config: Config, results: Path) -> list[Mapping[str, Any]]:
    """Files of the user: where they were when the run was made, and what they were."""
    rows = input_hashes(config, results)
    return [{**row, "file": str(under(config.data_root, row["path"]).absolute())} for row in rows]
