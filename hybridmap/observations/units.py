"""Units of soil tables: what each is worth in the unit of the common schema."""

from __future__ import annotations

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
        "mmol/kg": MOLAR_MASS_CARBON * 1e-3,
    },
    "density": {"g/cm3": 1.0, "kg/dm3": 1.0, "t/m3": 1.0, "Mg/m3": 1.0, "kg/m3": 1e-3, "cg/cm3": 1e-2},
    "share": {"fraction": 1.0, "1": 1.0, "pct": 1e-2},
    "percentage": {"pct": 1.0, "fraction": 100.0, "1": 100.0, "g/kg": 0.1},
    "carbon_density": {"kg/m3": 1.0, "g/m3": 1e-3, "g/cm3": 1e3, "g/dm3": 1.0, "hg/m3": 0.1},
    "stock": {"kg/m2": 1.0, "g/m2": 1e-3, "t/ha": 0.1, "Mg/ha": 0.1},
}
"""Quantity → unit → factor to the unit of the common schema (g/kg, g/cm3, kg/m3, kg/m2, cm, shares, percent)."""

SPELLINGS = {"%": "pct", "percent": "pct", "g kg-1": "g/kg", "mg kg-1": "mg/kg", "g cm-3": "g/cm3", "kg m-3": "kg/m3"}


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
    unit = SPELLINGS.get(unit, unit)
    if unit not in factors:
        raise HybridmapError(
            f"{origin}: unknown unit '{unit}'{nearest(unit, factors)}; expected one of {list(factors)}."
        )
    return factors[unit]
