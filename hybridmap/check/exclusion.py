"""Land that is left out by its class: whether its classes are there, and what they leave."""

from __future__ import annotations

import numpy as np

from hybridmap.config import Config, Raster
from hybridmap.config.exclusion import Exclusion, excluded_classes
from hybridmap.covariates.raster_source import LOOKED_AT, is_remote, open_source, raster_name, sampled_values
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

MOST_LISTED = 12
"""Codes that a sentence names."""


def check_exclusion(config: Config, exclusion: Exclusion) -> str:
    """Look for the classes among pixels of the region.

    Parameters
    ----------
    config : Config
        Of the region.
    exclusion : Exclusion
        Layer and classes, which the layer has by its keys.

    Returns
    -------
    str
        What share of the pixels each class has.

    Raises
    ------
    HybridmapError
        If a class is nowhere in the region, or nothing else is.
    """
    layers = {layer.name: layer for layer in (*config.covariates, *config.auxiliary)}
    classes = excluded_classes(exclusion, list(layers.values()))
    # A share is read from the codes of its class.
    codes = {c.label: [c.code] if c.code is not None else list(layers[c.key].equals or []) for c in classes}
    pixels = _pixels(layers[classes[0].key], config)
    if pixels is None:
        return f"{', '.join(codes)}: not looked at, the raster is read over the network"
    shares = {
        label: float(np.isin(pixels, of_class).mean()) if pixels.size else 0.0 for label, of_class in codes.items()
    }
    present = ", ".join(f"{code:g}" for code in np.unique(pixels)[:MOST_LISTED])
    # Of a large raster a rare class may lie between the pixels that are looked at.
    if pixels.size < LOOKED_AT**2 and (absent := [label for label, share in shares.items() if not share]):
        raise HybridmapError(f"no pixel of the region is {absent[0]}; its classes there are {present}.")
    if np.isin(pixels, [code for of_class in codes.values() for code in of_class]).all():
        raise HybridmapError(f"{', '.join(codes)} are all the land of the region; leave a class out of 'exclude'.")
    return ", ".join(f"{label} {100 * share:.3g}%" for label, share in shares.items()) + " of the pixels"


def _pixels(layer: Raster, config: Config) -> np.ndarray | None:
    """Codes of some pixels of the region; None where they would be fetched."""
    if is_remote(raster_name(layer, config.data_root)):
        return None
    # With 'equals' a pixel would be 1 or 0.
    coded = layer.model_copy(update={"equals": None, "kind": "categorical"})
    with open_source(coded, RegionGrid.of(config.grid), config.data_root) as source:
        return sampled_values(source)
