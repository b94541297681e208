"""Equal-area quadratic splines of many soil profiles at once.

Bishop, McBratney & Laslett 1999, doi 10.1016/S0016-7061(99)00003-8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridmap.observations.depth.segments import ROUNDING, Array, Segments, mean_of


@dataclass(frozen=True)
class Spline:
    """Equal-area quadratic splines of many profiles.

    In segment i, at the depth t below its top, the value is ``alpha + beta t + gamma t^2``; in gaps it is linear.

    Attributes
    ----------
    segments : Segments
        What was fitted.
    alpha, beta, gamma : array, shape (segment,)
        Coefficients.
    mean : array, shape (segment,)
        Mean of the spline in each segment; that of the data for no smoothing.
    """

    segments: Segments
    alpha: Array
    beta: Array
    gamma: Array
    mean: Array

    def at(self, segment: NDArray[np.intp], depth_cm: Array) -> Array:
        """Value at depths that lie in the given segments."""
        t = depth_cm - self.segments.top[segment]
        return self.alpha[segment] + self.beta[segment] * t + self.gamma[segment] * t**2

    def means(self, top_cm: float, bottom_cm: float) -> Array:
        """Mean of each profile on one interval, over its layers and the gaps between them; exact integration."""
        low, high = self.segments.overlap(top_cm, bottom_cm)
        integral = self._integral(high - self.segments.top) - self._integral(low - self.segments.top)
        total, thickness = self.segments.profile_sum(integral), self.segments.profile_sum(high - low)
        self._add_gaps(total, thickness, top_cm, bottom_cm)
        return mean_of(total, thickness)

    def _add_gaps(self, total: Array, thickness: Array, top_cm: float, bottom_cm: float) -> None:
        """Add what lies between layers, where the spline is linear, to integrals and thicknesses of profiles."""
        s = self.segments
        above = np.flatnonzero(s.has_successor() & (s.top[1:] > s.bottom[:-1] + ROUNDING))
        if not len(above):
            return
        gap_top, gap_bottom = s.bottom[above], s.top[above + 1]
        upper, lower = self.at(above, gap_top), self.alpha[above + 1]
        low, high = gap_top.clip(top_cm, bottom_cm), gap_bottom.clip(top_cm, bottom_cm)
        middle = upper + (lower - upper) * ((low + high) / 2 - gap_top) / (gap_bottom - gap_top)
        total += np.bincount(s.profile[above], middle * (high - low), s.profiles)
        thickness += np.bincount(s.profile[above], high - low, s.profiles)

    def _integral(self, t: Array) -> Array:
        return t * (self.alpha + t * (self.beta / 2 + t * self.gamma / 3))


def fit_spline(segments: Segments, smoothing: float = 0.1) -> Spline:
    """Fit all profiles at once.

    Parameters
    ----------
    segments : Segments
        Disjoint layers.
    smoothing : float
        Lambda of Bishop et al.; 0 keeps the mean of every layer exactly.

    Returns
    -------
    Spline

    Notes
    -----
    With Q the differences of neighbours and R as in Bishop et al., ``(I + 6 n lambda Q' R^-1 Q) s = y`` is solved
    through ``c = R^-1 Q s``: ``(R + 6 n lambda Q Q') c = Q y`` is tridiagonal, and ``s = y - 6 n lambda Q' c``. All
    systems advance together, a step a layer.

    Examples
    --------
    Two layers of 10 cm with 2 and 1; without smoothing each keeps its mean, and the upper half of the first has more.

    >>> import numpy as np
    >>> top, bottom, value = np.array([0.0, 10.0]), np.array([10.0, 20.0]), np.array([2.0, 1.0])
    >>> spline = fit_spline(Segments(np.array([0, 0]), top, bottom, value, 1), smoothing=0.0)
    >>> [round(float(spline.means(*interval)[0]), 9) for interval in ((0, 10), (10, 20), (0, 20), (0, 5))]
    [2.0, 1.0, 1.5, 2.1875]
    """
    count = np.bincount(segments.profile, minlength=segments.profiles)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    mean, slope = segments.value.copy(), np.zeros(len(segments.value))
    # Profiles of similar length go together, so that a peat core of a thousand layers pads no other.
    size = np.where(count > 1, 2 ** np.ceil(np.log2(np.maximum(count, 2))), 0).astype(int)
    for length in np.unique(size[size > 0]):
        group = np.flatnonzero(size == length)
        system = _Systems.of(segments, first[group], count[group], smoothing)
        system.solve()
        system.write(mean, slope)
    beta = np.concatenate([[0.0], slope[:-1]])
    beta[first[count > 0]] = 0.0
    thickness = segments.bottom - segments.top
    gamma = (slope - beta) / (2 * thickness)
    alpha = mean - beta * thickness / 2 - gamma * thickness**2 / 3
    return Spline(segments, alpha, beta, gamma, mean)


@dataclass(frozen=True)
class _Systems:
    """Tridiagonal systems of profiles of similar length, one row a profile, one column an edge between layers.

    Attributes
    ----------
    upper, lower : array of int, shape (profile, edge)
        Segments above and below each edge.
    is_edge : array of bool, shape (profile, edge)
        False where a profile has fewer layers.
    weight : array, shape (profile, 1)
        ``6 n lambda``.
    diagonal, off_diagonal, unknown : array, shape (profile, edge)
        The matrix; ``Q y`` until the systems are solved, then ``c``.
    """

    upper: NDArray[np.intp]
    lower: NDArray[np.intp]
    is_edge: NDArray[np.bool_]
    weight: Array
    diagonal: Array
    off_diagonal: Array
    unknown: Array

    @classmethod
    def of(cls, segments: Segments, first: NDArray[np.intp], count: NDArray[np.intp], smoothing: float) -> _Systems:
        """Systems of the profiles that begin at the segments `first` and have `count` of them."""
        step = np.arange(int(count.max()) - 1)
        is_edge = step < (count - 1)[:, None]
        upper = np.where(is_edge, first[:, None] + step, first[:, None])
        lower = np.where(is_edge, upper + 1, upper)
        thickness = segments.bottom - segments.top
        weight = 6.0 * smoothing * count[:, None].astype(np.float64)
        gap = np.where(is_edge, segments.top[lower] - segments.bottom[upper], 0.0)
        diagonal = np.where(is_edge, 2 * (thickness[upper] + thickness[lower]) + 6 * gap + 2 * weight, 1.0)
        is_inner = is_edge & (step != (count - 2)[:, None])
        off_diagonal = np.where(is_inner, thickness[lower] - weight, 0.0)
        differences = np.where(is_edge, segments.value[lower] - segments.value[upper], 0.0)
        return cls(upper, lower, is_edge, weight, diagonal, off_diagonal, differences)

    def solve(self) -> None:
        """Thomas' algorithm, all profiles side by side, in place."""
        edges = self.unknown.shape[1]
        for k in range(1, edges):
            factor = self.off_diagonal[:, k - 1] / self.diagonal[:, k - 1]
            self.diagonal[:, k] -= factor * self.off_diagonal[:, k - 1]
            self.unknown[:, k] -= factor * self.unknown[:, k - 1]
        self.unknown[:, -1] /= self.diagonal[:, -1]
        for k in range(edges - 2, -1, -1):
            self.unknown[:, k] -= self.off_diagonal[:, k] * self.unknown[:, k + 1]
            self.unknown[:, k] /= self.diagonal[:, k]

    def write(self, mean: Array, slope: Array) -> None:
        """Bring the solution to segments: their means, and ``6 c``, the slope at the lower edge of each."""
        c, upper, lower = self.unknown[self.is_edge], self.upper[self.is_edge], self.lower[self.is_edge]
        change = np.broadcast_to(self.weight, self.unknown.shape)[self.is_edge] * c
        np.add.at(mean, upper, change)
        np.subtract.at(mean, lower, change)
        slope[upper] = 6.0 * c
