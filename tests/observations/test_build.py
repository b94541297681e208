"""From layers to sites: quality control counts every drop, and what passes is right."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Build, Grid
from hybridmap.errors import HybridmapError
from hybridmap.observations.build import build, build_sites
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import SCHEMA

GRID = Grid(crs="EPSG:4326", resolution=1, bounds=(0, 0, 20, 20))


def layers(*rows: dict[str, Any]) -> pd.DataFrame:
    base: dict[str, Any] = {name: np.nan if name in SCHEMA.layer_numbers else "" for name in SCHEMA.layer_columns}
    base |= {"source": "s", "licence": "CC0", "oc_flag": "ok", "lon": 5.0, "lat": 5.0, "top_cm": 0.0, "bottom_cm": 20.0}
    base |= {"oc_g_kg": 20.0, "bd_fine_g_cm3": 1.3, "cf_vol": 0.1, "source_row": 2}
    return pd.DataFrame([{**base, "site_id": f"p{i}", "lon": 1.0 + i, **row} for i, row in enumerate(rows)])


def run(*rows: dict[str, Any], **settings: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    drops = DropCounts("build")
    sites = build_sites(layers(*rows), Build(**settings), GRID, drops)
    return sites, drops.table()


def test_density_and_fractions_share_one_conversion() -> None:
    sites, _ = run({"poc_g_kg": 5.0, "moc_g_kg": 14.0, "mbc_g_kg": 0.4})
    site = sites.iloc[0]
    assert site["soc_density_kg_m3"] == pytest.approx(23.4)
    assert site["poc_kg_m3"] == pytest.approx(5 * 1.17)
    assert site["moc_kg_m3"] == pytest.approx(14 * 1.17)
    assert site["mbc_kg_m3"] == pytest.approx(0.4 * 1.17)
    assert (site["site_id"], site["bd_source"], site["cf_source"]) == ("s:p0", "measured", "measured")


def test_filled_values_keep_their_source() -> None:
    sites, _ = run({"bd_fine_g_cm3": np.nan, "cf_vol": np.nan, "sand_pct": 40.0, "clay_pct": 20.0, "silt_pct": 40.0})
    site = sites.iloc[0]
    assert (site["bd_source"], site["cf_source"], site["cf_vol"]) == ("hollis2012_mineral", "assumed", 0.0)
    assert site["soc_density_kg_m3"] == pytest.approx(20 * 1.195888, rel=1e-6)


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("coordinates", {"lon": np.nan}, "rows"),
    ("outside_region", {"lon": 30.0}, "rows"),
    ("depth", {"bottom_cm": 0.0}, "rows"),
    ("organic_carbon", {"oc_g_kg": 700.0}, "values of oc_g_kg"),
    ("bulk_density", {"bd_fine_g_cm3": 2.4}, "values of bd_fine_g_cm3"),
    ("bulk_density_solid", {"oc_g_kg": 300.0, "bd_fine_g_cm3": 1.5}, "values of bd_fine_g_cm3"),
    ("coarse_fragments", {"cf_vol": 0.99}, "values of cf_vol"),
    ("texture", {"sand_pct": 50.0, "silt_pct": 50.0, "clay_pct": 50.0}, "values of sand_pct"),
    ("poc", {"poc_g_kg": -1.0}, "values of poc_g_kg"),
    ("moc", {"moc_g_kg": 0.0}, "values of moc_g_kg"),
    ("mbc", {"mbc_g_kg": 3.0}, "values of mbc_g_kg"),
    ("recovery", {"poc_g_kg": 20.0, "moc_g_kg": 20.0}, "values of moc_g_kg"),
    ("soc_density", {"soc_density_kg_m3": 500.0}, "values of soc_density_kg_m3"),
    ("nothing_measured", {"oc_g_kg": np.nan}, "rows"),
    ("no_density", {"oc_g_kg": np.nan, "bd_fine_g_cm3": np.nan, "mbc_g_kg": 0.4}, "values of mbc_g_kg"),
    ("interval", {"top_cm": 30.0, "bottom_cm": 50.0}, "rows"),
    ("coverage", {"bottom_cm": 10.0}, "rows"),
]


@pytest.mark.parametrize(("rule", "row", "unit"), BROKEN, ids=[b[0] for b in BROKEN])
def test_each_rule_drops_and_counts_what_breaks_it(rule: str, row: dict[str, Any], unit: str) -> None:
    _, ladder = run({}, row)
    step = ladder[(ladder["rule"] == rule) & (ladder["unit"] == unit)]
    assert step["dropped"].tolist() == [1]
    assert (ladder["before"] - ladder["dropped"] == ladder["after"]).all()
    others = set(ladder.loc[ladder["dropped"] > 0, "rule"]) - {rule}
    # What is emptied by a rule may leave nothing measured, or nothing to map.
    assert others <= {"nothing_measured", "coverage"}


def test_sound_layers_pass_untouched() -> None:
    sites, ladder = run({}, {})
    assert len(sites) == 2
    assert ladder["rule"].tolist() == ["read"]


def test_replicates_and_duplicates_across_sources() -> None:
    same = {"site_id": "a", "lon": 3.0, "year": 2010.0}
    richer = {**same, "source": "rich", "poc_g_kg": 5.0, "moc_g_kg": 14.0}
    sites, ladder = run(same, same, richer)
    dropped = ladder[ladder["dropped"] > 0].set_index("rule")["dropped"]
    assert dropped.to_dict() == {"replicate": 1, "duplicate": 1}
    assert sites["site_id"].tolist() == ["rich:a"]


def test_sites_of_one_place_share_a_group() -> None:
    sites, _ = run({"lon": 3.0, "top_cm": 0, "bottom_cm": 20}, {"lon": 3.00001, "year": 1999.0}, {"lon": 3.1})
    groups = sites.set_index("site_id")["group_id"]
    assert groups["s:p0"] == groups["s:p1"] != groups["s:p2"]


def test_revisits_of_one_point_share_a_group_wherever_they_were_taken() -> None:
    sites, _ = run(
        {"lon": 3.0, "revisit_id": "lucas:1"},
        {"lon": 3.2, "revisit_id": "lucas:1"},
        {"lon": 3.2},
        {"lon": 4.0, "revisit_id": "lucas:2"},
    )
    groups = sites.set_index("site_id")["group_id"]
    assert groups["s:p0"] == groups["s:p1"] == groups["s:p2"] != groups["s:p3"]


def test_spline_and_stocks_of_a_profile() -> None:
    tops, bottoms, contents = (0, 10, 30, 60), (10, 30, 60, 100), (30.0, 20.0, 10.0, 5.0)
    rows = [
        {"site_id": "a", "lon": 3.0, "top_cm": t, "bottom_cm": b, "oc_g_kg": c, "bd_fine_g_cm3": 1.0, "cf_vol": 0.0}
        for t, b, c in zip(tops, bottoms, contents, strict=True)
    ]
    sliced, _ = run(*rows, stocks_cm=[30, 100])
    assert sliced.iloc[0]["soc_density_kg_m3"] == pytest.approx(25.0)
    assert sliced.iloc[0]["soc_stock_0_30_kg_m2"] == pytest.approx(7.0)  # 70 Mg/ha
    assert sliced.iloc[0]["soc_stock_0_100_kg_m2"] == pytest.approx(12.0)
    splined, _ = run(*rows, depth="spline", stocks_cm=[30])
    assert splined.iloc[0]["soc_density_kg_m3"] == pytest.approx(26.4422188654)
    assert splined.iloc[0]["soc_stock_0_30_kg_m2"] == pytest.approx(0.3 * 23.3353761454)


def test_texture_is_renormalised() -> None:
    sites, _ = run({"sand_pct": 52.0, "silt_pct": 26.0, "clay_pct": 26.0})
    assert sites.iloc[0][["sand_pct", "silt_pct", "clay_pct"]].tolist() == pytest.approx([50.0, 25.0, 25.0])


def test_nothing_left_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    layers({"lon": 99.0}).to_parquet(tmp_path / "s.parquet")
    paths = [tmp_path / n for n in ("o.parquet", "q.csv", "d.parquet")]
    with pytest.raises(HybridmapError, match="no site is left"):
        build(Build(), GRID, [tmp_path / "s.parquet"], *paths)
    assert not any(p.exists() for p in paths)
