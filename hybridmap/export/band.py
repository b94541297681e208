"""A map as files see it: its name, the type of its values, and what its attributes mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.predict.colour_range import scale_name
from hybridmap.predict.portrayal import PREFIX, Portrayal

INTERNAL = ("_FillValue", "coordinates", "grid_mapping", "scale_factor", "add_offset", "coverage_content_type")
"""Attributes of a store that mean nothing in a raster file."""


@dataclass(frozen=True)
class Band:
    """One map of a store.

    Attributes
    ----------
    name : str
        Name of the map.
    dtype : str
        Type of the stored values, as numpy names it.
    attributes : mapping of str to Any
        Of its array.
    """

    name: str
    dtype: str
    attributes: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, array: Any) -> Band:
        """Of an array of a store."""
        return cls(name, str(array.dtype), dict(array.attrs))

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return str(self.attributes["units"])

    @property
    def scale(self) -> float:
        """Value = stored number * scale + offset."""
        return float(self.attributes.get("scale_factor", 1.0))

    @property
    def offset(self) -> float:
        """See `scale`."""
        return float(self.attributes.get("add_offset", 0.0))

    @property
    def nodata(self) -> float:
        """Stored number of cells without data."""
        return float(self.attributes.get("_FillValue", np.nan))

    @property
    def is_class(self) -> bool:
        """Whether values are classes or counts, in 8 bits."""
        return self.dtype == "uint8"

    @property
    def classes(self) -> dict[int, str]:
        """What each class means; empty where values are no classes.

        Examples
        --------
        >>> Band("a", "uint8", {"flag_values": [0, 1], "flag_meanings": "outside well_inside"}).classes
        {0: 'outside', 1: 'well inside'}
        """
        codes = [int(code) for code in self.attributes.get("flag_values", ())]
        meanings = [text.replace("_", " ") for text in str(self.attributes.get("flag_meanings", "")).split()]
        return dict(zip(codes, meanings, strict=True))

    @property
    def portrayal(self) -> Portrayal:
        """How it is drawn."""
        return Portrayal.of(self.attributes)

    @property
    def scale_name(self) -> str:
        """Name of its range of colours."""
        return scale_name({"name": self.name, **self.attributes})

    def tags(self) -> dict[str, str]:
        """Metadata of a raster file; how the map is drawn is for figures alone."""
        return {k: str(v) for k, v in self.attributes.items() if k not in INTERNAL and not k.startswith(PREFIX)}

    def physical(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Values of the cells with data in their unit, flat.

        Examples
        --------
        >>> Band("a", "int16", {"_FillValue": -9, "scale_factor": 0.5}).physical(np.array([4, -9])).tolist()
        [2.0]
        """
        valid = np.isfinite(values) if np.isnan(self.nodata) else values != self.nodata
        stored: NDArray[np.float64] = values[valid].astype("float64")
        return stored * self.scale + self.offset
