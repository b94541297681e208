"""One layer that two sources report: the same place, depth and year, and values that agree."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from hybridmap.observations.places import same_places
from hybridmap.observations.schema import SCHEMA, Schema

AGREEMENT = 0.01
"""Values that differ by a smaller share are the same, rounded."""
DENSITIES = ["bd_fine_g_cm3", "bd_fine_whole_g_cm3"]
FURTHER = ["cf_vol", "clay_pct"]
"""Count as measured, but may differ between two reports of one layer."""


def poorer_duplicates(layers: pd.DataFrame, schema: Schema = SCHEMA) -> pd.Series:
    """Rows that another source has too and measured as much or more of: the first of equals stays.

    Soils that differ in a value that both sources measured are different soils at one place, and a year that is not
    known is no equal year.

    Parameters
    ----------
    layers : DataFrame
        Layers of all sources, with coordinates.
    schema : Schema
        With the quantities that are compared.

    Returns
    -------
    Series of bool, shape (layer,)
    """
    is_poorer = pd.Series(False, index=layers.index)
    candidates = layers[layers["year"].notna() & layers["lon"].notna() & layers["lat"].notna()]
    if candidates.empty or candidates["source"].nunique() == 1:
        return is_poorer
    place = same_places(candidates["lon"], candidates["lat"])
    group = candidates.groupby([place, candidates["top_cm"], candidates["bottom_cm"], candidates["year"]]).ngroup()
    has_several = candidates["source"].groupby(group).transform("nunique") > 1
    shared, compared = candidates[has_several], [*schema.measured, *DENSITIES]
    values, richness = shared[compared].to_numpy(float), shared[[*compared, *FURTHER]].notna().sum(axis=1).to_numpy()
    source, drop = shared["source"].to_numpy(), np.zeros(len(shared), bool)
    for positions in shared.reset_index().groupby(group[has_several].to_numpy()).indices.values():
        for first, second in combinations(positions, 2):
            if source[first] != source[second] and not (drop[first] or drop[second]):
                poorer = second if richness[first] >= richness[second] else first
                drop[poorer] = _agree(values[first], values[second])
    is_poorer[shared.index] = drop
    return is_poorer


def _agree(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two layers have a measured quantity in common, and agree in all of these."""
    is_common = np.isfinite(first) & np.isfinite(second)
    first, second = first[is_common], second[is_common]
    tolerance = AGREEMENT * np.maximum(np.abs(first), np.abs(second))
    return bool(is_common.any() and (np.abs(first - second) <= tolerance).all())
