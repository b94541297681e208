"""Figures of the maps of an experiment: each map is drawn where and as it declares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hybridmap.plot.maps import Layer, MapFrame, map_figure
from hybridmap.predict.colour_range import scale_name, variable_of
from hybridmap.predict.colours import colour_map
from hybridmap.predict.portrayal import Group, Portrayal
from hybridmap.report.expected import MAIN
from hybridmap.report.results import Results

ROLES = ("sd", "lower", "upper")
WIDE, MANY = 5, 9
"""Maps side by side in a figure of more than so many."""


def classes_of(entry: Mapping[str, Any]) -> dict[int, str]:
    """Codes and meanings of a map of classes; empty for any other.

    Examples
    --------
    >>> classes_of({"flag_values": [0, 1], "flag_meanings": "outside well_inside"})
    {0: 'outside', 1: 'well inside'}
    """
    meanings = str(entry.get("flag_meanings", "")).split()
    return {
        int(code): text.replace("_", " ") for code, text in zip(entry.get("flag_values") or [], meanings, strict=True)
    }


@dataclass(frozen=True)
class DrawnMap:
    """A map that may be drawn: entry in the list of maps, what it declares, store that it is read from, colour ends."""

    entry: Mapping[str, Any]
    portrayal: Portrayal
    store: Mapping[str, np.ndarray]
    limits: tuple[float, float] | None = None

    @property
    def values(self) -> np.ndarray:
        """Its values (row, column), read each time."""
        return self.store[self.entry["name"]]

    def layer(self) -> Layer:
        """To draw, in the colours and range that it has everywhere."""
        unit = self.entry["units"]
        return Layer(
            self.values, self.title, unit, colour_map(self.portrayal, unit), self.limits, classes=classes_of(self.entry)
        )

    @property
    def title(self) -> str:
        """What it shows, and of which depth where there are several."""
        return f"{self.portrayal.label}{self.depth}"

    @property
    def depth(self) -> str:
        """Its interval after a blank, in words; empty where it has none."""
        if "depth_top_cm" not in self.entry:
            return ""
        return f" {self.entry['depth_top_cm']:g}\N{EN DASH}{self.entry['depth_bottom_cm']:g} cm"


def draw_maps(results: Results, experiment: str, title: str, frame: MapFrame, folder: Path) -> None:
    """Draw the maps of an experiment: the main quantity alone, the others, the parameters, trust and scenarios.

    Parameters
    ----------
    results : Results
        Of the region.
    experiment, title : str
        Its name, and how it is called.
    frame : MapFrame
        What maps are drawn in.
    folder : Path
        Of the PNG files ``{experiment}_{figure}.png``.
    """
    maps = _drawn_maps(results, experiment)
    main = [m for m in maps["quantity"] if m.portrayal.subject == MAIN]
    changing = results.config.predict.scenario_of or [MAIN]
    figures: dict[str, list[Layer]] = {
        "soc": [replace(m.layer(), title=_main_title(m, title, len(main))) for m in main],
        "trust": [*_interval_width(maps["interval"]), *(m.layer() for m in maps["trust"])],
        "scenarios": [m.layer() for m in maps["scenario"] if m.portrayal.subject in changing],
        "pools": [m.layer() for m in maps["quantity"] if m.portrayal.subject != MAIN],
        "parameters": [_judged(m, results.passport(experiment)[1]) for m in maps["parameter"]],
    }
    for name, layers in figures.items():
        if layers:
            map_figure(layers, frame, folder / f"{experiment}_{name}.png", WIDE if len(layers) > MANY else 3)


def _main_title(drawn_map: DrawnMap, experiment: str, count: int) -> str:
    """Of the main quantity: with its experiment where it is alone, and there is room for it."""
    title = f"{drawn_map.portrayal.label} density{drawn_map.depth}"
    return f"{title}: {experiment}" if count == 1 else title


def _judged(drawn_map: DrawnMap, passport: Sequence[Mapping[str, Any]]) -> Layer:
    """A map of a parameter, hatched where it is not identified, and named where that is not judged."""
    layer = drawn_map.layer()
    row = next((row for row in passport if row["parameter"] == drawn_map.portrayal.label), None)
    if row is None or row["identified"] == "yes":
        return layer
    is_known = row["identified"] == "no"
    return replace(layer, title=f"{layer.title} (not {'identified' if is_known else 'judged'})", is_hatched=is_known)


def labelled_maps(results: Results, experiment: str, groups: Sequence[Group]) -> dict[str, DrawnMap]:
    """Maps that are in figures, by name, group by group.

    Parameters
    ----------
    results : Results
        Of the region.
    experiment : str
        Its name.
    groups : sequence of str
        Which maps, and their order.

    Returns
    -------
    dict of str to DrawnMap
        In each group by rank, then by name.
    """
    maps = _drawn_maps(results, experiment)
    return {m.entry["name"]: m for group in groups for m in maps[group]}


def _drawn_maps(results: Results, experiment: str) -> defaultdict[Group, list[DrawnMap]]:
    """Maps with a label by group, in order."""
    store = results.maps(experiment)
    maps = [
        DrawnMap(entry, Portrayal.of(entry), store, results.scales.get(scale_name(entry)))
        for entry in results.map_list(experiment)
    ]
    maps = [m for m in maps if m.portrayal.label and m.entry["name"] in store]
    groups: defaultdict[Group, list[DrawnMap]] = defaultdict(list)
    for m in sorted(maps, key=_place):
        groups[m.portrayal.group].append(m)
    return groups


def _place(drawn_map: DrawnMap) -> tuple[int, str, float, str]:
    """Order in a figure: by rank, then by name, from the surface down."""
    entry = drawn_map.entry
    return drawn_map.portrayal.rank, variable_of(entry), float(entry.get("depth_top_cm", 0.0)), entry["name"]


def _interval_width(maps: Sequence[DrawnMap]) -> list[Layer]:
    """Width of the interval of the main quantity, where it has a spread.

    Without one the width differs only where the lower end is cut at zero.
    """
    by_role = {role: [m for m in maps if (m.portrayal.subject, m.portrayal.role) == (MAIN, role)] for role in ROLES}
    if not all(by_role.values()):
        return []
    return [
        Layer(upper.values - lower.values, upper.title, upper.entry["units"], upper.portrayal.colours)
        for lower, upper in zip(by_role["lower"], by_role["upper"], strict=True)
    ]
