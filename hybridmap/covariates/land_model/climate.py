"""Climate, productivity and ground of cells: what the forcing is made of, and what it may look like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.errors import HybridmapError

Array = NDArray[np.float64]
MONTH_DAYS = np.array([31.0, 28.0, 31.0, 30.0, 31.0, 30.0, 31.0, 31.0, 30.0, 31.0, 30.0, 31.0])
LEAST_KELVIN = 150.0
LEAST_YEARLY_MM, LEAST_NPP = 10.0, 10.0
"""Where even the wettest or most productive cell has less, the unit is metres or kilograms."""
LARGEST_SHARE = 1.0
"""Where no cell has more sand or clay, they are shares of 1."""


@dataclass(frozen=True)
class Climate:
    """Mean months of cells; see the units of each.

    Attributes
    ----------
    air_temperature : array, shape (cell, 12)
        degC.
    precipitation : array, shape (cell, 12)
        mm month-1.
    npp : array, shape (cell,)
        Net primary production [g m-2 yr-1 of carbon].
    latitude : array, shape (cell,)
        Degrees.
    landcover : array, shape (cell,)
        IGBP class 1 to 17; NaN where unknown.
    sand, clay : array, shape (cell,)
        pct; NaN where unknown.
    bedrock : array, shape (cell,)
        Depth to bedrock [m]; NaN or more than 8.6 m: below the column.
    """

    air_temperature: Array
    precipitation: Array
    npp: Array
    latitude: Array
    landcover: Array
    sand: Array
    clay: Array
    bedrock: Array

    def check(self) -> None:
        """Refuse wrong units, each in a sentence: of layers as they were read, not of a scenario or of some cells.

        Raises
        ------
        HybridmapError
            If values cannot be in the units of the attributes.
        """
        for name, months in (("temperature", self.air_temperature), ("precipitation", self.precipitation)):
            if months.shape != (len(self.npp), 12):
                raise HybridmapError(f"{name}: expected twelve months a cell, got an array of shape {months.shape}.")
        if (warmest := _greatest(self.air_temperature)) > LEAST_KELVIN:
            raise HybridmapError(
                f"temperature: the warmest month has {warmest:.1f} degC, which looks like Kelvin; add"
                " 'offset: -273.15' to the layer."
            )
        for name, (values, low, high, unit) in self._limits().items():
            finite = values[np.isfinite(values)]
            if finite.size and (finite.min() < low or finite.max() > high):
                raise HybridmapError(
                    f"{name}: runs from {finite.min():.4g} to {finite.max():.4g}, expected {low:g} to {high:g} {unit};"
                    " check its unit (scale, offset) and nodata."
                )
        wettest, best = _greatest(self.precipitation.sum(axis=1)), _greatest(self.npp)
        if 0 < wettest < LEAST_YEARLY_MM:
            raise HybridmapError(
                f"precipitation: the wettest cell has {wettest:.3g} mm a year, which looks like metres or a rate; add"
                " 'scale' to the layer, for mm a month."
            )
        if 0 < best < LEAST_NPP:
            raise HybridmapError(
                f"npp: the most productive cell has {best:.3g} g m-2 yr-1, which looks like kilograms; add"
                " 'scale: 1000' to the layer."
            )
        sandiest, finest = _greatest(self.sand), _greatest(self.clay)
        if 0 < max(sandiest, finest) <= LARGEST_SHARE:
            raise HybridmapError(
                f"sand, clay: no cell has more than {sandiest:.3g} and {finest:.3g} pct, which looks like shares of 1;"
                " add 'scale: 100' to the layers."
            )

    def _limits(self) -> dict[str, tuple[Array, float, float, str]]:
        return {
            "temperature": (self.air_temperature, -90.0, 60.0, "degC"),
            "precipitation": (self.precipitation, 0.0, 5000.0, "mm month-1"),
            "npp": (self.npp, 0.0, 5000.0, "g m-2 yr-1 of carbon"),
            "landcover": (self.landcover, 0.0, 17.0, "(IGBP classes)"),
            "sand": (self.sand, 0.0, 100.0, "pct"),
            "clay": (self.clay, 0.0, 100.0, "pct"),
            "bedrock": (self.bedrock, 0.0, 1000.0, "m"),
        }

    def complete(self) -> NDArray[np.bool_]:
        """Which cells have all that cannot be assumed, shape (cell,)."""
        months = np.concatenate([self.air_temperature, self.precipitation], axis=1)
        return np.asarray(np.isfinite(months).all(axis=1) & np.isfinite(self.npp))

    def of_cells(self, chosen_cells: NDArray[np.bool_] | slice) -> Climate:
        """Some of the cells."""
        return Climate(**{name: values[chosen_cells] for name, values in vars(self).items()})

    def changed(self, assumptions: Assumptions) -> Climate:
        """The climate of a scenario: warmer, drier, more productive."""
        return replace(
            self,
            air_temperature=self.air_temperature + assumptions.warming,
            precipitation=self.precipitation * assumptions.precipitation_factor,
            npp=self.npp * assumptions.npp_factor,
        )


def _greatest(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else 0.0
