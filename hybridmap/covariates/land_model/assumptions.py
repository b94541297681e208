"""Everything that is assumed where a land model would compute: value, unit, source and limits, declared once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from hybridmap.errors import HybridmapError


@dataclass(frozen=True)
class Assumption:
    """What is said of one assumption.

    Attributes
    ----------
    key : str
        Its name on the command line and in YAML.
    default : float or str
        Value that is taken unless told otherwise.
    unit : str
        Unit of the number.
    limits : tuple
        Lowest and highest number, or the words to choose from.
    source : str
        Where the value is from.
    meaning : str
        The assumption as a sentence.
    """

    key: str
    default: float | str
    unit: str
    limits: tuple[Any, ...]
    source: str
    meaning: str

    def read(self, value: Any) -> float | str:
        """The value as number or word; HybridmapError if it is neither or outside the limits."""
        if isinstance(self.default, str):
            if value in self.limits:
                return str(value)
            raise HybridmapError(f"{self.key}: '{value}' is not one of {', '.join(self.limits)}.")
        low, high = self.limits
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, bool) or not low <= number <= high:
            raise HybridmapError(f"{self.key}: expected a number from {low:g} to {high:g} {self.unit}, got '{value}'.")
        return number


def _assumed(default: Any, unit: str, limits: tuple[Any, ...], source: str, meaning: str) -> Any:
    return field(default=default, metadata={"unit": unit, "limits": limits, "source": source, "meaning": meaning})


@dataclass(frozen=True)
class Assumptions:
    """Values of all assumptions; :func:`assumptions_table` says what each means."""

    warming: float = _assumed(0.0, "K", (-20.0, 20.0), "a scenario", "Every month is warmer by this than the layers.")
    precipitation_factor: float = _assumed(
        1.0, "1", (0.0, 5.0), "a scenario", "Every month has this times the precipitation of the layers."
    )
    npp_factor: float = _assumed(1.0, "1", (0.0, 5.0), "a scenario", "NPP is this times that of the layer.")
    thermal_diffusivity: float = _assumed(
        0.5e-6, "m2 s-1", (1e-8, 1e-5), "Campbell & Norman 1998, moist mineral soil",
        "Heat is conducted with one diffusivity: each wave of the year decays and lags with depth.",
    )  # fmt: skip
    snow_factor: float = _assumed(
        0.4, "1", (0.05, 1.0), "freezing n-factor; Lunardini 1978; Smith & Riseborough 2002",
        "In months below 0 degC the surface of the soil has this times the temperature of the air.",
    )  # fmt: skip
    thaw_depth: str = _assumed(
        "stefan", "", ("stefan", "wave"), "melting ice delays the wave; Nelson & Outcalt 1987",
        "Ground with a frozen layer thaws as deep as its wave passes 0 degC, no deeper than degree days melt ice.",
    )  # fmt: skip
    stefan_factor: float = _assumed(
        0.04, "m (K d)-0.5", (0.005, 0.2), "Nelson et al. 1997, 0.02 to 0.06 in the Kuparuk basin",
        "Degree days above zero melt ice to this times their root; wave leaves that out.",
    )  # fmt: skip
    root_depth: float = _assumed(
        1.0, "m", (0.1, 5.0), "Canadell et al. 1996; Jackson et al. 1996",
        "The bucket of water is as deep as this, and all layers are as moist as it.",
    )  # fmt: skip
    snow_melt: float = _assumed(
        3.0, "mm K-1 d-1", (0.1, 20.0), "degree-day factors, Hock 2003",
        "Precipitation below 0 degC waits as snow and melts by degree days.",
    )  # fmt: skip
    dry_potential: float = _assumed(
        -2.5, "MPa", (-20.0, -0.1), "CLM5 technical note, decomposition", "Soil drier than this does not decompose."
    )
    wet_potential: float = _assumed(
        -0.002, "MPa", (-0.09, -1e-4), "CLM5 technical note, decomposition",
        "In soil wetter than this water does not limit decomposition.",
    )  # fmt: skip
    frozen_water: str = _assumed(
        "potential", "", ("potential", "as_thawed"), "Niu & Yang 2006",
        "Ice dries a frozen layer to 1.2 MPa a degree below 0 degC; as_thawed: it stays as moist as thawed.",
    )  # fmt: skip
    least_water_scalar: float = _assumed(
        0.05, "1", (0.0, 1.0), "films of unfrozen water; Mikan et al. 2002",
        "The driest or most frozen layer decomposes at this share; at 0 a layer frozen all year has no steady state.",
    )  # fmt: skip
    sand: float = _assumed(43.0, "pct", (0.0, 100.0), "loam, Cosby et al. 1984", "Texture where no layer gives it.")
    clay: float = _assumed(18.0, "pct", (0.0, 100.0), "loam, Cosby et al. 1984", "Texture where no layer gives it.")
    wood_share_forest: float = _assumed(
        0.25, "1", (0.0, 1.0), "Litton et al. 2007",
        "Share of NPP that dies as coarse wood in forest (IGBP classes 1 to 5).",
    )  # fmt: skip
    wood_share_savanna: float = _assumed(
        0.1, "1", (0.0, 1.0), "between forest and grass", "The same in savanna (classes 8 and 9)."
    )
    wood_share_open: float = _assumed(0.0, "1", (0.0, 1.0), "no trees", "The same in every other class.")
    wood_share_unknown: float = _assumed(
        0.1, "1", (0.0, 1.0), "between forest and grass", "The same in cells without a class."
    )
    litter_share_cropland: float = _assumed(
        1.0, "1", (0.0, 1.0), "no harvest; Wolf et al. 2015 give about 0.6",
        "Share of NPP that returns to the soil in cropland (class 12); elsewhere all of it does.",
    )  # fmt: skip
    metabolic_share: float = _assumed(
        0.25, "1", (0.0, 1.0), "CLM5 leaf and fine root litter", "Share of metabolic litter in litter that is not wood."
    )
    lignin_share: float = _assumed(
        0.25, "1", (0.0, 1.0), "CLM5 leaf and fine root litter", "Share of lignin in it; the rest is cellulose."
    )
    litter_season: str = _assumed(
        "even", "", ("even", "temperature"), "no effect on the steady state, which takes the sum of the year",
        "Litter falls evenly over the months, or by their degrees above 0 degC.",
    )  # fmt: skip
    oxygen_scalar: float = _assumed(1.0, "1", (0.0, 1.0), "drained soil", "Oxygen does not limit decomposition.")
    nitrogen_scalar: float = _assumed(
        0.9, "1", (0.0, 1.0), "about the mean of FPI in CLM5", "Litter decomposes at this share for want of nitrogen."
    )
    least_soil_depth: float = _assumed(
        0.4, "m", (0.02, 8.6), "CLM5, Brunke et al. 2016",
        "Bedrock lies no higher than this, and below the column where no layer gives it.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse shares that leave less than nothing for cellulose."""
        if self.metabolic_share + self.lignin_share > 1.0:
            raise HybridmapError(
                f"metabolic_share {self.metabolic_share:g} and lignin_share {self.lignin_share:g} are more than 1"
                " together."
            )
        if self.sand + self.clay > 100.0:
            raise HybridmapError(f"sand {self.sand:g} and clay {self.clay:g} pct are more than 100 together.")


def assumptions_table() -> Iterator[Assumption]:
    """Every assumption with its unit, limits, source and meaning."""
    for entry in dataclasses.fields(Assumptions):
        default: Any = entry.default
        yield Assumption(entry.name, default, **entry.metadata)


def read_assumptions(values: Mapping[str, Any]) -> Assumptions:
    """Assumptions with some values changed.

    Raises
    ------
    HybridmapError
        For an unknown key or a value outside its limits.

    Examples
    --------
    >>> read_assumptions({"warming": "2"}).warming
    2.0
    """
    table = {entry.key: entry for entry in assumptions_table()}
    for key in values:
        if key not in table:
            near = get_close_matches(str(key), table, 1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(table)}."
            raise HybridmapError(f"'{key}' is no assumption of the forcing{hint}")
    return Assumptions(**{key: table[key].read(value) for key, value in values.items()})  # type: ignore[arg-type]
