"""One range of colours for one quantity: in all figures of a report and in its explorer, whatever the experiment."""

from __future__ import annotations

from hybridmap.predict.colour_range import COLOUR_LIMITS, Limits, joined, scale_name
from hybridmap.report.results import Results


def scales_of(results: Results) -> dict[str, Limits]:
    """Ends of the colours of every scale of a region.

    Parameters
    ----------
    results : Results
        Of the region.

    Returns
    -------
    dict of str to (float, float)
        By the name of the scale, in the unit of its maps: what the styles of its rasters have, over all experiments.
        Of a quantity that was measured it is the same in each.
    """
    scales: dict[str, Limits] = {}
    for experiment in results.mapped:
        for entry in results.map_list(experiment):
            if COLOUR_LIMITS in entry:
                low, high = entry[COLOUR_LIMITS]
                name = scale_name(entry)
                scales[name] = joined(scales.get(name, (low, high)), (low, high))
    return scales
