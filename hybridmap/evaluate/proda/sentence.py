"""The comparison in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hybridmap.evaluate.proda.peers import HYBRID, PRODA


def sentence_of(
    counted: Mapping[str, int],
    cost: Mapping[str, float],
    bias: pd.DataFrame,
    scores: pd.DataFrame,
    agreement: pd.DataFrame,
) -> str:
    """Eligible sites, skill, the paired test, components and cost of the first quantity.

    Parameters
    ----------
    counted, cost : mapping
        Of :func:`~hybridmap.evaluate.proda.findings.eligibility` and ``costs``.
    bias, scores, agreement : DataFrame
        Tables of one quantity.

    Returns
    -------
    str
    """
    everywhere = scores[(scores["stratum"] == "all") & (scores["score"] == "pearson")].set_index("rung")["value"]
    paired = bias[(bias["by"] == "all") & (bias["experiment"] == HYBRID)].iloc[0]
    components = agreement[agreement["kind"] == "component"]["r"].dropna()
    words = (
        f"{counted['eligible']} of {counted['sites']} sites are eligible ({counted['not_converged']} did not converge,"
        f" {counted['no_fit']} are not fitted); r {everywhere.get(HYBRID, np.nan):.2f} of the hybrid and"
        f" {everywhere.get(PRODA, np.nan):.2f} of PRODA; {_of_errors(paired)}"
    )
    if len(components):
        words += f"; components correlate with {components.mean():.2f} on average"
    return f"{words}; PRODA took {cost['ratio_one_model']:.1f} times the seconds of the hybrid"


def _of_errors(paired: pd.Series) -> str:
    low, high = paired["mae_difference_low"], paired["mae_difference_high"]
    if not np.isfinite(low):
        return "absolute errors are not compared, there are too few blocks"
    size = f"{paired['mae_difference']:.2f} {paired['unit']} ({low:.2f} to {high:.2f})"
    if low <= 0 <= high:
        return f"absolute errors do not differ, {size}"
    return f"absolute errors of the hybrid are {'smaller' if high < 0 else 'larger'}, {size}"
