"""Signs that a column has another unit than the region file says: typical values, and fields that belong together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.config import Column
from hybridmap.errors import HybridmapError
from hybridmap.observations.schema import Schema

LOG = logging.getLogger("hybridmap")
FEWEST = 20
"""A table with fewer values is not judged."""
FEWEST_SHARES = 5
"""Shares above the whole, and layers that are all upside down, are judged from here on."""
FEW_STONES = 0.01
"""Fragments that end at as small a share, where there are any, look like a fraction that is called percent."""
TOPSOIL_CM, SHALLOW_CM = 30.0, 50.0
OC, BD = "oc_g_kg", "bd_fine_g_cm3"
DENSITY, STOCK = "soc_density_kg_m3", "soc_stock_kg_m2"

TYPICAL: dict[str, tuple[float, float, str]] = {
    OC: (4.0, 60.0, "percent, not g/kg, or the reverse"),
    BD: (0.3, 2.2, "kg/m3, not g/cm3"),
    "bd_whole_g_cm3": (0.3, 2.2, "kg/m3, not g/cm3"),
    "poc_g_kg": (0.2, 100.0, "percent or mg/kg"),
    "moc_g_kg": (2.0, 100.0, "percent or mg/kg"),
    "mbc_g_kg": (0.06, 1.5, "ug/g (mg/kg), not g/kg"),
    DENSITY: (4.0, 100.0, "g/m3, not kg/m3"),
    STOCK: (4.0, 100.0, "Mg/ha, not kg/m2"),
}
"""Field → range of the median of topsoil (stocks: per metre of it), and what it usually is otherwise.

