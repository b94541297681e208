"""What the explorer of the report holds: all maps of all experiments as packed integers, sites, borders and places."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridmap.plot.maps import MapFrame
from hybridmap.predict.colours import FOLDS, ramp
from hybridmap.report.layer_sources import Field, Sources
from hybridmap.report.packed_maps import FINE, FINEST, ONE_BYTE, Packed, packed
from hybridmap.report.places import borders, degrees, site_table
from hybridmap.report.results import Results

MOST_CELLS = 250_000
"""Cells of a map (known or not) that are embedded; of larger ones every k-th row and column."""
PRECISE = ("quantity", "interval", "scenario")
"""Groups of maps whose numbers people read off; of the others 254 steps will do."""
TAG_BYTES = 60
SAMPLED = 3
"""Maps of each kind that are packed to know how large all of them would be."""


@dataclass
class Explorer:
    """Everything that the explorer shows.

    Attributes
    ----------
    facts : dict
        Grid, layers, colours and places, as JSON; no layers where no experiment has maps.
    texts : list of str
        Packed values: where cells are known, of each layer, of the columns of the sites.
    """

    facts: dict[str, Any]
    texts: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all of it in the page, with the tag that each text stands in."""
        return len(json.dumps(self.facts)) + sum(len(text) + TAG_BYTES for text in self.texts)


def explorer(results: Results, first: str | None, frame: MapFrame, budget: int) -> Explorer:
    """Gather what the explorer shows, as fine as fits.

    Parameters
    ----------
    results : Results
        Of a region.
    first : str or None
        Experiment whose first map is shown first.
    frame : MapFrame
        Grid and borders.
    budget : int
        Bytes that everything it shows may have in the page.

    Returns
    -------
    Explorer
        Without layers where no experiment has maps.
    """
    sources = Sources(results, results.scales)
    if not sources.maps:
        return Explorer({"layers": []})
    sites = site_table(results)
    places = Explorer({**_places(results, frame), "sites": sites.facts}, sites.texts)
    maps = _fitting(sources, budget - places.size)
    layers = maps.facts["layers"]
    facts = {
        **maps.facts, **places.facts,
        "first": next((k for k, layer in enumerate(layers) if layer["experiment"] == first), 0),
        "ramps": {name: ramp(name) for name in sorted({layer["colours"] for layer in layers})},
        "first_of_sites": len(maps.texts),
    }  # fmt: skip
    return Explorer(facts, [*maps.texts, *sites.texts])


def _places(results: Results, frame: MapFrame) -> dict[str, Any]:
    """The region, whatever its maps are."""
    grid = results.grid
    return {
        "region": results.config.region,
        "grid": {
            "crs": grid.crs.name, "west": grid.west, "north": grid.north, "resolution": grid.resolution,
            "width": grid.width, "height": grid.height, "metres": grid.metres_per_unit() * grid.resolution,
            "unit": "\N{DEGREE SIGN}" if grid.crs.is_geographic else grid.unit(),
        },
        "degrees": degrees(grid),
        "borders": borders(frame),
        "experiments": [{"name": e, "title": results.config.experiment(e).title or e} for e in results.mapped],
        "folds": FOLDS,
    }  # fmt: skip


class Plan(NamedTuple):
    """How finely maps are packed: every k-th row and column, and the steps of quantities and of all other maps."""

    thinning: int
    quantity: int
    rest: int

    def steps(self, facts: Mapping[str, Any]) -> int:
        """Between the smallest and the largest value of a map."""
        return self.quantity if facts["group"] in PRECISE else self.rest


def _plans(cells: int) -> list[Plan]:
    """From the finest."""
    first = int(np.ceil(np.sqrt(cells / MOST_CELLS))) if cells > MOST_CELLS else 1
    steps = [(FINEST, FINEST), (FINEST, FINE), (FINE, FINE), (FINEST, ONE_BYTE), (FINE, ONE_BYTE)]
    return [Plan(first, *pair) for pair in steps] + [Plan(k, FINE, ONE_BYTE) for k in range(first + 1, first + 12)]


class Thinned(NamedTuple):
    """All layers at every k-th row and column: facts and values of each, and where any map has a value."""

    layers: list[tuple[Mapping[str, Any], Field]]
    is_known: NDArray[np.bool_]


def _thinned(sources: Sources, step: int) -> Thinned:
    maps = [(source.facts, source.read(step)) for source in sources.maps]
    is_known = np.any([np.isfinite(values) for _, values in maps], axis=0)
    return Thinned([*maps, *sources.covariates(step)], is_known)


def _fitting(sources: Sources, budget: int) -> Explorer:
    """Packed with the finest plan that fits."""
    grid, packed_maps, thinned = sources.results.grid, Explorer({}), {}
    for plan in _plans(grid.width * grid.height):
        if plan.thinning not in thinned:
            thinned = {plan.thinning: _thinned(sources, plan.thinning)}
        layers = thinned[plan.thinning]
        if _estimate(layers, plan) > budget:
            continue
        packed_maps = _packed(layers, plan)
        if packed_maps.size <= budget:
            return packed_maps
    return packed_maps if packed_maps.texts else _packed(layers, plan)


def _estimate(thinned: Thinned, plan: Plan) -> float:
    """Bytes of all layers, from some of each kind."""
    size, kinds = 0.0, defaultdict(list)
    for facts, values in thinned.layers:
        kinds[facts["group"], facts["role"]].append(values)
    for (group, _), members in kinds.items():
        sample = members[:: max(1, len(members) // SAMPLED)]
        steps = plan.steps({"group": group})
        size += sum(len(packed(v[thinned.is_known], steps).text) for v in sample) * len(members) / len(sample)
    return size


def _packed(thinned: Thinned, plan: Plan) -> Explorer:
    """All layers, packed."""
    is_known = thinned.is_known
    numbers = [packed(values[is_known], plan.steps(facts)) for facts, values in thinned.layers]
    described = [
        _described(facts, packed_values, values[is_known])
        for (facts, values), packed_values in zip(thinned.layers, numbers, strict=True)
    ]
    places = packed(is_known.reshape(-1).astype("float64"), ONE_BYTE)
    facts = {"step": plan.thinning, "shape": list(is_known.shape), "known": places.facts(), "layers": described}
    return Explorer(facts, [places.text, *(n.text for n in numbers)])


def _described(facts: Mapping[str, Any], numbers: Packed, values: NDArray[np.float32]) -> dict[str, Any]:
    """What the page says of a layer; one without a scale has that of the bulk of its values."""
    finite = values[np.isfinite(values)]
    ends = facts["limits"] or (np.quantile(finite, (0.02, 0.98)) if finite.size else (0.0, 1.0))
    low, high = (float(end) for end in ends)
    return {**facts, **numbers.facts(), "limits": [low, high if high > low else low + 1.0]}
