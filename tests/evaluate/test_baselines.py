"""Ordinary models: the same folds as the hybrid ones, the right parts for the right things."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Config
from hybridmap.config.baselines import BASELINES, OF_LAYERS, Baseline, Candidate
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.evaluate.baseline_fit import FoldSites, fit_fold
from hybridmap.evaluate.baselines import baseline
from hybridmap.samples.folds import roles_in_fold


def run(region: tuple[Config, Path], name: str, out: Path, samples: pd.DataFrame | None = None) -> pd.DataFrame:
    config, folder = region
    path = folder / "samples.parquet"
    if samples is not None:
        out.mkdir(parents=True, exist_ok=True)
        path = out.parent / f"{out.name}.parquet"
        samples.to_parquet(path)
        out.rmdir()
    baseline(name, config.covariates, config.splits, path, folder / "splits.parquet", out)
    return pd.read_parquet(out / "predictions.parquet")


SLOW = {"tuned_forest", "tuned_boosting", "position_forest", "position_boosting"}
"""Those with many candidates; how one is chosen is tested below."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.nightly if n in SLOW else ()) for n in BASELINES if n not in OF_LAYERS],
)
def test_baselines_score_the_same_test_sites(small_region: tuple[Config, Path], tmp_path: Path, name: str) -> None:
    _, folder = small_region
    table = run(small_region, name, tmp_path / "out")
    scores = pd.read_csv(tmp_path / "out/metrics.csv")
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    one = table[table["fold"] == 1].set_index("site_id")
    parts = roles_in_fold(samples, splits, "block-1", "block")
    assert (one["part"].loc[samples["site_id"]].to_numpy() == parts.to_numpy()).all()
    test = table[table["part"] == "test"]
    pooled = scores[(scores["fold"] == "pooled") & (scores["target"] == "soc") & (scores["subset"] == "all")]
    assert pooled["nse"].item() == pytest.approx(metrics.nse(test["predicted.soc"], test["observed.soc"]), rel=1e-4)
    if name != "coordinates":
        assert pooled["pearson"].item() > 0.3
    assert set(scores["model"]) == {name}
    if BASELINES[name].has_quantiles:
        assert (test["lower.soc"] <= test["upper.soc"]).all()
        assert 0.75 < metrics.coverage(test["lower.soc"], test["upper.soc"], test["observed.soc"]) < 1


@pytest.mark.parametrize("name", ["linear", "ridge"])
def test_test_sites_never_train_nor_choose(small_region: tuple[Config, Path], tmp_path: Path, name: str) -> None:
    _, folder = small_region
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    test = (roles_in_fold(samples, splits, "block-0", "block") == "test").to_numpy()
    changed = samples.copy()
    changed.loc[test, "soc_density_kg_m3"] = 199.0
    out = []
    for k, table in enumerate((samples, changed)):
        predictions = run(small_region, name, tmp_path / str(k), table)
        out.append(predictions.loc[predictions["fold"] == 0, "predicted.soc"].to_numpy())
    np.testing.assert_array_equal(*out)


