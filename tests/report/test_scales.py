"""One range of colours for a quantity, in the styles of its rasters and in the report."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from map_stores import europe, holed, store_of

from hybridmap.export.cog import write_cogs
from hybridmap.predict.colour_range import observed_limits, rounded
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal
from hybridmap.quantities import QUANTITIES
from hybridmap.report.scales import scales_of


def soc(role: str = "") -> MapLayer:
    portrayal = Portrayal("interval" if role else "quantity", "SOC", "YlOrBr", subject="soc", role=role)  # type: ignore[arg-type]
    return MapLayer("kg m-3", "soil organic carbon density", portrayal=portrayal)


def legend_ends(path: Path) -> tuple[float, float]:
    shader = next(ET.fromstring(path.read_text().partition("\n")[2]).iter("colorrampshader"))
    return float(shader.attrib["minimumValue"]), float(shader.attrib["maximumValue"])


def test_report_and_qgis_have_one_range_for_a_quantity_and_its_interval(tmp_path: Path) -> None:
    pd.DataFrame({"soc_density_kg_m3": np.linspace(1, 47, 101)}).to_parquet(tmp_path / "samples.parquet")
    observed = observed_limits(tmp_path / "samples.parquet", [QUANTITIES["soc"]])
    lists, values = {}, holed(64, 64)
    for name, shift in {"low": -20.0, "high": 30.0}.items():
        (tmp_path / name).mkdir()
        of_soc = {"soc": (soc(), values + shift), "soc_lower": (soc("lower"), values - 8 + shift),
                  "soc_upper": (soc("upper"), values + 9 + shift)}  # fmt: skip
        q10 = MapLayer("1", "q10", portrayal=Portrayal("parameter", "q10"))
        store = store_of(tmp_path / name, europe(64, 64), 64, **of_soc, q10=(q10, values / 20 + shift / 50))
        write_cogs(store, tmp_path / name / "maps", tmp_path / name / "maps.json", observed=observed)
        lists[name] = json.loads((tmp_path / name / "maps.json").read_text())
    results: Any = SimpleNamespace(mapped=list(lists), map_list=lambda name: lists[name])
    scales = scales_of(results)
    styles = {(n, m): legend_ends(tmp_path / n / f"maps/{m}.qml") for n in lists for m in (*of_soc, "q10")}
    assert {styles[n, m] for n in lists for m in of_soc} == {scales["quantity soc"]} == {(0.0, 46.0)}
    of_parameter = [styles[name, "q10"] for name in lists]
    assert of_parameter[0] != of_parameter[1]
    assert scales["q10 1"] == (of_parameter[0][0], of_parameter[1][1])  # the report compares experiments


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.booleans())
def test_round_ends_hold_the_range_and_little_more(low: float, high: float, is_symmetric: bool) -> None:
    low, high = sorted((low, high))
    if 0 < high - low < 1e-6 * max(abs(low), abs(high)):
        return
    least, most = rounded((low, high), is_symmetric)
    slack = 1e-6 * (most - least)
    assert least <= low + slack
    assert most >= high - slack
    if not is_symmetric and high > low:
        assert most - least <= 1.25 * (high - low)
