"""The layers that the explorer embeds, and what the page says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.grid.store import every_kth
from hybridmap.grid.tiles import Tile
from hybridmap.predict.colour_range import Limits, scale_name, variable_of
from hybridmap.predict.colours import class_colours, colour_map
from hybridmap.predict.portrayal import Portrayal
from hybridmap.report.map_figures import classes_of
from hybridmap.report.results import Results

STRIP = 512
"""Rows of the cube that are read at a time."""
ORDER = ("quantity", "interval", "trust", "scenario", "parameter", "diagnostic", "")
"""Groups of the maps of an experiment, in the order of the page."""
ENDS = {"lower": "lower end", "upper": "upper end", "sd": "spread"}
"""What a map of an interval is called after its subject."""
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """A map that is embedded: how to read every k-th row and column of it, and what the page says of it."""

    read: Callable[[int], Field]
    facts: Mapping[str, Any]


class Sources:
    """The maps of a region that are embedded.

    Parameters
    ----------
    results : Results
        Of the region.
    scales : mapping of str to (float, float)
        Ends of the colours, by :func:`~hybridmap.report.scales.scale_name`.
    """

    def __init__(self, results: Results, scales: Mapping[str, Limits]) -> None:
        self.results, self.scales = results, scales

    @cached_property
    def maps(self) -> list[Source]:
        """Maps of all experiments, in order."""
        return [source for name in self.results.mapped for source in self._of(name)]

    def covariates(self, step: int) -> list[tuple[Mapping[str, Any], Field]]:
        """What the page says of each covariate and forcing, and every k-th row and column of its values."""
        cube = open_cube(self.results.files.cube, self.results.config.predict.year)
        bands, forcing = {band["name"]: band for band in cube.bands()}, cube.forcing_info()
        facts = [_layer_facts(name.removeprefix("forcing."), "covariate", bands.get(name, {}))
                 for name in cube.covariate_names]  # fmt: skip
        facts += [_layer_facts(name, "forcing", forcing.get(name, {})) for name in cube.forcing_names]
        return list(zip(facts, thinned_cube(cube, step), strict=True))

    def _of(self, experiment: str) -> Iterator[Source]:
        arrays = self.results.maps(experiment).arrays
        passport = {row["parameter"]: row["identified"] for row in self.results.passport(experiment)[1]}
        for entry in sorted(self.results.map_list(experiment), key=place_of):
            if (array := arrays.get(entry["name"])) is not None:
                facts = self._facts(experiment, entry) | {"identified": passport.get(variable_of(entry))}
                yield Source(partial(every_kth, array), facts)

    def _facts(self, experiment: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        portrayal, classes = Portrayal.of(entry), classes_of(entry)
        depth = [entry["depth_top_cm"], entry["depth_bottom_cm"]] if "depth_top_cm" in entry else None
        name = portrayal.label or variable_of(entry)
        return {
            "experiment": experiment,
            "name": entry["name"],
            "variable": variable_of(entry),
            "depth": depth,
            "label": f"{portrayal.subject.upper()} {ENDS[portrayal.role]}" if portrayal.role else name,
            "title": str(entry["long_name"]),
            "unit": _unit(entry["units"]),
            "group": portrayal.group or "other",
            "subject": portrayal.subject,
            "role": portrayal.role,
            "colours": colour_map(portrayal, entry["units"]),
            "limits": self.scales.get(scale_name(entry)),
            "classes": list(classes.items()),
            "class_colours": class_colours(len(classes)),
            "file": f"../experiments/{experiment}/{entry['file']}" if entry.get("file") else "",
        }


def thinned_cube(cube: Cube, step: int) -> list[Field]:
    """Every k-th row and column of all covariates, then of all forcing, each (row, column).

    Parameters
    ----------
    cube : Cube
        Opened.
    step : int
        The k.
    """
    strips: list[list[Field]] = []
    for row in range(0, cube.grid.height, STRIP):
        tile = Tile(row, min(row + STRIP, cube.grid.height), 0, cube.grid.width)
        covariates, forcing = cube.read_layers(tile)
        window = np.s_[-row % step :: step, ::step]
        strips.append([values[window] for values in (*covariates, *(forcing[n] for n in cube.forcing_names))])
    return [np.concatenate(parts) for parts in zip(*strips, strict=True)]


def _layer_facts(name: str, group: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    title = str(facts.get("description", facts.get("long_name", "")) or name)
    return {
        "experiment": "", "name": f"{group}.{name}", "variable": f"{group}.{name}", "depth": None, "label": name,
        "title": title, "unit": _unit(facts.get("unit", facts.get("units", ""))), "group": group, "subject": "",
        "role": "", "colours": "viridis", "limits": None, "classes": [], "class_colours": [], "file": "",
        "identified": None,
    }  # fmt: skip


def _unit(unit: Any) -> str:
    return "" if unit in (None, "1") else str(unit)


def place_of(entry: Mapping[str, Any]) -> tuple[int, int, str, float, str]:
    """Order of a map among those of its experiment: by group and rank, then by name, from the surface down."""
    portrayal = Portrayal.of(entry)
    depth = float(entry.get("depth_top_cm", 0.0))
    return ORDER.index(portrayal.group), portrayal.rank, variable_of(entry), depth, str(entry["name"])
