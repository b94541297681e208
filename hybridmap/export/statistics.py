"""Statistics of a map, gathered piece by piece."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Statistics:
    """Count, sum, sum of squares, smallest and largest of the values of a map, in its unit."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    smallest: float = np.inf
    largest: float = -np.inf

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Statistics:
        """Of an array without gaps.

        Examples
        --------
        >>> merged = Statistics.of(np.array([1.0, 2.0])).merged(Statistics.of(np.array([6.0])))
        >>> merged.count, merged.mean, merged.largest
        (3, 3.0, 6.0)
        """
        if not values.size:
            return cls()
        return cls(values.size, float(values.sum()), float((values**2).sum()), float(values.min()), float(values.max()))

    def merged(self, more: Statistics) -> Statistics:
        """Of both together."""
        return Statistics(
            self.count + more.count,
            self.total + more.total,
            self.squares + more.squares,
            min(self.smallest, more.smallest),
            max(self.largest, more.largest),
        )

    @property
    def mean(self) -> float:
        """Mean."""
        return self.total / max(self.count, 1)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(max(self.squares / max(self.count, 1) - self.mean**2, 0.0)))

    def tags(self, scale: float) -> dict[str, str]:
        """GDAL's statistics, in stored units as it wants them."""
        values = {"MINIMUM": self.smallest, "MAXIMUM": self.largest, "MEAN": self.mean, "STDDEV": self.sd}
        return {f"STATISTICS_{key}": repr(value / scale) for key, value in values.items()}
