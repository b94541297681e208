"""Files of the user that each stage reads, from the configuration alone: what the workflow compares by content."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from hybridmap.config import Config, ObservationSource, Raster
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand, under
from hybridmap.files.reading import read_json

FORMATS = Path(__file__).parents[1] / "observations" / "formats"


def source_files(config: Config, name: str) -> list[str]:
    """Tables of an observation source: its own, those that it joins, and those that its format joins."""
    source = next(source for source in config.observations if source.name == name)
    joined = [str(under(config.data_root, join.path)) for join in source.joins if join.path]
    return [*_main_files(source, under(config.data_root, source.path)), *joined]


def cube_files(config: Config) -> list[str]:
    """Rasters of all layers, and the mask."""
    mask = [] if config.grid.mask is None else [str(under(config.data_root, config.grid.mask))]
    return [*_rasters((*config.covariates, *config.auxiliary, *config.forcing), config.data_root), *mask]


def clm5_files(config: Config) -> list[str]:
    """Rasters of the climate that the forcing of CLM5 is made of."""
    return _rasters(config.clm5_forcing.all_layers(), config.data_root) if config.clm5_forcing else []


def split_files(config: Config) -> list[str]:
    """Polygons that sites are dealt by."""
    return [str(under(config.data_root, split.polygons)) for split in config.splits if split.polygons]


def totals_files(config: Config) -> list[str]:
    """Polygons that stocks are summed up in."""
    return [str(under(config.data_root, total.polygons)) for total in config.totals]


def reference_files(config: Config) -> list[str]:
    """Rasters of a published map."""
    return _rasters(config.reference.layers, config.data_root) if config.reference else []


def report_files(config: Config) -> list[str]:
    """Boundaries that are drawn on maps, and whose countries a verdict names."""
    return [str(under(config.data_root, config.boundaries))] if config.boundaries else []


def experiment_files(config: Config, experiment: str) -> list[str]:
    """Files that the options of a process model name."""
    process = config.experiment(experiment).process
    return [text for text in _texts(process.options) if Path(text).suffix] if process else []


def lost_input(config: Config, receipt: Path) -> str:
    """Return the first file that a program brought or made, that some stage reads and that is gone, "" if none.

    What nothing reads may be deleted, and what the program never had cannot be had from it.

    Parameters
    ----------
    config : Config
        Of the region.
    receipt : Path
        Of a download or of the demo, in the folder of the files; it lists them under ``files``.

    Returns
    -------
    str
        As the configuration names it, under ``data_root``.
    """
    of_sources = (name for source in config.observations for name in source_files(config, source.name))
    file_lists = (cube_files, clm5_files, split_files, totals_files, reference_files, report_files)
    names = [*of_sources, *(name for files in file_lists for name in files(config))]
    listed = {receipt.parent / name for name in _listed(receipt)}
    return next((name for name in names if Path(name) in listed and not Path(name).exists()), "")


def _listed(receipt: Path) -> list[str]:
    """Names in a receipt; none where it is damaged."""
    try:
        files = read_json(receipt)["files"]
        entries = [{"name": file} if isinstance(file, str) else file for file in files]
        return [name for entry in entries for name in (entry["name"], *entry.get("members", []))]
    except (HybridmapError, KeyError, TypeError, AttributeError):
        return []


def _rasters(layers: Iterable[Raster], data_root: str) -> list[str]:
    """Names of the files of layers, those of all years, each once."""
    paths = [expand(raster.path) for layer in layers for raster in layer.rasters() if raster.path]
    names = [path if path.startswith(("/vsi", "http")) else str(under(data_root, path)) for path in paths]
    return list(dict.fromkeys(names))


def _main_files(source: ObservationSource, path: Path) -> list[str]:
    """The table of a source, or in the folder of a known format its tables; with what the format joins beside it."""
    if source.format is None:
        return [str(path)]
    published = [_format(file) for file in sorted(FORMATS.glob("*.yaml")) if _is_of(file, source.format)]
    names = []
    for content in published:
        tables = sorted(path.rglob(content["file"])) if path.is_dir() and content.get("file") else [path]
        joins = [join["path"] for join in content.get("source", {}).get("joins", [])]
        names += [str(file) for table in tables for file in (table, *(table.parent / join for join in joins))]
    return list(dict.fromkeys(names)) or [str(path)]


def _is_of(file: Path, name: str) -> bool:
    """Whether a file describes the format of a name, or one of a family of that name."""
    return file.stem == name or (file.stem.startswith(name) and _format(file).get("family") == name)


def _format(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def _texts(value: Any) -> list[str]:
    """All texts in a value, at any depth."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for entry in inner for text in _texts(entry)]
