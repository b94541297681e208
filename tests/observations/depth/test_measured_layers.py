"""Every measured layer as an observation: replicates, overlaps, and what lies outside."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.config import MeasuredLayers
from hybridmap.errors import HybridmapError
from hybridmap.observations.depth.measured_layers import layers_as_rows, overlaps
from hybridmap.observations.quality.drop_counts import DropCounts

SOC = "soc_density_kg_m3"


def table(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["site_id", "top_cm", "bottom_cm", SOC])
    return frame.assign(source="survey", source_row=np.arange(2, len(frame) + 2))


def test_layers_get_a_name_and_keep_their_profile() -> None:
    rows = layers_as_rows(table(("a", 0, 10, 9.0), ("a", 10, 30, 5.0)), MeasuredLayers(), [SOC], DropCounts("build"))
    assert rows["site_id"].tolist() == ["a 0-10 cm", "a 10-30 cm"]
    assert rows["profile_id"].tolist() == ["a", "a"]


def test_a_layer_counts_where_its_middle_lies_and_keeps_its_depth() -> None:
    layers = table(("a", 80, 110, 9.0), ("a", 110, 140, 5.0), ("a", 0, 12, 5.0))
    drops = DropCounts("build")
    rows = layers_as_rows(layers, MeasuredLayers(top_cm=10, bottom_cm=100), [SOC], drops)
    assert rows["bottom_cm"].tolist() == [110]
    counted = drops.table()
    assert int(counted.loc[counted["rule"] == "interval", "dropped"].sum()) == 2


def test_a_layer_of_which_nothing_is_known_is_dropped() -> None:
    rows = layers_as_rows(table(("a", 0, 10, np.nan), ("a", 5, 20, 4.0)), MeasuredLayers(), [SOC], DropCounts("b"))
    assert rows["site_id"].tolist() == ["a 5-20 cm"]


def test_layers_that_overlap_are_refused_with_their_rows_or_dropped() -> None:
    layers = table(("a", 0, 10, 9.0), ("a", 5, 20, 5.0), ("a", 20, 40, 3.0), ("b", 0, 20, 2.0))
    with pytest.raises(HybridmapError, match=r"survey: .*profile 'a' overlap: 0-10 cm in row 2 and 5-20 cm in row 3"):
        layers_as_rows(layers, MeasuredLayers(), [SOC], DropCounts("build"))
    rows = layers_as_rows(layers, MeasuredLayers(overlaps="drop"), [SOC], DropCounts("build"))
    assert rows["site_id"].tolist() == ["a 20-40 cm", "b 0-20 cm"]


def test_layers_of_different_quantities_may_overlap() -> None:
    layers = table(("a", 0, 10, 9.0), ("a", 10, 20, 5.0)).assign(poc=np.nan)
    whole = table(("a", 0, 20, np.nan)).assign(poc=3.0)
    rows = layers_as_rows(pd.concat([layers, whole]), MeasuredLayers(), [SOC, "poc"], DropCounts("build"))
    assert sorted(rows["site_id"]) == ["a 0-10 cm", "a 0-20 cm", "a 10-20 cm"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 10)), min_size=1, max_size=12))
def test_overlaps_are_those_of_every_pair(rows: list[tuple[str, int, int]]) -> None:
    frame = pd.DataFrame([(s, top, top + thick) for s, top, thick in rows], columns=["site_id", "top_cm", "bottom_cm"])
    expected = []
    for i, a in frame.iterrows():
        others = frame[(frame["site_id"] == a["site_id"]) & (frame.index != i)]
        is_other = (others["top_cm"] != a["top_cm"]) | (others["bottom_cm"] != a["bottom_cm"])
        shared = others["bottom_cm"].clip(upper=a["bottom_cm"]) - others["top_cm"].clip(lower=a["top_cm"])
        expected.append(bool((is_other & (shared > 0)).any()))
    assert overlaps(frame, frame["top_cm"] >= 0).tolist() == expected
