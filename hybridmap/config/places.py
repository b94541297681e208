"""Where inputs lie: under ``data_root``, or where the configuration allows it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import unescape

from hybridmap.config.region import Config
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand, under

REMOTE = re.compile(r"(https?|ftp|s3|gs|az)://|/vsi")
SOURCE = re.compile(r"<(?:SourceFilename|SourceDataset|GDALWarpOptions.SourceDataset)\b([^>]*)>([^<]*)<")
"""Files that a VRT is made of."""
HEAD, LARGEST_VRT = 512, 50_000_000
Input = tuple[str, str]
"""What an input is called in errors, and its path as written."""


def check_places(config: Config) -> None:
    """Refuse inputs outside ``data_root`` that ``outside`` does not allow, and VRTs that point there.

    A region file of somebody else thus reads nothing but what lies in the folder that it is given.

    Raises
    ------
    HybridmapError
        Naming the input, where it lies, and the key that allows it.
    """
    try:
        root, allowed = expand(config.data_root), [expand(place) for place in config.outside]
    except HybridmapError:
        return  # a variable is not set, and so nothing can be read either; whoever reads says it
    for name, written in _inputs(config):
        try:
            path = expand(written)
        except HybridmapError:
            continue
        for place, prefix in _reads(path, under(root, path)):
            if not _is_allowed(place, root, allowed):
                raise HybridmapError(
                    f"{name}: {prefix}{place} lies outside data_root ({root}); move it there, or allow it by"
                    f" outside: ['{_suggestion(place)}']."
                )


def _inputs(config: Config) -> Iterator[Input]:
    for source in config.observations:
        yield f"observations '{source.name}'", source.path
        yield from ((f"observations '{source.name}', join", join.path) for join in source.joins)
    layers = [*config.auxiliary, *config.covariates, *config.forcing]
    layers += config.clm5_forcing.all_layers() if config.clm5_forcing else []
    for layer in (*layers, *(config.reference.layers if config.reference else ())):
        yield from ((f"layer '{layer.name}'", raster.path) for raster in layer.rasters())
    yield "grid.mask", config.grid.mask or ""
    yield "boundaries", config.boundaries or ""
    yield from ((f"totals '{total.name}'", total.polygons) for total in config.totals)
    yield from ((f"split '{split.name}'", split.polygons or "") for split in config.splits)


def _reads(path: str, file: Path) -> Iterator[tuple[str, str]]:
    """Places that an input is read from, and how it comes there."""
    if not path:
        return
    if REMOTE.match(path):
        yield path, ""
        return
    yield str(file), ""
    for source in _vrt_sources(file):
        yield source, "its source "


def _vrt_sources(file: Path) -> Iterator[str]:
    """Files that a VRT reads, and those of VRTs among them; none for another file."""
    waiting, visited = [file], {file}
    while waiting:
        vrt = waiting.pop()
        for source in _sources_of(vrt):
            yield source
            path = Path(source)
            if not REMOTE.match(source) and path not in visited:
                visited.add(path)
                waiting.append(path)


def _sources_of(vrt: Path) -> list[str]:
    if not vrt.is_file() or vrt.stat().st_size > LARGEST_VRT:
        return []
    with vrt.open("rb") as opened:
        head = opened.read(HEAD)
        if b"<VRTDataset" not in head:
            return []
        text = (head + opened.read()).decode("utf-8", errors="replace")
    return [_absolute(unescape(name).strip(), marks, vrt) for marks, name in SOURCE.findall(text)]


def _absolute(name: str, marks: str, vrt: Path) -> str:
    """A source as a place: names with a prefix such as ``NETCDF:"file":variable`` are reduced to the file."""
    if REMOTE.match(name):
        return name
    if quoted := re.search(r'^[A-Z0-9_]+:"?([^":]+)"?', name):
        name = quoted.group(1)
    beside = re.search(r'relativeToVRT\s*=\s*["\']1', marks) is not None
    return os.path.normpath(vrt.parent / name if beside else os.path.abspath(name))


def _is_allowed(place: str, root: str, allowed: list[str]) -> bool:
    if REMOTE.match(place):
        return any(place.startswith(start) for start in allowed if REMOTE.match(start))
    path = Path(os.path.abspath(place))
    return any(path.is_relative_to(os.path.abspath(start)) for start in (root, *allowed) if not REMOTE.match(start))


def _suggestion(place: str) -> str:
    """Narrowest folder or host that allows a place."""
    if REMOTE.match(place):
        return "/".join(place.split("/")[:3]) + "/"
    return str(Path(place).parent)
