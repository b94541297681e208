"""What the explorer of the report holds: all maps of all experiments as packed integers, sites, borders and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.plot.maps import MapFrame
from hybridmap.predict.colours import FOLDS, ramp
from hybridmap.report.layer_sources import Sources
from hybridmap.report.packed_maps import FINE, FINEST, ONE_BYTE, Packed, packed
from hybridmap.report.places import borders, degrees, site_table
from hybridmap.report.results import Results
from hybridmap.report.scales import Limits

BUDGET_BYTES = 8_500_000
"""Of the text of all maps: with figures and tables the page stays below 15 MB."""
MOST_CELLS = 250_000
"""Cells of a map (known or not) that are embedded; of larger ones every k-th row and column."""


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
        """Bytes of all packed values."""
        return sum(map(len, self.texts))


def explorer(results: Results, scales: Mapping[str, Limits], frame: MapFrame, budget: int = BUDGET_BYTES) -> Explorer:
    """Gather what the explorer shows, as fine as fits.

    Parameters
    ----------
    results : Results
        Of a region.
    scales : mapping of str to (float, float)
        Ends of the colours of every scale.
    frame : MapFrame
        Grid and borders.
    budget : int
        Bytes that the text of all maps may have.

    Returns
    -------
    Explorer
        Without layers where no experiment has maps.
    """
    sources = Sources(results, scales)
    if not sources.maps:
        return Explorer({"layers": []})
    made = _fitting(sources, budget)
    grid = results.grid
    made.facts |= {
        "region": results.config.region,
        "grid": {
            "crs": grid.crs.name, "west": grid.west, "north": grid.north, "resolution": grid.resolution,
            "width": grid.width, "height": grid.height, "metres": grid.metres_per_unit() * grid.resolution,
            "unit": "\N{DEGREE SIGN}" if grid.crs.is_geographic else grid.unit(),
        },
        "degrees": degrees(grid),
        "borders": borders(frame),
        "experiments": [{"name": e, "title": results.config.experiment(e).title or e} for e in results.mapped],
        "ramps": {name: ramp(name) for name in sorted({layer["colours"] for layer in made.facts["layers"]})},
        "folds": FOLDS,
    }  # fmt: skip
    made.facts["sites"] = site_table(results, made.texts)
    return made


def _plans(cells: int) -> list[tuple[int, int]]:
    """Every k-th row and column, and steps of values, from the finest."""
    first = int(np.ceil(np.sqrt(cells / MOST_CELLS))) if cells > MOST_CELLS else 1
    return [(first, FINEST), (first, FINE), *((k, ONE_BYTE) for k in range(first, first + 12))]


def _fitting(sources: Sources, budget: int) -> Explorer:
    """Packed with the finest steps that fit, and else thinned."""
    grid, made = sources.results.grid, Explorer({})
    for step, levels in _plans(grid.width * grid.height):
        made = _packed(sources, step, levels)
        if made.size <= budget:
            break
    return made


def _packed(sources: Sources, step: int, levels: int) -> Explorer:
    """All layers packed alike: those of experiments in `levels`, covariates in bytes."""
    maps = [(source.facts, source.read(step), levels) for source in sources.maps]
    is_known = np.any([np.isfinite(values) for _, values, _ in maps], axis=0)
    layers = [*maps, *((facts, values, ONE_BYTE) for facts, values in sources.covariates(step))]
    numbers = [packed(values[is_known], steps) for _, values, steps in layers]
    described = [
        _described(facts, packed_values, values[is_known])
        for (facts, values, _), packed_values in zip(layers, numbers, strict=True)
    ]
    known = packed(is_known.reshape(-1).astype("float64"), ONE_BYTE)
    facts = {"step": step, "shape": list(is_known.shape), "known": known.facts(), "layers": described}
    return Explorer(facts, [known.text, *(n.text for n in numbers)])


def _described(facts: Mapping[str, Any], numbers: Packed, values: NDArray[np.float32]) -> dict[str, Any]:
    """What the page says of a layer; one without a scale has that of the bulk of its values."""
    known = values[np.isfinite(values)]
    ends = facts["limits"] or (np.quantile(known, (0.02, 0.98)) if known.size else (0.0, 1.0))
    low, high = (float(end) for end in ends)
    return {**facts, **numbers.facts(), "limits": [low, high if high > low else low + 1.0]}
