"""Observations of layers at several depths: the inputs that say a layer, and the default root profile."""

from __future__ import annotations

LAYER_TOP, LAYER_BOTTOM = "layer_top", "layer_bottom"
LAYER_INPUTS = (LAYER_TOP, LAYER_BOTTOM)
"""Names of the upper and lower end of a layer [m] among the forcing of samples and models."""
ROOT_BETA = 0.966
"""Shape of the root profile a cm, of all biomes together (Jackson et al. 1996, doi 10.1007/BF00333714)."""
