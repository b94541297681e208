"""How much of a map lies where the model does not apply, and in which countries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hybridmap.files.reading import read_json
from hybridmap.grid.mask import cells_of, read_named_polygons
from hybridmap.grid.store import file_shape, grid_of
from hybridmap.grid.tiles import tiles_of
from hybridmap.grid.verified_store import open_verified

OUTSIDE, INSIDE, NOT_JUDGED, NO_DATA = 0, 1, 2, 255
"""Codes of the map ``applicable``."""
ELSEWHERE = "elsewhere"
"""Cells in no polygon."""
NAMED = 5
"""Countries that a sentence names, at most."""
MOSTLY = 0.8
"""Share of what is outside that they make up, if no more are needed."""
M2_PER_KM2 = 1e6


class Borders(NamedTuple):
    """File of polygons, and the attribute that names them."""

    path: Path
    attribute: str


def extent_of(maps: Path, summary: Path | None, borders: Borders | None) -> dict[str, Any]:
    """Area of a map where the model applies and where it does not.

    Parameters
    ----------
    maps : Path
        ``maps.zarr``.
    summary : Path or None
        ``summary.json`` of ``hybridmap expected-error``.
    borders : Borders or None
        Countries, where the region names them.

    Returns
    -------
    dict
        ``area_km2``, ``share_outside`` and ``share_not_judged`` of it by true areas of cells; ``countries`` with the
        same and ``share_of_outside``, the largest part first; ``held_out_regions``; ``sentence``. Empty without a map
        ``applicable``.
    """
    root = open_verified(maps)
    applicable = root.get("applicable")
    if applicable is None:
        return {}
    held_out = read_json(summary) if summary else {}
    areas = _areas(applicable, grid_of(root), borders)
    whole = {code: sum(of_code[code] for of_code in areas.values()) for code in (OUTSIDE, INSIDE, NOT_JUDGED)}
    total = sum(whole.values())
    if not total:
        return {}
    rows = [_country(name, of_code, whole[OUTSIDE]) for name, of_code in areas.items() if sum(of_code.values())]
    rows.sort(key=lambda row: -row["share_of_outside"])
    extent = {
        "area_km2": round(total / M2_PER_KM2, 1),
        "share_outside": round(whole[OUTSIDE] / total, 4),
        "share_not_judged": round(whole[NOT_JUDGED] / total, 4),
        "countries": rows if borders else [],
        "held_out_regions": held_out,
    }
    return {**extent, "sentence": _sentence(extent)}


def _areas(applicable: Any, grid: Any, borders: Borders | None) -> dict[str, dict[int, float]]:
    """Area [m2] of every code in each polygon, and in none."""
    polygons = read_named_polygons(borders.path, borders.attribute, grid) if borders else None
    names = [ELSEWHERE, *(polygons["name"] if polygons is not None else [])]
    sums = np.zeros((len(names), NO_DATA + 1))
    for tile in tiles_of(grid, file_shape(applicable)[0]):
        codes = np.asarray(applicable[tile.slices])
        if (codes == NO_DATA).all():
            continue
        country = np.zeros(codes.shape, "int64") if polygons is None else cells_of(polygons, grid, tile)
        np.add.at(sums, (country, codes), grid.cell_areas(tile))
    codes_of = (OUTSIDE, INSIDE, NOT_JUDGED)
    return {name: {code: float(row[code]) for code in codes_of} for name, row in zip(names, sums, strict=True)}


def _country(name: str, area: Mapping[int, float], outside: float) -> dict[str, Any]:
    total = sum(area.values())
    return {
        "name": name,
        "area_km2": round(total / M2_PER_KM2, 1),
        "share_outside": round(area[OUTSIDE] / total, 4),
        "share_not_judged": round(area[NOT_JUDGED] / total, 4),
        "share_of_outside": round(area[OUTSIDE] / outside, 4) if outside else 0.0,
    }


def _sentence(extent: Mapping[str, Any]) -> str:
    outside, held_out = extent["share_outside"], extent["held_out_regions"]
    if "not_judged" in held_out or extent["share_not_judged"]:
        reason = held_out.get("not_judged", "no regions were held out")
        return f"where the map applies is not judged: {reason}; {outside:.0%} of it is unlike all sites"
    if not outside:
        return "the model applies on all of the map"
    text = f"the model does not apply on {outside:.0%} of the map"
    named, reached = [], 0.0
    for row in extent["countries"][:NAMED]:
        if reached < MOSTLY and row["share_of_outside"] > 0:
            named.append(f"{row['name']} ({row['share_outside']:.0%} of it)")
            reached += row["share_of_outside"]
    return f"{text}, most of that in {', '.join(named)}" if named else text
