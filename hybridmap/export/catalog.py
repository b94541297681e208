"""A STAC catalog of a region: one link to the item of each experiment that has maps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pystac

from hybridmap.files.reading import read_json
from hybridmap.files.tables import write_json


def write_catalog(region: str, title: str, items: Sequence[Path], out: Path) -> None:
    """Write the STAC catalog (JSON) of a region.

    Parameters
    ----------
    region, title : str
        Identifier and title.
    items : sequence of Path
        STAC items, in the order of the configuration; hrefs are relative to `out`.
    out : Path
        Catalog to write.
    """
    catalog = pystac.Catalog(
        id=region.replace("_", "-"),
        title=title,
        description="Maps of soil organic carbon, its fractions and process parameters: one item an experiment.",
    )
    for path in items:
        catalog.add_link(
            pystac.Link(
                "item",
                relative_href(path, out.parent),
                media_type=pystac.MediaType.GEOJSON,
                title=read_json(path)["properties"]["title"],
            )
        )
    root = {"rel": "root", "href": f"./{out.name}", "type": str(pystac.MediaType.JSON), "title": title}
    content = catalog.to_dict(include_self_link=False, transform_hrefs=False)
    links = [link for link in content["links"] if link["rel"] != "root"]
    write_json({**content, "links": [root, *links]}, out)


def relative_href(path: Path, folder: Path) -> str:
    """Address of a file as seen from a folder.

    Examples
    --------
    >>> relative_href(Path("a/b/c.json"), Path("a/d"))
    '../b/c.json'
    """
    href = Path(os.path.relpath(path, folder)).as_posix()
    return href if href.startswith("../") else f"./{href}"
