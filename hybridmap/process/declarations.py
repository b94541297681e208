"""What a process model may declare beside its parameters, forcing and outputs, for maps, verdicts and reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

Penalty = Callable[..., Tensor]
"""Of the outputs (..., site), and by the keyword `known` the sites (..., site) that count or None for all: (...)."""


@dataclass(frozen=True)
class Check:
    """What a plausible soil passes: an output that lies outside of a range of impossible or suspicious values.

    Attributes
    ----------
    name : str
        In ``verdict.json``.
    output : str
        Output that is looked at.
    meaning : str
        What is the matter where it fails, in words.
    above, below : float
        A site or cell fails where ``above < output < below``, in the unit of the output.
    may_fail : float
        Share of sites or cells that may fail before the experiment is implausible.
    is_note : bool
        Whether a failure is only told, and speaks against nothing.
    share_name : str
        Name of the share that fails in ``saturation.json``, if not that of the check.

    Examples
    --------
    >>> Check("too_wet", "theta", "more water than pores", above=0.7).may_fail
    0.0
    """

    name: str
    output: str
    meaning: str
    above: float = -math.inf
    below: float = math.inf
    may_fail: float = 0.0
    is_note: bool = False
    share_name: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Capacity:
    """A pool that has a capacity: reports draw how full it is.

    Attributes
    ----------
    output : str
        The pool over its capacity, 1 where it is full; its label is the title.
    margins : tuple of str
        Outputs drawn beside it that should be above 0.
    margin_label : str
        What the margins are, for an axis.
    """

    output: str
    margins: tuple[str, ...] = ()
    margin_label: str = "margin"
