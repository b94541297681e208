"""A region as a Workflow Run RO-Crate: its folder, described so that archives and colleagues can read it by program."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybridmap.errors import HybridmapError
from hybridmap.export.licence import LICENCE_PAGES, licence_of_map
from hybridmap.export.origin import doi_page
from hybridmap.files.reading import read_state
from hybridmap.files.results import RegionFiles
from hybridmap.files.tables import write_json

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
"""What the words of the description mean; that for digests is of Workflow Run crates, not of RO-Crate 1.1."""
WORKFLOW = "workflow/Snakefile"
"""The copy of the workflow in the crate."""
COPIED = ("rules", "schemas", "report", "resources.yaml")
"""What the Snakefile reads, from its folder ``workflow``."""
LICENCE_ADVICE = "The widest licence that the licences of all inputs allow; advice, and no legal one."
LICENCE_GIVEN = "The licence that the region file gives."
Entity = dict[str, Any]


def write_crate(results: Path, workflow: Path) -> Path:
    """Describe the folder of a region as an RO-Crate, in place, with a copy of the workflow beside the results.

    Parameters
    ----------
    results : Path
        Folder of the region, with ``provenance.json``.
    workflow : Path
        The Snakefile of the run; the folder ``workflow`` lies beside it.

    Returns
    -------
    Path
        ``ro-crate-metadata.json``.

    Raises
    ------
    HybridmapError
        If the run left no record, or there is no Snakefile.
    """
    files = RegionFiles(results)
    if not files.provenance.is_file():
        raise HybridmapError(f"{files.provenance}: not there; snakemake writes it at the end of a run.")
    if not workflow.is_file():
        raise HybridmapError(f"{workflow}: no such file; give the Snakefile of the run with --workflow.")
    record = read_state(files.provenance)
    _copy_workflow(workflow, results / WORKFLOW)
    write_json({"@context": CONTEXT, "@graph": _graph(record, results)}, files.crate)
    return files.crate


def _copy_workflow(snakefile: Path, copy: Path) -> None:
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(snakefile, copy)
    for name in COPIED:
        source = snakefile.parent / "workflow" / name
        if source.is_dir():
            shutil.copytree(source, copy.parent / "workflow" / name, dirs_exist_ok=True)
        elif source.is_file():
            (copy.parent / "workflow").mkdir(exist_ok=True)
            shutil.copy(source, copy.parent / "workflow" / name)


def _graph(record: Mapping[str, Any], results: Path) -> list[Entity]:
    publication = record.get("publication", {})
    licence = publication.get("licence") or licence_of_map(source["licence"] for source in record["sources"])
    cited = publication.get("citation", "")
    times = [(results / name).stat().st_mtime for name in record["files"] if (results / name).is_file()]
    started, ended = _date(min(times)), _date(max(times))
    stored = [_file(name, entry) for name, entry in record["files"].items()]
    folders = [_folder(path, results) for path in sorted(results.glob("**/*.zarr"))]
    sources = [_source(source) for source in record["sources"]]
    parts = [*stored, *folders]
    software = ", ".join(f"{name} {version}" for name, version in record["software"].items())
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": record["title"],
        "description": f"Hybrid models and maps of soil carbon of the region {record['region']}, made with {software}."
        f"{' Cite as: ' if cited else ''}{cited}",
        "datePublished": publication.get("date", ended),
        **_of_publication(publication),
        "license": {"@id": LICENCE_PAGES.get(licence, "#licence")},
        "conformsTo": [{"@id": profile} for profile in PROFILES],
        "mainEntity": {"@id": WORKFLOW},
        "hasPart": [{"@id": WORKFLOW}, *({"@id": part["@id"]} for part in parts)],
        "mentions": [{"@id": "#run"}],
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of hybridmap for the region {record['region']}",
        "instrument": {"@id": WORKFLOW},
        "startTime": started,
        "endTime": ended,
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "object": [{"@id": source["@id"]} for source in sources],
        "result": [{"@id": part["@id"]} for part in parts],
    }
    return [*_descriptions(record, licence), root, run, *_authors(publication), *sources, *parts]


def _of_publication(publication: Mapping[str, Any]) -> dict[str, Any]:
    """What the root of a crate says of a publication."""
    facts = {
        "identifier": doi_page(publication.get("doi", "")),
        "version": publication.get("version", ""),
        "author": [{"@id": author["@id"]} for author in _authors(publication)],
    }
    return {name: value for name, value in facts.items() if value}


def _authors(publication: Mapping[str, Any]) -> list[Entity]:
    authors = publication.get("authors", [])
    return [
        {
            "@id": f"https://orcid.org/{author['orcid']}" if "orcid" in author else f"#author-{number}",
            "@type": "Person",
            "name": author["name"],
            **({"affiliation": author["institution"]} if "institution" in author else {}),
        }
        for number, author in enumerate(authors, 1)
    ]


def _descriptions(record: Mapping[str, Any], licence: str) -> list[Entity]:
    """Entities that say what the others are: the descriptor, profiles, the workflow, its language, the licence."""
    return [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [
                {"@id": "https://w3id.org/ro/crate/1.1"},
                {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
            ],
        },
        *(
            {"@id": profile, "@type": "CreativeWork", "name": name, "version": profile.rpartition("/")[2]}
            for profile, name in PROFILES.items()
        ),
        {
            "@id": WORKFLOW,
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "hybridmap: soil observations and rasters in, hybrid models and maps out",
            "programmingLanguage": {"@id": "#snakemake"},
            "version": record["software"]["hybridmap"],
        },
        {
            "@id": "#snakemake",
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": {"@id": "https://doi.org/10.12688/f1000research.29032.2"},
            "url": {"@id": "https://snakemake.github.io"},
            "version": record["software"]["snakemake"],
        },
        {
            "@id": LICENCE_PAGES.get(licence, "#licence"),
            "@type": "CreativeWork",
            "name": licence,
            "description": LICENCE_GIVEN if record.get("publication", {}).get("licence") else LICENCE_ADVICE,
        },
    ]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")


def _file(name: str, entry: Mapping[str, Any]) -> Entity:
    kind = mimetypes.guess_type(name)[0]
    return {
        "@id": name,
        "@type": "File",
        "name": name,
        "contentSize": str(entry["bytes"]),
        "sha256": entry["sha256"],
        **({"encodingFormat": kind} if kind else {}),
    }


def _folder(path: Path, results: Path) -> Entity:
    name = path.relative_to(results).as_posix() + "/"
    return {"@id": name, "@type": "Dataset", "name": name, "description": "Zarr store"}


def _source(source: Mapping[str, Any]) -> Entity:
    """A table or raster of the user, which is not in the crate."""
    return {
        "@id": f"#source-{source['name']}",
        "@type": "CreativeWork",
        "name": source["name"],
        "description": f"{source['path']} (SHA-256 {source['sha256'] or 'not known'})",
        "license": source["licence"] or "not known",
        **({"citation": source["citation"]} if source["citation"] else {}),
    }
