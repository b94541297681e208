"""Random choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(source: np.random.Generator, choices: Sequence[T]) -> T:
    """Return one of the choices, all of them equally likely."""
    return choices[int(source.integers(len(choices)))]
