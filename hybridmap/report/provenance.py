"""Where a result came from: versions, hashes of inputs, configuration."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import yaml

from hybridmap import __version__
from hybridmap.config import Config, Publication
from hybridmap.covariates.cube import open_cube
from hybridmap.export.origin import doi_page
from hybridmap.files.digest import sha256_of
from hybridmap.files.paths import under
from hybridmap.files.results import RegionFiles

PACKAGES = ("torch", "numpy", "pandas", "geopandas", "rasterio", "zarr", "snakemake", "pydantic")


def versions() -> dict[str, str]:
    """Versions of hybridmap, Python and the packages that numbers depend on."""
    language = {"hybridmap": __version__, "python": platform.python_version()}
    return language | {name: importlib.metadata.version(name) for name in PACKAGES}


def published(publication: Publication) -> dict[str, str]:
    """Lines about a publication; what the region file leaves out has none.

    Examples
    --------
    >>> published(Publication(authors=[{"name": "Anna"}, {"name": "Bo", "institution": "ETH"}], version="2"))
    {'Authors': 'Anna; Bo (ETH)', 'Version': '2'}
    """
    authors = [f"{a.name} ({a.institution})" if a.institution else a.name for a in publication.authors]
    lines = {
        "Authors": "; ".join(authors),
        "Institution": publication.institution,
        "Citation": publication.citation,
        "DOI": doi_page(publication.doi),
        "Page": publication.url,
        "Version": publication.version,
        "Date": publication.date,
        "Licence": publication.licence,
        "Contact": publication.contact,
        "Publisher": publication.publisher.name if publication.publisher else "",
        "Project": publication.project,
        "Acknowledgement": publication.acknowledgement,
    }
    return {name: text for name, text in lines.items() if text}


def input_hashes(config: Config, results: Path) -> list[dict[str, Any]]:
    """Name, path, licence and SHA-256 of every input file."""
    rows = [
        {
            "name": source.name,
            "path": source.path,
            "licence": source.licence,
            "citation": source.citation,
            "sha256": _digest(under(config.data_root, source.path)),
        }
        for source in config.observations
    ]
    cube = open_cube(RegionFiles(results).cube)
    for layer in cube.sources():
        # A derived layer has no file of its own, and of a remote one there is no digest.
        facts = {key: layer.get(key, "") for key in ("name", "path", "licence", "sha256")}
        path = facts["path"] or f"derived ({layer.get('derived', '')})"
        rows.append({**facts, "path": path, "citation": ""})
    return rows


def _digest(path: Path) -> str:
    """SHA-256 of a file; results may have been moved to where it is not."""
    return sha256_of(path) if path.is_file() else "not at hand"


def config_text(config: Config) -> str:
    """The whole configuration as YAML, defaults filled in."""
    content = config.model_dump(mode="json", by_alias=True, exclude={"experiment_defaults"})
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
