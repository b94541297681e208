"""A STAC item of one experiment: what its maps are, where they lie, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pystac
from pystac.extensions.projection import ProjectionExtension

from hybridmap import __version__
from hybridmap.config import Build, Publication
from hybridmap.export.catalog import relative_href
from hybridmap.export.licence import licence_of_map
from hybridmap.export.stac_publication import publication_facts
from hybridmap.export.thumbnail import main_map, write_thumbnail
from hybridmap.files.reading import read_json, read_parquet
from hybridmap.files.tables import write_json
from hybridmap.grid.outline import outline
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of
from hybridmap.grid.verified_store import open_verified
from hybridmap.samples.year_span import year_span

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"


@dataclass(frozen=True)
class Subject:
    """What the maps are of.

    Attributes
    ----------
    identifier, title : str
        Of the item.
    build : Build
        Block of the configuration, with the depth interval.
    catalog : Path or None
        STAC catalog that will link the item.
    publication : Publication or None
        Block of the configuration.
    """

    identifier: str
    title: str
    build: Build
    catalog: Path | None = None
    publication: Publication | None = None


def write_stac(subject: Subject, store: Path, summary: Path, samples: Path, out: Path) -> None:
    """Write the STAC item (JSON) of an experiment's maps.

    Parameters
    ----------
    subject : Subject
        What the maps are of.
    store, summary : Path
        ``maps.zarr`` and ``maps.json``; hrefs are relative to `out`.
    samples : Path
        ``samples.parquet``: its years are the time that the maps stand for.
    out : Path
        Item to write; the picture of :func:`thumbnail_of` goes beside it.
    """
    root = open_verified(store)
    grid = grid_of(root)
    sites = read_parquet(samples, columns=["year", "licence"])
    licences = sites["licence"].dropna().astype(str)
    span = _time_span(sites["year"])
    published = publication_facts(subject.publication or Publication(), licence_of_map(licences))
    geometry, bbox = outline(grid)
    item = pystac.Item(
        id=subject.identifier,
        geometry=geometry,
        bbox=bbox,
        # Without years of sampling the time is that at which the maps were made.
        datetime=None if span else datetime.fromtimestamp((store / "zarr.json").stat().st_mtime, tz=UTC),
        start_datetime=span[0] if span else None,
        end_datetime=span[1] if span else None,
        properties={
            "title": subject.title,
            "description": "Soil organic carbon, its fractions and process parameters at steady state.",
            **published.properties,
            "processing:software": {"hybridmap": __version__},
            "hybridmap:model": str(root.attrs["model_fingerprint"]),
            "hybridmap:depth_cm": list(subject.build.span_cm),
            "hybridmap:licences_of_observations": sorted(set(licences) - {""}),
        },
    )
    item.set_self_href(str(out.absolute()))
    _add_projection(item, grid)
    item.stac_extensions += [RASTER, PROCESSING, *published.extensions]
    entries = read_json(summary)
    for entry in entries:
        if entry["file"]:  # a map of an implausible experiment has none
            item.add_asset(entry["name"], _asset(entry, summary.parent, out.parent))
    item.add_asset(
        "zarr",
        pystac.Asset(
            relative_href(store, out.parent), title="all maps", media_type="application/vnd.zarr", roles=["data"]
        ),
    )
    write_thumbnail(entries, summary.parent, thumbnail_of(out))
    if main_map(entries):
        item.add_asset("thumbnail", _thumbnail(thumbnail_of(out)))
    item.add_links([*_links(subject, out.parent), *published.links])
    write_json(item.to_dict(include_self_link=False, transform_hrefs=False), out)


def _time_span(years: pd.Series) -> tuple[datetime, datetime] | None:
    """Begin of the first and end of the last year; None without any."""
    if not (span := year_span(years)):
        return None
    return datetime(span[0], 1, 1, tzinfo=UTC), datetime(span[-1], 12, 31, 23, 59, 59, tzinfo=UTC)


def _add_projection(item: pystac.Item, grid: RegionGrid) -> None:
    authority = grid.crs.to_authority()
    ProjectionExtension.ext(item, add_if_missing=True).apply(
        code=":".join(authority) if authority else None,
        wkt2=None if authority else grid.crs.to_wkt(),
        shape=[grid.height, grid.width],
        bbox=list(grid.bounds),
        transform=list(grid.transform())[:6],
    )


def _asset(entry: dict[str, Any], base: Path, folder: Path) -> pystac.Asset:
    whole = entry["file"].endswith(".tif")
    statistics = {"minimum": entry["min"], "maximum": entry["max"], "mean": entry["mean"]}
    band: dict[str, Any] = {"data_type": entry["type"], "unit": entry["units"]}
    if "scale_factor" in entry:
        band |= {"scale": entry["scale_factor"], "offset": entry.get("add_offset", 0.0)}
    if entry["cells"]:
        band["statistics"] = statistics
    depth = {"hybridmap:depth_cm": [entry["depth_top_cm"], entry["depth_bottom_cm"]]} if "depth_top_cm" in entry else {}
    nodata = {"float32": "nan", "int16": -32768, "uint8": 255}[entry["type"]]
    return pystac.Asset(
        relative_href(base / entry["file"], folder),
        title=entry["long_name"],
        media_type=pystac.MediaType.COG if whole else "application/xml",
        roles=["data"],
        extra_fields={"raster:bands": [{**band, "nodata": nodata}], **depth},
    )


def thumbnail_of(item: Path) -> Path:
    """Picture beside an item."""
    return item.with_suffix(".png")


def _thumbnail(path: Path) -> pystac.Asset:
    return pystac.Asset(f"./{path.name}", title="preview", media_type=pystac.MediaType.PNG, roles=["thumbnail"])


def _links(subject: Subject, folder: Path) -> list[pystac.Link]:
    """To the catalog, as root and parent."""
    if not subject.catalog:
        return []
    href = relative_href(subject.catalog, folder)
    return [pystac.Link(rel, href, media_type=pystac.MediaType.JSON) for rel in ("root", "parent")]
