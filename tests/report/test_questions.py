"""The four questions on the first screens: districts, how sure, where not to trust, what drives it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from finished_region import region_of, without_models, write_finished

from hybridmap.config import Config
from hybridmap.files.results import RegionFiles
from hybridmap.predict.mapped_depths import mapped_depths
from hybridmap.report.html import report

TOTALS = [{"name": "districts", "polygons": "d.gpkg", "attribute": "name"}]
DRIVERS = [
    {"input": "rain", "effect": 4.0, "direction": "rises", "change": 9.5, "low": 400.0, "high": 900.0},
    {"input": "mat", "effect": 2.0, "direction": "falls", "change": -4.25, "low": 3.0, "high": 9.0},
    {"input": "cover", "effect": 1.0, "direction": "differs by class", "change": None, "low": None, "high": None},
]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    without_models(monkeypatch)


def district(name: str, stock: float, outside: float, **ends: Any) -> dict[str, Any]:
    row = {"totals": "districts", "quantity": "soc", "polygon": name, "area_km2": 100.0, "missing_km2": 0.0,
           "mean_kg_m2": 5.0, "stock_Tg": stock, "stock_outside_applicability_Tg": outside, "sd_Tg": np.nan,
           "lower_Tg": np.nan, "upper_Tg": np.nan, "mean_lower_kg_m2": np.nan, "mean_upper_kg_m2": np.nan,
           "interval": "none: 13 blocks with 5 observations or more, 20 are needed"}  # fmt: skip
    return row | ends


def answers(config: Config, rows: list[dict[str, Any]], verdict: dict[str, Any]) -> str:
    folder = write_finished(config)
    files = RegionFiles(folder)
    of = files.experiment("one")
    pd.DataFrame(rows).to_csv(of.totals, index=False)
    of.verdict.write_text(json.dumps(json.loads(of.verdict.read_text()) | verdict))
    report(config, folder, files.report, files.figures)
    page = files.report.read_text(encoding="utf-8")
    section = re.search(r'<section class="questions".*?</section>', page, re.DOTALL)
    assert section
    return " ".join(re.sub(r"<[^>]*>", " ", section.group(0)).split())


def test_districts_come_with_intervals_and_what_lies_outside(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}], totals=TOTALS)
    ends = {"lower_Tg": 90.0, "upper_Tg": 120.0, "interval": "means of 30 held-out blocks"}
    rows = [district("Small", 10.0, 4.0), district("Great", 100.0, 0.0, **ends), district("(outside)", 900.0, 900.0)]
    extent = {"extent": {"sentence": "the model does not apply on 14% of the map"}}
    text = answers(config, rows, extent | {"drivers": {"target": "soc", "inputs": DRIVERS, "sentence": "…"}})
    assert "Great 100 Tg 90 Tg – 120 Tg 5 Small 10 Tg – 5" in text
    assert "(outside)" not in text
    assert "1 of 2 districts have an interval." in text
    assert "Half the width of a district's interval is 15 % of its stock" in text.replace("&#39;", "'")
    assert "The model does not apply on 14% of the map. Of the stock lie outside: 40% in Small." in text
    assert "rain ↑ rises 9.5" in text
    assert "mat ↓ falls -4.25" in text
    assert "cover ≠ differs by class ± 1" in text


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}], totals=TOTALS)
    text = answers(config, [district(f"D{k}", 10.0 + k, 0.0) for k in range(12)], {})
    assert "Districts have no interval: 13 blocks with 5 observations or more, 20 are needed." in text
    assert "Where the map ends was not judged." in text
    assert "Not looked at." in text
    assert "4 more with the stocks" in text
    assert text.index("D11") < text.index("D10")


def test_without_districts_the_key_is_named(tmp_path: Path) -> None:
    text = answers(region_of(tmp_path, [{"name": "one"}]), [district("D", 1.0, 0.0)], {})
    assert "No polygons are asked for. A file of districts under totals" in text


@pytest.mark.parametrize(
    ("build", "depths", "says"),
    [
        ({}, [], "Stock to 30 cm and 100 cm: not given, the model holds to 20 cm."),
        ({"bottom_cm": 30}, [], "Stock to 100 cm: not given, the model holds to 30 cm."),
        ({"bottom_cm": 100}, [], "Stock to 30 cm: not given, no interval ends at 30 cm."),
        ({"top_cm": 10, "bottom_cm": 100}, [], "Stock to 30 cm and 100 cm: not given, the model begins at 10 cm."),
        ({"layers": {"bottom_cm": 60}}, [], "Stock to 100 cm: not given, the model holds to 60 cm."),
        ({"layers": {"bottom_cm": 100}}, [(0, 30), (60, 100)],
         "Stock to 100 cm: not given, the intervals above have gaps."),
        ({"layers": {"bottom_cm": 100}}, [], ""),
    ],
)  # fmt: skip
def test_stocks_that_are_not_given_say_why(
    tmp_path: Path, build: dict[str, Any], depths: list[tuple[int, int]], says: str
) -> None:
    predict = {"predict": {"depths": [list(pair) for pair in depths]}} if depths else {}
    config = region_of(tmp_path, [{"name": "one"}], build=build, **predict)
    mapped = mapped_depths(config.build, config.predict)
    folder = write_finished(config, [(int(i.top_cm), int(i.bottom_cm)) for i in mapped])
    files = RegionFiles(folder)
    report(config, folder, files.report, files.figures)
    page = files.report.read_text(encoding="utf-8")
    assert says in page
    assert ("not given" in page) == bool(says)
    if not says:
        assert "0–30 cm" in page
        assert "0–100 cm" in page
