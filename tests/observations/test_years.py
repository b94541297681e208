"""Years of dates: what spreadsheets show of an empty cell is none."""

import pandas as pd
import pytest

from hybridmap.errors import HybridmapError
from hybridmap.observations.tables.years import years


@pytest.mark.parametrize("word", ["1900-01-00", "1/0/1900", "00/01/1900", "1899-12-30T00:00:00", "31.12.1899"])
def test_day_zero_of_a_spreadsheet_is_refused_with_its_row(word: str) -> None:
    with pytest.raises(HybridmapError, match=r"t\.csv: row 1 holds .* spreadsheets show of a cell that holds 0"):
        years(pd.Series(["2009", word]), "t.csv")


def test_days_that_are_not_known_leave_the_year() -> None:
    assert years(pd.Series(["1998-05-00", "1900-01-05", "1.1.1900"]), "t.csv").tolist() == [1998.0, 1900.0, 1900.0]
