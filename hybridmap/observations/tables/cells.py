"""Columns of soil tables into numbers, years and text: parsed as a whole, before anything is computed."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Column
from hybridmap.errors import HybridmapError
from hybridmap.observations.tables import depth_words
from hybridmap.observations.tables.missing_codes import (
    UNDECIDED,
    equal_numbers,
    missing_numbers,
    missing_words,
    plain_text,
)
from hybridmap.observations.tables.number_signs import (
    NUMBER,
    AmbiguousNumberError,
    Context,
    NumberSigns,
    are_plain,
    parse,
)
from hybridmap.observations.tables.years import years
from hybridmap.observations.units import largest, relative_worth

LOG = logging.getLogger("hybridmap")
BELOW_LOD = {"half": 0.5, "zero": 0.0, "keep_flag": 1.0, "drop": float("nan")}
"""What a value below the detection limit becomes, as a share of the limit."""
BELOW = r"[<≤]\s*=?\s*"
UNSTATED = "<LOD"
UNIT_BEHIND = r"(?<=[\d.,])\s*((?:%|‰|[A-Za-zµ]).*)$"
BRACES = r"\{[-\d.:,;eE+\s]+\}"
"""Repeated measurements of one sample, by their number."""
NEVER_BELOW_A_LIMIT = ("angle", "depth", "density", "acidity")
"""Quantities of which no trace is too small to be seen: half of ``<20`` would be another place or depth."""


UNSAID = NumberSigns()


@dataclass(frozen=True)
class CellRules:
    """How the cells of a source are written; a column may say more.

    Attributes
    ----------
    signs : NumberSigns
        Decimal and thousands signs of text.
    missing, not_detected : sequence
        What means "not measured" and "below the detection limit".
    below_lod : str
        Key of :data:`BELOW_LOD`.
    comma_is_quoted : bool
        Whether a comma separates the cells of the file.
    numbers_are_stored : bool
        Whether the file is a workbook, whose numbers have a decimal point whatever its texts have.
    """

    signs: NumberSigns = UNSAID
    missing: tuple[str | float, ...] = ()
    not_detected: tuple[str, ...] = ()
    below_lod: str = "half"
    comma_is_quoted: bool = False
    numbers_are_stored: bool = False

    def of(self, column: Column) -> CellRules:
        """The rules with what a column says."""
        column_signs = {
            name: getattr(column, name) for name in ("decimal", "thousands") if getattr(column, name) is not None
        }
        clash = column_signs.get("decimal", self.signs.decimal) == column_signs.get("thousands", self.signs.thousands)
        inherited = NumberSigns() if column_signs and clash else self.signs
        return replace(
            self,
            signs=inherited._replace(**column_signs),
            missing=(*self.missing, *column.missing),
            not_detected=(*self.not_detected, *column.not_detected),
        )


PLAIN = CellRules()


def text(rows: pd.DataFrame, column: Column, rules: CellRules = PLAIN) -> pd.Series:
    """Text of a column, "" where missing, joined by "|" with the columns under ``also``.

    Parameters
    ----------
    rows : DataFrame
        Cells as the table has them.
    column : Column
        Which column, and what it says of its cells.
    rules : CellRules
        How the cells of the table are written.

    Returns
    -------
    Series of str

    Examples
    --------
    >>> import pandas as pd
    >>> from hybridmap.config import Column
    >>> table = pd.DataFrame({"plot": [" A1 ", "n.d."], "year": [2009, 2018]})
    >>> text(table, Column(column="plot", also=["year"])).tolist()
    ['A1|2009', '|2018']
    """
    if column.value is not None:
        return pd.Series(str(column.value), index=rows.index)
    codes = rules.of(column).missing
    words = _clean(rows[str(column.column)], codes)
    for name in column.otherwise:
        words = words.where(words != "", _clean(rows[name], codes))
    joined = words
    for name in column.also:
        joined = joined + "|" + _clean(rows[name], codes)
    return joined.where(words == "", column.prefix + joined) if column.prefix else joined


def year(rows: pd.DataFrame, column: Column, origin: str = "the table", rules: CellRules = PLAIN) -> pd.Series:
    """Year of a year or a date; NaN where it says none, HybridmapError where it cannot be one.

    Parameters
    ----------
    rows : DataFrame
        Cells as the table has them.
    column : Column
        Which column, and what it says of its cells.
    origin : str
        Table and column, for errors.
    rules : CellRules
        How the cells of the table are written.

    Returns
    -------
    Series of float

    Examples
    --------
    >>> import pandas as pd
    >>> from hybridmap.config import Column
    >>> year(pd.DataFrame({"date": ["2009", "06/07/98", "n.d."]}), Column(column="date")).tolist()
    [2009.0, 1998.0, nan]
    """
    if column.value is not None:
        word = column.value if isinstance(column.value, str) else f"{column.value:g}"
        constant = years(pd.Series([word]), f"{origin} ('value')")
        return pd.Series(float(constant.iloc[0]), index=rows.index)
    return years(_clean(rows[str(column.column)], rules.of(column).missing), origin)


@dataclass(frozen=True)
class Numbers:
    """Numbers of a column, in the unit of the table.

    Attributes
    ----------
    values : Series of float, shape (row,)
        NaN where missing.
    below_limit : array of bool, shape (row,)
        Values that stand for "below the detection limit".
    """

    values: pd.Series
    below_limit: NDArray[np.bool_]


def number(rows: pd.DataFrame, column: Column, origin: str, rules: CellRules = PLAIN, quantity: str = "") -> Numbers:
    """Numbers of a column in the table's unit, and which of them stand for "below the detection limit".

    Text such as ``<LOD`` or ``< 0.2`` becomes a share of the limit: by default half, so that the poorest soils stay
    among the rows; so does noise around zero. A list in braces, ``{1:12.3,2:12.9}``, becomes its mean.

    Parameters
    ----------
    rows : DataFrame
        Cells of the table, indexed by the row in the file.
    column : Column
        Which columns, and the detection limit.
    origin : str
        File and column, for the error.
    rules : CellRules
        How the cells are written.
    quantity : str
        Key of :data:`~hybridmap.observations.units.UNITS`, where it is known.

    Returns
    -------
    Numbers

    Raises
    ------
    HybridmapError
        For a cell that is neither a number nor a known mark, that means two things, or is ``<LOD`` where the region
        file gives no ``detection_limit``.

    Examples
    --------
    >>> import pandas as pd
    >>> from hybridmap.config import Column
    >>> table = pd.DataFrame({"oc": ["12.5", "12,5", "<LOD", "< 0.4", "{1:10.0,2:11.0}", "NA"]})
    >>> carbon = number(table, Column(column="oc", detection_limit=2.0), "t.csv: column 'oc'")
    >>> carbon.values.tolist()
    [12.5, 12.5, 1.0, 0.2, 10.5, nan]
    >>> carbon.below_limit.tolist()
    [False, False, True, True, False, False]
    """
    if column.value is not None:
        return Numbers(pd.Series(_constant(column.value, origin), index=rows.index), np.zeros(len(rows), bool))
    share = BELOW_LOD[rules.below_lod]
    reader = _NumberReader(column, rules.of(column), share, quantity)
    numbers = reader.read(rows[str(column.column)], origin)
    values, below = numbers.values, numbers.below_limit
    for name in column.otherwise:
        substitutes = reader.read(rows[name], f"{origin} (otherwise '{name}')")
        empty = values.isna().to_numpy() & ~below
        values, below = values.mask(empty, substitutes.values), np.where(empty, substitutes.below_limit, below)
    if column.minus is not None:
        subtrahend = reader.read(rows[column.minus], f"{origin} (minus '{column.minus}')").values
        # A correction (with a factor) is none where not measured, a plain difference needs both.
        values = values - column.minus_factor * (subtrahend if column.minus_factor == 1.0 else subtrahend.fillna(0.0))
    if column.detection_limit is not None:
        # Further below zero it is no noise: it stays, and is judged.
        low = ((values <= 0) & (values >= -column.detection_limit)).to_numpy() & ~below
        if column.minus is None:
            _check_noise(values[low & (values < 0)], origin)
        values, below = values.mask(low, column.detection_limit * share), below | low
    return Numbers(values, below)


def _constant(value: float | str, origin: str) -> float:
    """The number that stands for a column."""
    try:
        return float(value)
    except ValueError:
        raise HybridmapError(f"{origin}: the value '{value}' is no number; give one, or a column.") from None


def _check_noise(values: pd.Series, origin: str) -> None:
    """Raise HybridmapError if the values below zero are one whole number, as codes are and noise is not."""
    if len(values) > 1 and values.nunique() == 1 and float(values.iloc[0]).is_integer():
        raise HybridmapError(
            f"{origin}: row {values.index[0]} holds {values.iloc[0]:g}, as {len(values)} rows do and no other value"
            " below 0: a code, or below the detection limit? name it under 'missing' or 'not_detected'."
        )


def _clean(cells: pd.Series, codes: tuple[str | float, ...] = ()) -> pd.Series:
    """Text of cells, "" where a code says that the value is missing."""
    words = plain_text(cells)
    return words.mask(missing_words(words, codes), "").astype(object)


@dataclass(frozen=True)
class _NumberReader:
    """Reads one column into numbers.

    Attributes
    ----------
    column : Column
        Unit, detection limit, range.
    rules : CellRules
        How its cells are written.
    share : float
        What a value below the detection limit becomes, as a share of the limit.
    quantity : str
        Key of the units, "" if not known.
    """

    column: Column
    rules: CellRules
    share: float
    quantity: str

    def read(self, cells: pd.Series, origin: str) -> Numbers:
        """Numbers of the cells; a code is missing whatever the type."""
        if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
            return self._typed(pd.Series(cells.to_numpy(float, na_value=np.nan), index=cells.index), origin)
        spellings = plain_text(cells)
        if self._are_plain(spellings):  # the rest could change nothing
            return self._typed(pd.to_numeric(spellings, errors="coerce").astype(float), origin)
        words, scale = self._without_unit(self._words(spellings, origin), origin)
        below = words.str.match(BELOW).to_numpy(dtype=bool) & (self.quantity not in NEVER_BELOW_A_LIMIT)
        values = self._parse(words.mask(below, words.str.replace(BELOW, "", regex=True)), below, origin) * scale
        coded = missing_numbers(values, self.rules.missing)
        limits = self._limits(values[below], origin) * self.share
        values[below] = limits
        return Numbers(values.mask(coded & ~below), below)

    def _typed(self, values: pd.Series, origin: str) -> Numbers:
        coded = missing_numbers(values, self.rules.missing)
        below = equal_numbers(values, self.rules.not_detected) & ~coded
        values = values.mask(coded | below)
        values[below] = self._limits(values[below], origin) * self.share
        return Numbers(values, below)

    def _are_plain(self, spellings: pd.Series) -> bool:
        """Whether every cell that is filled is a number as computers write it."""
        is_open = self.column.pick is None and not self.rules.not_detected
        return is_open and are_plain(spellings[spellings != ""], self.rules.signs)

    def _words(self, words: pd.Series, origin: str) -> pd.Series:
        """Cells as words: "" where missing, ``<LOD`` where not detected."""
        decided = frozenset(word.strip().lower() for word in self.rules.not_detected)
        of_user = frozenset(str(code).strip().lower() for code in self.rules.missing)
        lower = words.str.lower()
        if self.column.detection_limit is not None:
            undecided = lower.isin(UNDECIDED - decided - of_user)
            if undecided.any():
                raise HybridmapError(
                    f"{origin}: row {words.index[undecided][0]} holds '{words[undecided].iloc[0]}', which means 'not"
                    " detected' or 'not determined'; name it under 'not_detected' or under 'missing'."
                )
        words = words.mask(missing_words(words, self.rules.missing, decided), "")
        words = words.mask(lower.isin(decided - of_user), UNSTATED)
        if self.column.pick is not None:
            words = depth_words.limits(words, self.column.pick, self.column.unit, origin)
        return words

    def _without_unit(self, words: pd.Series, origin: str) -> tuple[pd.Series, pd.Series]:
        """Words without a unit behind their number, and what that is worth in the unit of the column."""
        scale = pd.Series(1.0, index=words.index)
        behind = words.str.extract(UNIT_BEHIND, expand=False)
        behind = behind[behind.notna() & ~words.str.fullmatch(NUMBER)]
        worth = behind.map(lambda unit: relative_worth(unit, self.column.unit, self.quantity)).astype(float).dropna()
        if worth.empty:
            return words, scale
        if (worth != 1.0).any():
            row = worth.index[worth != 1.0][0]
            count = int((worth != 1.0).sum())
            LOG.warning("%s: %d cells name another unit, as '%s' in row %s; converted", origin, count, words[row], row)
        scale[worth.index], words = worth, words.copy()
        words[worth.index] = words[worth.index].str.replace(UNIT_BEHIND, "", regex=True)
        return words, scale

    def _parse(self, words: pd.Series, below: NDArray[np.bool_], origin: str) -> pd.Series:
        braces = words.str.fullmatch(BRACES).to_numpy(dtype=bool)
        if braces.any():
            words = words.mask(braces, words[braces].map(_mean_of_braces))
        filled = words[(words != "") & ~(below & ~words.str.contains(r"\d"))]
        most = largest(self.quantity, self.column.unit)
        context = Context(self.rules.comma_is_quoted, most, self.rules.numbers_are_stored)
        try:
            values = parse(filled, self.rules.signs, context).reindex(words.index)
        except AmbiguousNumberError as error:
            row = filled.index[filled == error.word][0]
            raise HybridmapError(
                f"{origin}: row {row} holds '{error.word}', and nothing in the column tells its decimal sign from one"
                " between thousands; set 'decimal' or 'thousands'."
            ) from None
        wrong = values[filled.index].isna()
        if wrong.any():
            raise self._no_number(filled[wrong], words, origin)
        return values

    def _no_number(self, wrong: pd.Series, words: pd.Series, origin: str) -> HybridmapError:
        row, word = wrong.index[0], str(wrong.iloc[0])
        quoted = word if word.isascii() or word.isprintable() else word.encode("unicode_escape").decode()
        quoted = quoted if len(quoted) <= 60 else quoted[:60] + "…"
        expected = "a number of decimal degrees" if self.quantity == "angle" else "a number"
        advice = "correct the table, name the word under 'missing', or drop the rows with 'exclude'"
        if row == words.index[0] and len(wrong) < len(words) and not re.search(r"\d", word):
            advice += "; a second line of names or units is left out with 'skip_rows'"
        if re.fullmatch(r"[-+]?\d{1,3}(?:[ '\u00a0\u202f]\d{3})+.*", word):
            advice = "name the sign under 'thousands', or correct the table"
        elif depth_words.DATE.fullmatch(word):
            advice = "it looks like a date that a spreadsheet made of it: correct the table"
        return HybridmapError(
            f"{origin}: row {row} holds '{quoted}', expected {expected} ({len(wrong)} such rows in all); {advice}."
        )

    def _limits(self, limits: pd.Series, origin: str) -> pd.Series:
        """Detection limits: those that the cells state, else that of the column."""
        unstated = limits.isna()
        if unstated.any() and self.column.detection_limit is None:
            raise HybridmapError(
                f"{origin}: row {limits.index[unstated][0]} is below a detection limit that the table does not state;"
                " add 'detection_limit' (in the unit of the column) to the region file."
            )
        return limits if self.column.detection_limit is None else limits.fillna(self.column.detection_limit)


def _mean_of_braces(cell: str) -> str:
    """Mean of a list of repeated measurements, ``{1:12.3,2:12.9}``; the cell itself if it is none."""
    try:
        return str(np.mean([float(entry.rpartition(":")[2]) for entry in cell.strip("{}").split(",")]))
    except ValueError:
        return cell
