"""Whether a straight line explains the truth of a synthetic region."""

import numpy as np
import pandas as pd
import pytest

from hybridmap.report.linear_share import linear_share


def test_a_line_is_explained_and_a_square_is_not() -> None:
    covariate = np.linspace(-1.0, 1.0, 400).reshape(20, 20)
    row, col = (values.ravel() for values in np.indices(covariate.shape))
    samples = pd.DataFrame({"row": row, "col": col, "covariate.a": covariate[row, col], "covariate.flat": 1.0})
    assert linear_share(3.0 + 2.0 * covariate, samples) == pytest.approx(1.0, abs=1e-9)
    assert linear_share(covariate**2, samples) == pytest.approx(0.0, abs=1e-9)
    unknown = np.where(covariate > 0, np.nan, 3.0 + 2.0 * covariate)
    assert linear_share(unknown, samples) == pytest.approx(1.0, abs=1e-9)
