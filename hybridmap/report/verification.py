"""Whether the files of a region are still what was written, and who made those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hybridmap.errors import HybridmapError
from hybridmap.files.digest import current_sha256
from hybridmap.files.reading import read_state
from hybridmap.files.results import RegionFiles
from hybridmap.files.sums import store_of, sum_of
from hybridmap.report.run_record import result_files, sums_in


class Verification(NamedTuple):
    """What a look at all files of a region gave.

    Attributes
    ----------
    files, sources : int
        Files of the region that were read, and of the user.
    differences : list of str
        A sentence for each file that is not what was written.
    notes : list of str
        What could not be judged.
    """

    files: int
    sources: int
    differences: list[str]
    notes: list[str]


def verify(results: Path) -> Verification:
    """Read every file of a region again, and the files that it was made from where they are still there.

    Parameters
    ----------
    results : Path
        Folder of the region; it may have been moved since.

    Raises
    ------
    HybridmapError
        If the region has no ``provenance.json``, or that is damaged.
    """
    file = RegionFiles(results).provenance
    if not file.is_file():
        raise HybridmapError(f"{file}: not there; snakemake writes it at the end of a run.")
    record = read_state(file)
    if not record.keys() >= {"files", "jobs", "sources"}:
        raise HybridmapError(f"{file}: no record of a run of this release; run snakemake again.")
    differences = list(_changed_files(results, record))
    covered = 0
    for sums in sorted(results.rglob("*.sums")):
        named = sums_in(sums)
        covered += len(named)
        differences += _changed_members(sums, named, _maker(record, sums.relative_to(results).as_posix()))
    recorded = {results / name for name in record["files"]} | {file}
    strange = [path for path in result_files(results) if path not in recorded]
    notes = [f"{len(strange)} files are not of this run, such as {strange[0]}"] if strange else []
    local = [source for source in record["sources"] if source["sha256"] and Path(source["file"]).exists()]
    if len(local) < len(record["sources"]):
        notes.append(f"{len(record['sources']) - len(local)} sources are derived, remote or not on this machine")
    differences += [
        f"{source['file']}: its content is not that which the run was made from ({source['name']})"
        for source in local
        if current_sha256(Path(source["file"])) != source["sha256"]
    ]
    return Verification(len(record["files"]) + covered, len(local), differences, notes)


def _changed_files(results: Path, record: dict[str, Any]) -> Iterator[str]:
    for name, written in record["files"].items():
        path = results / name
        if not path.is_file():
            yield f"{path}: it is gone; made by {_maker(record, name)}"
        elif current_sha256(path) != written["sha256"]:
            yield f"{path}: its content is not what was written; made by {_maker(record, name)}"


def _changed_members(sums: Path, named: dict[str, Any], maker: str) -> Iterator[str]:
    for name, expected in named.items():
        path = store_of(sums) / name
        if not path.is_file():
            yield f"{path}: it is gone; made by {maker}"
        elif sum_of(path) != expected:
            yield f"{path}: its content is not what was written; made by {maker}"


def _maker(record: dict[str, Any], name: str) -> str:
    job = record["files"].get(name, {}).get("job")
    if job is None:
        return "no rule of the workflow"
    return f"rule {record['jobs'][job]['rule']}: {record['jobs'][job]['command']}"
