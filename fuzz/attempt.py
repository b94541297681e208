"""What a campaign proposes: commands, what they must not leave behind, and how to tell whether they were right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Step:
    """One command of an attempt.

    Attributes
    ----------
    command : tuple of str
        ``("hybridmap", VERB, ...)`` runs in a warm process; any other program is started as it is.
    outputs : tuple of str
        Paths from the attempt's folder that a refusal must not leave behind.
    """

    command: tuple[str, ...]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One hostile input and what meets it.

    Attributes
    ----------
    title : str
        What is odd about the input, as ``kind: details``; faults are counted by kind.
    steps : list of Step
        Commands in order; the first that does not end with 0 is the last.
    wrong : callable
        What is wrong after all steps ended with 0, as ``kind: details``; empty if all is right.
    must_refuse : bool
        Whether an exit of 0 is wrong by itself.
    must_work : bool
        Whether a refusal is wrong by itself.
    """

    title: str
    steps: list[Step]
    wrong: Callable[[], str] = field(default=lambda: "")
    must_refuse: bool = False
    must_work: bool = False


Propose = Callable[[np.random.Generator, int, Path], Attempt]
"""Writes the input of an attempt (random source, number of the attempt) into a new folder, and returns the attempt."""


def hybridmap(*words: object, outputs: tuple[str, ...] = ()) -> Step:
    """Make a step of hybridmap's command line."""
    return Step(("hybridmap", *map(str, words)), outputs)
