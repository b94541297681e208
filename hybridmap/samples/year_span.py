"""The years of the observations that a model was trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.files.reading import read_parquet


def year_span(years: pd.Series) -> tuple[int, ...]:
    """First and last of some years; empty where none is known.

    Examples
    --------
    >>> year_span(pd.Series([2018.0, None, 2009.0])), year_span(pd.Series([None]))
    ((2009, 2018), ())
    """
    numbers = years.to_numpy(dtype="float64")
    finite = numbers[np.isfinite(numbers)]
    return (int(finite.min()), int(finite.max())) if finite.size else ()


def years_of_samples(samples: Path) -> tuple[int, ...]:
    """First and last year of ``samples.parquet``; empty where none is known."""
    return year_span(read_parquet(samples, columns=["year"])["year"])
