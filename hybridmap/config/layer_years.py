"""Years of a layer that changes with time, as a region file may write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from hybridmap.config.section import check_file

if TYPE_CHECKING:
    from hybridmap.config.layers import Raster

FIRST_YEAR, LAST_YEAR = 1000, 3000
"""What a year is; other whole numbers are something else."""
PLACEHOLDER = re.compile(r"(?<!\$)\{year\}")
"""Where the year stands in a path; ``${year}`` is a variable."""
RULES = {"year_match": "nearest", "max_years_apart": 10, "undated": "drop"}
"""How a site takes a year of a layer, unless the layer says otherwise."""
OWN_NAMES = ("year", "is_known", "x", "y")
"""Names that mean something else beside the values of such a layer."""
EXPECTED = "expected years as [2006, 2012], 2000-2020 or {2006: file or band}"
RANGE = re.compile(r"(\d{4})\s*(?:-|–|to)\s*(\d{4})")


def read_years(value: Any) -> list[int] | dict[int, str | int] | None:
    """Years in order, or year → file or band.

    Raises
    ------
    ValueError
        If they are none, or stand twice.

    Examples
    --------
    >>> read_years([2012, "2000-2002"]), read_years({2012: "b.tif", 2006: "a.tif"})
    ([2000, 2001, 2002, 2012], {2006: 'a.tif', 2012: 'b.tif'})
    """
    if value is None:
        return None
    years = [year for entry in (value if isinstance(value, list | Mapping) else [value]) for year in _years_in(entry)]
    if not years:
        raise ValueError(f"is empty; {EXPECTED}, or leave it out")
    if repeated := sorted({year for year in years if years.count(year) > 1}):
        raise ValueError(f"{repeated[0]} stands twice; name each year once")
    if isinstance(value, Mapping):
        return {year: _source(year, source) for year, source in sorted(zip(years, value.values(), strict=True))}
    return sorted(years)


def _years_in(entry: Any) -> Iterator[int]:
    """A year, or the years of a span."""
    span = RANGE.fullmatch(str(entry).strip())
    first, last = (span[1], span[2]) if span else (entry, entry)
    if isinstance(entry, bool | float) or not (str(first).isdecimal() and str(last).isdecimal()):
        raise ValueError(f"{entry!r} is no year; {EXPECTED}")
    low, high = int(first), int(last)
    if not FIRST_YEAR <= low <= high <= LAST_YEAR:
        reason = "runs backwards" if FIRST_YEAR <= high < low else f"lies outside {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(f"{entry} {reason}; {EXPECTED}")
    return iter(range(low, high + 1))


def _source(year: int, source: Any) -> str | int:
    """File or band of a year."""
    if isinstance(source, bool) or not isinstance(source, str | int) or source == "":
        raise ValueError(f"{year} is {source!r}; expected the file of the year, or its band")
    if isinstance(source, int) and source < 1:
        raise ValueError(f"{year} is band {source}; bands are counted from 1")
    return check_file(source) if isinstance(source, str) else source


_YEAR = {"type": "integer", "minimum": FIRST_YEAR, "maximum": LAST_YEAR}
_SPAN = {"type": "string"}
_SOURCE = {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]}
Years = Annotated[
    list[int] | dict[int, str | int] | None,
    BeforeValidator(read_years),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"anyOf": [_YEAR, _SPAN]}},
                {"type": "object", "additionalProperties": _SOURCE},
                _SPAN,
                {"type": "null"},
            ]
        }
    ),
]
"""Years in order, or year → file or band; None where a layer is of no year."""


def fault_of_years(layer: Raster) -> str:
    """What the years of a layer contradict in it, in words; "" where nothing is wrong."""
    sources = list(layer.years.values()) if isinstance(layer.years, dict) else []
    has_files, has_bands = (any(isinstance(source, kind) for source in sources) for kind in (str, int))
    is_dated, has_place = layer.years is not None, PLACEHOLDER.search(layer.path) is not None
    reads_axis = layer.year is not None or (is_dated and not sources and not has_place)
    has_rules = any(getattr(layer, key) != value for key, value in RULES.items())
    faults = {
        f"a layer with years cannot be called '{layer.name}'; rename it": is_dated and layer.name in OWN_NAMES,
        "a derived layer has no years": layer.derive is not None and (is_dated or layer.year is not None),
        "has both 'year' and 'years'; give one": is_dated and layer.year is not None,
        "path has {year}; add 'years', as [2006, 2012]": has_place and (not is_dated or has_bands),
        f"{', '.join(RULES)} are keys of a layer with 'years'": has_rules and not is_dated,
        "years are files here and bands there; give one kind": has_files and has_bands,
        "years names the files; leave out 'path'": has_files and layer.path != "",
        "years needs the 'path' of the file": is_dated and not has_files and layer.path == "" and layer.derive is None,
        "the year decides the band; leave out 'band', 'bands' and 'months', or give a file a year": (
            (reads_axis or has_bands) and (layer.band != 1 or layer.of_bands is not None)
        ),
        f"undated {layer.undated} is none of the years {list(layer.years or [])}": (
            is_dated and isinstance(layer.undated, int) and layer.undated not in layer.year_list
        ),
    }
    return next((fault for fault, applies in faults.items() if applies), "")
