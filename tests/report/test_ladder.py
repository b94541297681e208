"""What the page says of skill, and in which colour."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.plot import ladder as plot
from hybridmap.plot import style
from hybridmap.quantities import QUANTITIES
from hybridmap.report.ladder import TITLES, badges, ladder_tables

JUDGED = {"beats_mean": {"low": 0.1}}


def verdict(mean: bool, coordinates: bool | None, best: bool | None, physics: str = "passes") -> dict[str, Any]:
    beats = {"beats_mean": mean, "beats_coordinates": coordinates, "beats_best_baseline": best}
    return {"physics": physics, "skill": {**beats, "scores": JUDGED}}


@pytest.mark.parametrize(
    ("told", "kind", "text"),
    [
        (verdict(True, True, True), "good", "better than every baseline"),
        (verdict(True, True, False), "fair", "better than coordinates"),
        (verdict(True, False, False), "fair", "no better than coordinates"),
        (verdict(True, None, None), "fair", "better than the mean"),
        (verdict(False, True, True), "bad", "no better than the mean"),
        ({"physics": "passes"}, "none", "skill not judged"),
        (
            {"physics": "passes", "skill": {"beats_mean": False, "scores": {"beats_mean": {"low": None}}}},
            "none",
            "skill not judged",
        ),
    ],
)
def test_skill_has_its_badge(told: dict[str, Any], kind: str, text: str) -> None:
    assert badges(told)[1] == (kind, text)


@pytest.mark.parametrize("physics", ["passes", "fails", "none"])
def test_physics_alone_is_never_green(physics: str) -> None:
    assert "good" not in {badge.kind for badge in badges({"physics": physics})}
    assert badges(verdict(True, True, True, physics))[0].kind != "good"
    assert badges({"physics": "fails"})[0].kind == "bad"


def test_parameters_have_a_badge_where_they_were_judged_or_not() -> None:
    assert len(badges({"physics": "passes"})) == 2
    for told, kind, text in (
        ("not judged", "none", "parameters not judged"), (0.2, "fair", "20% of parameters identified"),
        (1.0, "plain", "100% of parameters identified"),
    ):  # fmt: skip
        assert badges({"physics": "passes", "identified": told})[2] == (kind, text)


def ladder() -> pd.DataFrame:
    """Rungs of two experiments, the second with a score that is far off."""
    rows = []
    for experiment, value in (("mine", 0.5), ("absurd", -40.0)):
        rungs = {"ceiling_cell": 0.9, "mean": 0.0, "coordinates": 0.3, experiment: value}
        for rung, score in rungs.items():
            for stratum, name in (("all", np.nan), ("landcover", "forest")):
                place = {"scheme": "block", "target": "soc", "stratum": stratum, "class": name, "rung": rung}
                for column in ("pearson", "nse", "pearson_log"):
                    ends = {"value": score, "low": score - 0.1, "high": score + 0.1}
                    rows.append({**place, "score": column, "n": 100, "blocks": 30, **ends})
    return pd.DataFrame(rows)


def results() -> Any:
    return SimpleNamespace(rungs=ladder(), first_scheme="block", config=SimpleNamespace(all_quantities=QUANTITIES))


def test_every_rung_stands_once_and_in_order() -> None:
    (table,) = ladder_tables(results())
    assert [row["rung"] for row in table["rows"]] == ["ceiling_cell", "absurd", "mine", "coordinates", "mean"]
    assert next(row["title"] for row in table["rows"] if not row["is_experiment"]) == TITLES["ceiling_cell"]
    mine = next(row for row in table["rows"] if row["rung"] == "mine")
    assert mine["cells"]["r"] == {"value": 0.5, "range": (0.4, 0.6)}
    assert mine["cells"]["KGE"] == {"value": None, "range": None}
    assert table["classes"]["rows"][0]["class"] == "forest"
    assert len(table["classes"]["rows"][0]["cells"]) == len(table["classes"]["rungs"]) == 5


def test_an_absurd_score_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure))
    rows = ladder().query("stratum == 'all'").drop_duplicates(["rung", "score"])
    plot.ladder_figure(rows, ["mine", "absurd"], TITLES, tmp_path / "x.png")
    panel = figures[0].axes[0]
    assert panel.get_xlim() == pytest.approx((plot.LOWEST - 0.03, 1.02))
    drawn = [line.get_xdata()[0] for line in panel.get_lines() if line.get_marker() in ("o", "<")]
    assert sorted(drawn) == [plot.LOWEST, 0.0, 0.3, 0.5, 0.9]