Of the open tables the medians of organic carbon lie between 6.5 and 36 g/kg, of microbial carbon between 0.2 and 0.3.
"""
WHOLES = {"cf_vol": 1.0, "cf_mass": 1.0, "clay_pct": 100.0, "silt_pct": 100.0, "sand_pct": 100.0}
"""Field that is a share → what all of it is, in the unit of the schema."""
TEXTURE = ("clay_pct", "silt_pct", "sand_pct")
THICKNESS_CM = (1.9, 120.0)
"""Range of the median thickness of layers."""
MIXING = (-0.4, 0.15)
"""Range of the median of log10 (bulk density / that of a mixture with as much organic matter); open tables: +-0.07."""
LIGHTER = 0.05
"""Soils that are lighter than their carbon says, by as much or more [g cm-3], may have more of it."""
LARGEST_FRACTION = 1.3
"""Of organic carbon: half of the fractions of a table are not above that."""
TRUST = "Correct 'unit', or set 'trust_unit: true' if it is right."


@dataclass(frozen=True)
class _Judge:
    """The layers of a table, and where their fields come from.

    Attributes
    ----------
    path : Path
        For the sentence.
    table, topsoil : DataFrame
        All layers, and those that begin above 30 cm.
    columns : mapping of str to Column
        Those that are judged.
    """

    path: Path
    table: pd.DataFrame
    topsoil: pd.DataFrame
    columns: Mapping[str, Column]

    def origin(self, field: str) -> str:
        """File, column and field."""
        column = self.columns[field].column
        return f"{self.path}: column '{column}' for '{field}'" if column else f"{self.path}: the constant for '{field}'"

    def values(self, field: str) -> pd.Series:
        """Values above 0 of the topsoil; stocks and densities of shallow layers, per metre."""
        values = self.topsoil[field]
        if field in (DENSITY, STOCK):
            thickness_m = (self.topsoil["bottom_cm"] - self.topsoil["top_cm"]) / 100.0
            shallow = self.topsoil["bottom_cm"] <= SHALLOW_CM
            values = values[shallow] / (thickness_m.where(thickness_m > 0)[shallow] if field == STOCK else 1.0)
        return values[values > 0].dropna()

    def pairs(self, *fields: str) -> pd.DataFrame:
        """Topsoil with all of the fields above 0; none if too few, or one of them is not judged."""
        if not set(fields) <= set(self.columns):
            return self.topsoil.iloc[:0]
        rows = self.topsoil[(self.topsoil[list(fields)] > 0).all(axis=1)]
        return rows if len(rows) >= FEWEST else rows.iloc[:0]


def check_units(path: Path, table: pd.DataFrame, columns: Mapping[str, Column]) -> None:
    """Raise HybridmapError for a column whose typical value no soil has in the unit that was given.

    Parameters
    ----------
    path : Path
        For the sentence.
    table : DataFrame
        In the units of the common schema, with ``top_cm`` and ``bottom_cm``.
    columns : mapping of str to Column
        Map of fields to columns; a column with ``trust_unit`` is not judged.
    """
    judged = {name: column for name, column in columns.items() if name in table and not column.trust_unit}
    topsoil = table[(table["top_cm"] >= 0) & (table["top_cm"] < TOPSOIL_CM)]
    judge = _Judge(path, table, topsoil, judged)
    # Depths first: where they are wrong, other values may only look so.
    if "bottom_cm" in judged:
        _check_depth(judge)
    for field in WHOLES:
        if field in judged:
            _check_share(judge, field)
    for field in {"cf_vol", "cf_mass"} & set(judged):
        _check_stones(judge, field)
    _check_texture(judge)
    if BD in judged:
        # Alone it can be too high for any soil; then it is not the carbon that is asked about.
        _check_median(judge, BD, is_organic=True)
    agrees = _check_mixing(judge)
    for field in TYPICAL:
        if field in judged:
            _check_median(judge, field, agrees)
    for field in ("poc_g_kg", "moc_g_kg", "mbc_g_kg"):
        _check_fraction(judge, field)
    _warn_of_two_units(judge)


def check_ranges(path: Path, table: pd.DataFrame, columns: Mapping[str, Column], schema: Schema) -> None:
    """Raise HybridmapError for a quantity of which half of the values lie outside the range that the region declares.

    Parameters
    ----------
    path : Path
        For the sentence.
    table : DataFrame
        In the units of the common schema.
    columns : mapping of str to Column
        Map of fields to columns; a column with ``trust_unit`` is not judged.
    schema : Schema
        With the quantities of the region.
    """
    for quantity in schema.quantities.values():
        column = columns.get(quantity.column)
        if column is None or column.trust_unit:
            continue
        values = table[quantity.column].dropna()
        if len(values) < FEWEST:
            continue
        outside = values[(values < quantity.least) | (values > quantity.most)]
        if len(outside) > len(values) / 2:
            raise HybridmapError(
                f"{path}: column '{column.column}' for '{quantity.name}': {len(outside)} of {len(values)} values lie"
                f" {quantity.range_text}, as {outside.median():.4g}. Correct 'unit', or the 'range' of the quantity."
            )


def _check_stones(judge: _Judge, field: str) -> None:
    """Raise HybridmapError for fragments that end at a hundredth, as a fraction does that is called percent."""
    values = judge.table[field][judge.table[field] > 0]
    if len(values) >= FEWEST and values.max() <= FEW_STONES:
        raise HybridmapError(
            f"{judge.origin(field)}: values end at {values.max() * 100:.3g} % where there are any fragments; the column"
            f" looks like a fraction, not percent. {TRUST}"
        )


def _check_median(judge: _Judge, field: str, is_organic: bool) -> None:
    """Raise HybridmapError for a median out of range; much carbon under a low bulk density is an organic soil."""
    low, high, likely = TYPICAL[field]
    if is_organic:
        low, high = (0.0 if field == BD else low), (1000.0 if field == OC else high)
    values = judge.values(field)
    if len(values) >= FEWEST and not low <= values.median() <= high:
        raise HybridmapError(
            f"{judge.origin(field)}: half of the topsoil lies around {values.median():.4g}"
            f" in the unit of the schema, which no soil has; the column looks like {likely}. {TRUST}"
        )


def _check_share(judge: _Judge, field: str) -> None:
    whole, values = WHOLES[field], judge.table[field].dropna()
    above = (values > whole * 1.2).mean()
    if above > (0.2 if len(values) >= FEWEST else 0.5) and len(values) >= FEWEST_SHARES:
        raise HybridmapError(
            f"{judge.origin(field)}: values reach {values.max() / whole:.0f} times the whole; the column looks like"
            " percent, not a fraction. Correct 'unit'."
        )
    if len(values) >= FEWEST and whole == 100.0 and 0 < values.quantile(0.9) <= 1.0:
        raise HybridmapError(
            f"{judge.origin(field)}: values end at {values.max():.3g} %; the column looks like a fraction, not"
            f" percent. {TRUST}"
        )


def _check_texture(judge: _Judge) -> None:
    """Raise HybridmapError if sand, silt and clay do not sum to the whole."""
    if not set(TEXTURE) <= set(judge.columns):
        return
    total = judge.table[list(TEXTURE)].sum(axis=1, skipna=False).dropna()
    if len(total) >= FEWEST and not 50.0 <= total.median() <= 150.0:
        raise HybridmapError(
            f"{judge.origin('clay_pct')}: clay, silt and sand sum to {total.median():.3g} % in half of the layers, not"
            f" to 100 %. {TRUST}"
        )


def _check_mixing(judge: _Judge) -> bool:
    """Whether organic carbon and bulk density go together; HybridmapError if they cannot, False if nothing says."""
    rows = judge.pairs(OC, BD)
    if rows.empty:
        return False
    organic = (rows[OC] * 1.724 / 1000.0).clip(upper=1.0)
    ratio = float(np.log10(rows[BD] * (organic / 0.2 + (1.0 - organic) / 1.5)).median())
    if MIXING[0] <= ratio <= MIXING[1]:
        return True
    raise HybridmapError(
        f"{judge.origin(OC)}: half of the topsoil lies around {rows[OC].median():.4g} g/kg with a bulk density (column"
        f" '{judge.columns[BD].column}') around {rows[BD].median():.3g} g/cm3, which no soil has; one of the two looks"
        f" like another unit (percent, g/kg; g/cm3, kg/m3). {TRUST}"
    )


def _check_fraction(judge: _Judge, field: str) -> None:
    rows = judge.pairs(field, OC)
    share = (rows[field] / rows[OC]).median() if len(rows) else 0.0
    if share > LARGEST_FRACTION:
        raise HybridmapError(
            f"{judge.origin(field)}: half of the topsoil has more than {share:.2g} times its organic carbon (column"
            f" '{judge.columns[OC].column}'); one of the two has another unit. {TRUST}"
        )


def _warn_of_two_units(judge: _Judge) -> None:
    """Say if the bulk density of the rows with little carbon is that of soils with ten times as much."""
    rows = judge.pairs(OC, BD)
    is_low = rows[OC] < rows[OC].median() / 5.0 if len(rows) else pd.Series(dtype=bool)
    richer = rows[~is_low]
    if is_low.mean() <= 0.1 or richer[OC].nunique() < FEWEST_SHARES:
        return
    line = np.polyfit(np.sqrt(richer[OC]), richer[BD], 1)
    as_read, as_percent = (
        float((rows[BD] - np.polyval(line, np.sqrt(factor * rows[OC])))[is_low].median()) for factor in (1.0, 10.0)
    )
    if as_read < -LIGHTER and abs(as_percent) < abs(as_read):
        LOG.warning(
            "%s: %d of %d rows have less than a fifth of the others, and the bulk density of soils with ten times as"
            " much; are there two units (percent and g/kg)?",
            judge.origin(OC), is_low.sum(), len(rows),
        )  # fmt: skip


def _check_depth(judge: _Judge) -> None:
    limits = judge.table[np.isfinite(judge.table["top_cm"]) & np.isfinite(judge.table["bottom_cm"])]
    bottoms, signed = limits["bottom_cm"], limits["bottom_cm"] - limits["top_cm"]
    if len(limits) >= FEWEST_SHARES and ((signed <= 0) | (bottoms <= 0)).all():
        raise HybridmapError(
            f"{judge.origin('bottom_cm')}: every layer ends above its top or above the surface, as from"
            f" {limits['top_cm'].iloc[0]:g} to {bottoms.iloc[0]:g} cm; depths count downwards from 0: exchange 'top_cm'"
            " and 'bottom_cm', or correct the table."
        )
    thickness = signed.abs().median()
    is_thin = bottoms.quantile(0.9) <= 3.0 or thickness < THICKNESS_CM[0]
    if len(bottoms) >= FEWEST and (is_thin or bottoms.median() > 1000.0 or thickness > THICKNESS_CM[1]):
        unit = "m, not cm" if is_thin else "mm, not cm"
        raise HybridmapError(
            f"{judge.origin('bottom_cm')}: half of the layers end at {bottoms.median():.4g} cm and are"
            f" {thickness:.3g} cm thick; the column looks like {unit}. {TRUST}"
        )
