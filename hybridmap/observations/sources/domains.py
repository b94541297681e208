"""What a quantity can be at all: judged before anything is computed from it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hybridmap.observations.density import ROCK_DENSITY
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import SCHEMA, Schema
from hybridmap.observations.tables.missing_codes import only_nines

THICKEST_CM = 500.0
"""A layer that is thicker and ends at nines alone (999) has a code for "unknown" there."""
TEXTURE = ("clay_pct", "silt_pct", "sand_pct")
CONTENTS = {
    "oc_g_kg": "organic carbon",
    "tc_g_kg": "total carbon",
    "ic_g_kg": "inorganic carbon",
    "poc_g_kg": "particulate carbon",
    "moc_g_kg": "mineral-associated carbon",
    "mbc_g_kg": "microbial carbon",
}
Domain = tuple[float, float, str]
"""Least, most, and the rule in words."""
DOMAINS: dict[str, Domain] = {
    **{field: (0.0, 1000.0, f"{words} outside 0 to 1000 g/kg") for field, words in CONTENTS.items()},
    "ph": (0.0, 14.0, "pH outside 0 to 14"),
    **dict.fromkeys(
        ("bd_fine_g_cm3", "bd_whole_g_cm3", "bd_fine_whole_g_cm3"),
        (1e-3, ROCK_DENSITY, f"bulk density outside 0 to {ROCK_DENSITY:g} g/cm3, that of rock"),
    ),
    **dict.fromkeys(("cf_vol", "cf_mass"), (0.0, 1.0, "coarse fragments outside 0 to 1")),
    **dict.fromkeys(("poc_share", "moc_share"), (0.0, 1.0, "share of organic carbon outside 0 to 1")),
    **dict.fromkeys(TEXTURE, (0.0, 100.0, "texture outside 0 to 100 %")),
    **dict.fromkeys(
        ("soc_density_kg_m3", "soc_stock_kg_m2", "poc_kg_m3", "moc_kg_m3", "mbc_kg_m3"),
        (0.0, 1e4, "carbon stock or density below 0"),
    ),
}
"""Of each field."""


def judge_domains(layers: pd.DataFrame, drops: DropCounts, schema: Schema = SCHEMA) -> pd.DataFrame:
    """Make values missing that the quantity of their field cannot have, and count them.

    Parameters
    ----------
    layers : DataFrame
        Layers in the units of the schema, with all mapped fields.
    drops : DropCounts
        Counts the values.
    schema : Schema
        With the quantities of the region, whose contents are judged too.

    Returns
    -------
    DataFrame
        Of sand, silt and clay, all go where one is impossible, because they sum to the whole.
    """
    texture = [field for field in TEXTURE if field in layers]
    is_texture_wrong = pd.Series(False, index=layers.index)
    for field in texture:
        is_texture_wrong |= _outside(layers[field], DOMAINS[field])
    contents = {field: (0.0, 1000.0, f"{q.title} outside 0 to 1000 g/kg") for field, q in schema.densities.items()}
    for field, domain in {**contents, **DOMAINS}.items():
        reason = domain[2]
        if field in layers:
            broken = is_texture_wrong if field in texture else _outside(layers[field], domain)
            if (broken & layers[field].notna()).any():
                layers = drops.drop_values(layers, broken, [field], "domain", f"{reason} ({field})")
    thickness = layers["bottom_cm"] - layers["top_cm"]
    is_endless = (thickness > THICKEST_CM) & (thickness < np.inf)
    is_endless[is_endless] = only_nines(layers.loc[is_endless, "bottom_cm"].to_numpy(float))
    reason = f"layer thicker than {THICKEST_CM:g} cm that ends at nines, a code for 'unknown' (bottom_cm)"
    return drops.drop_values(layers, is_endless, ["bottom_cm"], "domain", reason)


def _outside(values: pd.Series, domain: Domain) -> pd.Series:
    least, most, _ = domain
    return values.notna() & ~values.between(least, most)
