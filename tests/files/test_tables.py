"""Tables on disk: texts of strangers stay texts in a spreadsheet, and numbers stay as they are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hybridmap.files.tables import without_formulas, write_csv


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_a_text_that_begins_as_a_formula_gets_an_apostrophe(text: str, kind: str) -> None:
    table = pd.DataFrame({"polygon": pd.Series([text, "Brno"], dtype=kind), "stock": [-1.5, 2.0]})
    assert without_formulas(table)["polygon"].tolist() == [f"'{text}", "Brno"]
    assert table["polygon"].tolist() == [text, "Brno"]  # the table itself is left alone


def test_numbers_and_missing_values_are_not_touched(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", None, "-9999", "+1.5"], "x": [-1.0, np.nan, 2.0, 3.0], "n": [-1, 2, 3, 4]})
    write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "name,x,n\na,-1.0,-1\n,,2\n-9999,2.0,3\n+1.5,3.0,4\n"
