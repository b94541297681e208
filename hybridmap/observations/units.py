"""Units of soil tables: what each is worth in the unit of the common schema."""

from __future__ import annotations

import re

from hybridmap.errors import HybridmapError, nearest

MOLAR_MASS_CARBON = 12.011
"""g mol-1."""

UNITS: dict[str, dict[str, float]] = {
    "angle": {"degrees": 1.0},
    "acidity": {"1": 1.0},
    "depth": {"cm": 1.0, "m": 100.0, "mm": 0.1, "inch": 2.54},
    "content": {
        "g/kg": 1.0,
        "pct": 10.0,
        "mg/g": 1.0,
        "mg/kg": 1e-3,
        "ug/g": 1e-3,
        "kg/kg": 1e3,
        "g/g": 1e3,
        "dg/kg": 0.1,
        "mg/100g": 1e-2,
        "mmol/kg": MOLAR_MASS_CARBON * 1e-3,
    },
    "density": {"g/cm3": 1.0, "kg/dm3": 1.0, "t/m3": 1.0, "Mg/m3": 1.0, "kg/m3": 1e-3, "cg/cm3": 1e-2},
    "share": {"fraction": 1.0, "1": 1.0, "pct": 1e-2},
    "percentage": {"pct": 1.0, "fraction": 100.0, "1": 100.0, "g/kg": 0.1},
    "carbon_density": {"kg/m3": 1.0, "g/m3": 1e-3, "g/cm3": 1e3, "g/dm3": 1.0, "hg/m3": 0.1},
    "stock": {"kg/m2": 1.0, "g/m2": 1e-3, "g/cm2": 10.0, "t/ha": 0.1, "Mg/ha": 0.1},
}
"""Quantity → unit → factor to the unit of the common schema (g/kg, g/cm3, kg/m3, kg/m2, cm, shares, percent)."""

PERCENT = (
    "%",
    "percent",
    "per cent",
    "wt%",
    "weight%",
    "mass%",
    "%wt",
    "wtpct",
    "g/100g",
    "g/hg",
    "dag/kg",
    "cg/g",
    "%c",
)
SPELLINGS = {
    **dict.fromkeys(PERCENT, "pct"),
    **dict.fromkeys(("‰", "permille", "per mille", "kg/t", "kg/Mg"), "g/kg"),
    "ppm": "mg/kg",
    "g/t": "mg/kg",
    "μg/g": "ug/g",
    "µg/g": "ug/g",
    "g/cc": "g/cm3",
    "g/ml": "g/cm3",
    "kg/l": "kg/dm3",
    "deg": "degrees",
}
"""Another spelling, without blanks → unit."""
LARGEST = {"angle": 360.0, "density": 2.65, "share": 1.0, "percentage": 100.0, "content": 1000.0}
"""Quantity → the largest number that can be, in the unit of the common schema."""


def spelt(unit: str, quantity: str) -> str:
    """The unit of `quantity` that another spelling means; the spelling itself if it means none.

    Examples
    --------
    >>> [spelt(unit, "content") for unit in ("g kg⁻¹", "g / 100 g", "wt %", "G/KG")]
    ['g/kg', 'pct', 'pct', 'g/kg']
    >>> spelt("Mg C ha-1", "stock")
    'Mg/ha'
    """
    factors = UNITS.get(quantity, {})
    if unit in factors:
        return unit
    plain = unit.translate(str.maketrans("⁻¹²³−·", "-123- ")).replace("^", "").strip()
    plain = re.sub(r"(?<=[a-z%])[ .]+(?:O|SO)?C\b(?!/)|(?<=[tg])C(?=[ /])", "", plain)
    plain = re.sub(r"[ .*]+([A-Za-z]+)-1\b", r"/\1", plain)
    plain = re.sub(r"[ .*]+([A-Za-z]+)-([23])\b", r"/\1\2", plain)
    plain = re.sub(r"\s+per\s+", "/", plain).replace(" ", "")
    for candidate in (plain, plain.lower()):
        meant = SPELLINGS.get(candidate, candidate)
        # Mg and mg differ by a factor of a thousand million: no capitals are guessed there.
        if meant in factors and not (candidate != plain and plain.startswith(("M", "m"))):
            return meant
    return unit


def relative_worth(written: str, unit: str | None, quantity: str) -> float:
    """What one of the unit that is written behind a number is worth in the unit of its column.

    Parameters
    ----------
    written : str
        Text behind the number.
    unit : str or None
        Unit of the column; None is like nothing.
    quantity : str
        Key of :data:`UNITS`.

    Returns
    -------
    float
        NaN if the text is no unit of the quantity.

    Examples
    --------
    >>> relative_worth("%", "g/kg", "content"), relative_worth("g kg-1", "g/kg", "content")
    (10.0, 1.0)
    """
    factors = UNITS.get(quantity, {})
    of_text, of_column = (factors.get(spelt(name.strip(), quantity)) if name else None for name in (written, unit))
    return of_text / of_column if of_text and of_column else float("nan")


def largest(quantity: str, unit: str | None) -> float:
    """The largest number that a quantity can be in a unit; infinite where that is not known."""
    worth = UNITS.get(quantity, {}).get(spelt(unit, quantity) if unit else "degrees")
    return LARGEST.get(quantity, float("inf")) / worth if worth else float("inf")


def unit_factor(quantity: str, unit: str | None, origin: str) -> float:
    """Return what one `unit` is worth in the schema's unit of `quantity`.

    Parameters
    ----------
    quantity : str
        Key of :data:`UNITS`.
    unit : str or None
        As written in the region file; None is accepted only for an angle.
    origin : str
        File and column, for the error.

    Returns
    -------
    float
        Factor to the unit of the common schema.

    Raises
    ------
    HybridmapError
        If the unit is missing or not known for this quantity.

    Examples
    --------
    A soil of 2.5 % organic carbon holds 25 g/kg; 70 Mg/ha are 7 kg/m2.

    >>> 2.5 * unit_factor("content", "%", "t.csv: column 'oc'")
    25.0
    >>> round(70 * unit_factor("stock", "Mg/ha", "t.csv: column 'stock'"), 9)
    7.0
    """
    factors = UNITS[quantity]
    if unit is None:
        if len(factors) == 1:
            return 1.0
        raise HybridmapError(f"{origin}: needs a 'unit', one of {list(factors)}.")
    unit = spelt(unit, quantity)
    if unit not in factors:
        raise HybridmapError(
            f"{origin}: unknown unit '{unit}'{nearest(unit, factors)}; expected one of {list(factors)}."
        )
    return factors[unit]
