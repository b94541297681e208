"""Which intervals of soil are mapped, and whether a model can tell them apart."""

from __future__ import annotations

from hybridmap.config import Build, Predict
from hybridmap.errors import HybridmapError
from hybridmap.grid.depth_axis import Interval
from hybridmap.model import Model
from hybridmap.options.layer_depth import LAYER_TOP

STANDARD_CM = ((0, 5), (5, 15), (15, 30), (30, 60), (60, 100), (100, 200))
"""Intervals of GlobalSoilMap (Arrouays et al. 2014, doi 10.1201/b16500)."""


def modelled_interval(build: Build) -> Interval:
    """The interval that is modelled, or the span that layers are taken from."""
    return Interval(*build.span_cm)


def mapped_depths(build: Build, predict: Predict) -> tuple[Interval, ...]:
    """Intervals of the maps of a region.

    Parameters
    ----------
    build : Build
        Whether observations are layers, and of which depths.
    predict : Predict
        The intervals that it asks for.

    Returns
    -------
    tuple of Interval
        Those; of layers without any the standard ones within their depths; none for one interval.

    Examples
    --------
    >>> layers = Build.model_validate({"layers": {"bottom_cm": 40}})
    >>> [str(interval) for interval in mapped_depths(layers, Predict())]
    ['0-5cm', '5-15cm', '15-30cm', '30-40cm']
    >>> mapped_depths(Build(), Predict())
    ()
    """
    if predict.depths:
        return tuple(Interval(*pair) for pair in predict.depths)
    if build.layers is None:
        return ()
    first, last = build.span_cm
    cut = [(max(top, first), min(bottom, last)) for top, bottom in STANDARD_CM]
    return tuple(Interval(top, bottom) for top, bottom in cut if top < bottom) or (Interval(first, last),)


def check_depths(model: Model, depths: tuple[Interval, ...], modelled: Interval) -> None:
    """Refuse depths that a model does not know.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        That maps are made of.
    depths : tuple of Interval
        Those that are asked of it; none for the one interval.
    modelled : Interval
        That, or the span that its layers were taken from.

    Raises
    ------
    HybridmapError
        If it has no depth, or has seen no layer so deep and its process is no column that reaches there.
    """
    has_layers = model.process is not None and model.process.has_layers
    if not depths or has_layers:
        return
    if LAYER_TOP not in model.forcing_names:
        raise HybridmapError(
            "predict.depths: this model has no depth, so every interval would be the same map; train it on layers"
            " (build.layers), or leave predict.depths out."
        )
    if depths[-1].bottom_cm > modelled.bottom_cm:
        raise HybridmapError(
            f"predict.depths: {depths[-1]} lies below the layers that models learn from, which end at"
            f" {modelled.bottom_cm:g} cm; set build.layers.bottom_cm, or leave it out."
        )
