"""Colours of maps: the one table that figures, the explorer of the report, GeoTIFF and QGIS take them from."""

from __future__ import annotations

from functools import cache

import numpy as np

from hybridmap.predict.portrayal import Portrayal

CARBON = "YlOrBr"
"""Colour map of carbon densities and stocks."""
CHANGE = "BrBG"
"""Colour map of changes that declare none."""
CARBON_UNITS = ("kg m-3", "kg m-2")
ENDS = ("lower", "upper")
"""Roles of maps that have the colours of what they are the interval of."""
CLASSES = ("#b3472a", "#1f6f8b", "#d98b2b", "#5a8f3d", "#8b4f9f")
"""Of classes, in their order; the first two differ for every kind of colour vision."""
FOLDS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#332288", "#882255", "#117733", "#5b5b5b", "#aa3377")
"""Of the folds of a split: each at least 3:1 against white."""


def colour_map(portrayal: Portrayal, unit: str) -> str:
    """Name of the colour map of a map: the one that it declares, or that of carbon for any other amount of carbon.

    Parameters
    ----------
    portrayal : Portrayal
        What it declares.
    unit : str
        Of its values.

    Examples
    --------
    >>> colour_map(Portrayal(), "kg m-2"), colour_map(Portrayal("parameter", "q_max"), "kg m-3")
    ('YlOrBr', 'viridis')
    """
    is_plain = portrayal.colours == Portrayal().colours
    if is_plain and portrayal.symmetric:
        return CHANGE
    is_amount = unit in CARBON_UNITS and (not portrayal.group or portrayal.role in ENDS)
    return CARBON if is_plain and is_amount else portrayal.colours


def class_colours(count: int) -> list[str]:
    """Colours of some classes, again from the first where there are more.

    Examples
    --------
    >>> class_colours(2)
    ['#b3472a', '#1f6f8b']
    """
    return [CLASSES[i % len(CLASSES)] for i in range(count)]


@cache
def ramp(name: str, count: int = 33) -> tuple[str, ...]:
    """Colours of a colour map at even steps, from its low end.

    Parameters
    ----------
    name : str
        Its name in matplotlib.
    count : int
        How many.

    Returns
    -------
    tuple of str
        As ``#rrggbb``.

    Examples
    --------
    >>> ramp("viridis", 2)
    ('#440154', '#fde725')
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return tuple(to_hex(colour) for colour in colormaps[name](np.linspace(0.0, 1.0, count)))