def test_a_quantity_that_too_few_sites_measure_is_left_out(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    _, folder = small_region
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    test = (roles_in_fold(samples, splits, "block-0", "block") == "test").to_numpy()
    samples.loc[~test, "mbc_kg_m3"] = np.nan
    run(small_region, "linear", tmp_path / "x", samples)
    assert set(pd.read_csv(tmp_path / "x" / "metrics.csv")["target"]) == {"soc", "poc", "moc"}
    samples.loc[~test, ["soc_density_kg_m3", "poc_kg_m3", "moc_kg_m3"]] = np.nan
    with pytest.raises(HybridmapError, match="no quantity has enough observations to train in every fold"):
        run(small_region, "linear", tmp_path / "y", samples)
    assert not (tmp_path / "y").exists()


def test_coordinates_see_nothing_but_the_place(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    _, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    changed = samples.assign(**{c: 0.0 for c in samples if c.startswith(("covariate.", "forcing."))})
    same = [run(small_region, "coordinates", tmp_path / str(k), t) for k, t in enumerate((samples, changed))]
    np.testing.assert_array_equal(same[0]["predicted.soc"], same[1]["predicted.soc"])


@pytest.mark.nightly
def test_with_position_sees_layers_and_the_place(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    _, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    still = samples.assign(lon=10.0, lat=50.0)
    flat = samples.assign(**{c: 0.0 for c in samples if c.startswith(("covariate.", "forcing."))})
    results = [
        run(small_region, "position_boosting", tmp_path / str(k), t) for k, t in enumerate((samples, still, flat))
    ]
    without = run(small_region, "tuned_boosting", tmp_path / "without")
    assert not np.array_equal(results[0]["predicted.soc"], results[1]["predicted.soc"])
    assert not np.array_equal(results[0]["predicted.soc"], results[2]["predicted.soc"])
    np.testing.assert_array_equal(results[1]["predicted.soc"], without["predicted.soc"])


def test_missing_coordinates_are_named(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    _, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    samples.loc[3:4, "lat"] = np.nan
    site = samples["site_id"][3]
    with pytest.raises(HybridmapError, match=rf"'coordinates' needs 'lat' of every site; 2 of \d+ .*'{site}'"):
        run(small_region, "coordinates", tmp_path / "x", samples)
    assert not (tmp_path / "x").exists()
    run(small_region, "linear", tmp_path / "y", samples)
    with pytest.raises(HybridmapError, match="needs the column 'lon' of the samples"):
        run(small_region, "coordinates", tmp_path / "z", samples.drop(columns="lon"))


def test_depth_alone_needs_layers_and_then_uses_them(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    _, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    with pytest.raises(HybridmapError, match="'depth' has nothing to go by"):
        run(small_region, "depth", tmp_path / "x", samples)
    top = np.arange(len(samples)) % 4 * 20.0
    ends = {"forcing.layer_top": top / 100, "forcing.layer_bottom": top / 100 + 0.2}
    layered = samples.assign(top_cm=top, bottom_cm=top + 20.0, **ends)
    layered["soc_density_kg_m3"] = layered["soc_density_kg_m3"] * np.exp(-top / 20.0)
    table = run(small_region, "depth", tmp_path / "y", layered)
    test = table[table["part"] == "test"]
    assert metrics.nse(test["predicted.soc"], test["observed.soc"]) > 0.5
    placed = run(small_region, "coordinates_depth", tmp_path / "w", layered)
    placed = placed[placed["part"] == "test"]
    assert metrics.nse(placed["predicted.soc"], placed["observed.soc"]) > 0.5
    assert not np.allclose(placed["predicted.soc"], test["predicted.soc"])
    with_depth = run(small_region, "linear", tmp_path / "z", layered)
    test = with_depth[with_depth["part"] == "test"]
    assert metrics.pearson(test["predicted.soc"], test["observed.soc"]) > 0.6


def test_the_stopping_part_chooses_among_candidates() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 30))
    observed = x[:, 0] + random.normal(size=300)
    part = np.arange(300) % 10
    sites = FoldSites(x, part < 4, part == 4)
    ridge = {alpha: Candidate("sklearn.linear_model:Ridge", {"alpha": alpha}) for alpha in (1e-6, 30.0, 1e9)}
    chosen = fit_fold(Baseline("all", tuple(ridge.values())), sites, observed)["predicted"]
    alone: dict[float, Any] = {
        alpha: fit_fold(Baseline("one", (candidate,)), sites, observed)["predicted"]
        for alpha, candidate in ridge.items()
    }
    errors = {alpha: np.mean((p - observed)[part == 4] ** 2) for alpha, p in alone.items()}
    np.testing.assert_array_equal(chosen, alone[min(errors, key=lambda alpha: errors[alpha])])
    few = FoldSites(x, part < 4, np.zeros(300, bool))
    np.testing.assert_array_equal(
        fit_fold(Baseline("all", tuple(ridge.values())), few, observed)["predicted"],
        fit_fold(Baseline("first", (ridge[1e-6],)), few, observed)["predicted"],
    )


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quantile_forest", None)
    sites = FoldSites(np.zeros((4, 1)), np.ones(4, bool), np.zeros(4, bool))
    with pytest.raises(HybridmapError, match="the package 'quantile-forest' is missing; pip install quantile-forest"):
        fit_fold(BASELINES["quantile_forest"], sites, np.arange(4.0))
