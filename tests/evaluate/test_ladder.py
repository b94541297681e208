"""The ladder: who stands where, with what certainty, and what is said of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Experiment
from hybridmap.evaluate import metrics
from hybridmap.evaluate.ceiling import ceiling, ceiling_sums
from hybridmap.evaluate.ladder import write_ladder
from hybridmap.evaluate.rungs import restore_spread
from hybridmap.evaluate.strata import depth_class, strata

SIDE = 8
"""Blocks in a row: 64 blocks of 5 sites."""


class Scene:
    """Sites in blocks with a known signal, and tables of predictions that hold a known part of it."""

    def __init__(self, folder: Path, blocks: int = SIDE * SIDE, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.folder, n = folder, blocks * 5
        self.block = np.repeat(np.arange(blocks), 5)
        self.signal = self.random.normal(size=n)
        self.observed = np.exp(2.0 + 0.5 * self.signal + 0.3 * self.random.normal(size=n))
        self.fold = self.block % 4
        self.samples = pd.DataFrame(
            {
                "site_id": [f"s{i}" for i in range(n)],
                "row": self.block, "col": np.arange(n) % 3, "landcover": np.where(self.signal > 0, "forest", "crop"),
                "source": "survey", "top_cm": 0.0, "bottom_cm": 20.0,
            }
        )  # fmt: skip

    def table(self, predicted: Any, **more: Any) -> pd.DataFrame:
        """Predictions of four folds, every site in each; fold k tests what is in fold k."""
        rows = []
        for k in range(4):
            part = np.where(self.fold == k, "test", np.where(self.fold == (k + 1) % 4, "validation", "train"))
            mean = self.observed[part == "train"].mean()
            one = {"site_id": self.samples["site_id"], "scheme": "block", "fold": k, "part": part, "mean.soc": mean}
            rows.append(pd.DataFrame({**one, "observed.soc": self.observed, "predicted.soc": predicted, **more}))
        return pd.concat(rows, ignore_index=True)

    def write(self, predicted: Any, baselines: dict[str, Any], **more: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Ladder and skill of an experiment beside baselines."""
        self.samples.to_parquet(self.folder / "samples.parquet")
        of_site = {"group_id": self.samples["site_id"], "scheme": "block", "fold": self.fold}
        splits = pd.DataFrame({"site_id": self.samples["site_id"], **of_site, "block": self.block.astype(str)})
        splits.to_parquet(self.folder / "splits.parquet")
        self.table(predicted, **more).to_parquet(self.folder / "own.parquet")
        paths = {}
        for name, values in baselines.items():
            paths[name] = self.folder / f"{name}.parquet"
            self.table(values).to_parquet(paths[name])
        experiment = Experiment.model_validate(
            {"name": "mine", "process": None, "targets": ["soc"], "splits": ["block"]}
        )
        tables = [self.folder / f"{name}.parquet" for name in ("samples", "splits", "own")]
        write_ladder(experiment, *tables, paths, self.folder)
        return pd.read_csv(self.folder / "ladder.csv"), json.loads((self.folder / "skill.json").read_text())

    def noisy(self, share: float) -> Any:
        """A prediction with some of the signal."""
        return np.exp(2.0 + 0.5 * (share * self.signal + 0.4 * self.random.normal(size=len(self.signal))))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def row(table: pd.DataFrame, rung: str, score: str, stratum: str = "all", name: str | None = None) -> pd.Series:
    chosen = table[(table["rung"] == rung) & (table["score"] == score) & (table["stratum"] == stratum)]
    return (chosen if name is None else chosen[chosen["class"] == name]).iloc[0]


def test_the_ladder_holds_the_scores_of_every_rung(scene: Scene) -> None:
    mine, forest = scene.noisy(0.9), scene.noisy(0.5)
    table, _ = scene.write(mine, {"coordinates": scene.noisy(0.1), "tuned_forest": forest})
    assert list(dict.fromkeys(table["rung"])) == [
        "ceiling_cell", "ceiling_block", "mean", "climatology", "coordinates", "tuned_forest", "mine",
    ]  # fmt: skip
    o = scene.observed
    direct = {"pearson": metrics.pearson, "nse": metrics.nse, "kge": metrics.kge, "ccc": metrics.lin_ccc}
    for rung, predicted in (("mine", mine), ("tuned_forest", forest)):
        for name, score in direct.items():
            assert row(table, rung, name)["value"] == pytest.approx(score(predicted, o), rel=1e-4)
    low = o <= np.quantile(o, 0.95)
    assert row(table, "mine", "nse", "below_tail")["value"] == pytest.approx(metrics.nse(mine[low], o[low]), rel=1e-4)
    floor = np.quantile(o, 0.01)
    logs = np.log(np.maximum(mine, floor)), np.log(np.maximum(o, floor))
    assert row(table, "mine", "pearson_log")["value"] == pytest.approx(metrics.pearson(*logs), rel=1e-4)
    crops = (scene.samples["landcover"] == "crop").to_numpy()
    assert row(table, "mine", "pearson", "landcover", "crop")["value"] == pytest.approx(
        metrics.pearson(mine[crops], o[crops]), rel=1e-4
    )
    assert set(table["stratum"]) == {"all", "below_tail", "landcover"}  # one source and one depth are no strata
    both = row(table, "tuned_forest", "pearson")
    assert both["difference"] == pytest.approx(row(table, "mine", "pearson")["value"] - both["value"], abs=1e-5)
    assert both["difference_low"] < both["difference"] < both["difference_high"]
    # Paired: the range of a difference is narrower than those of its two members together.
    width = both["difference_high"] - both["difference_low"]
    assert width < (both["high"] - both["low"]) + (lambda r: r["high"] - r["low"])(row(table, "mine", "pearson"))


def test_a_clear_winner_and_a_clear_loser_are_told(scene: Scene) -> None:
    _, told = scene.write(scene.noisy(1.0), {"coordinates": scene.noisy(0.1), "tuned_forest": scene.noisy(0.4)})
    assert told["quantity"] == "soc"
    assert [told["skill"][k] for k in ("beats_mean", "beats_coordinates", "beats_best_baseline")] == [True] * 3
    assert told["sentence"].startswith("SOC: better than the mean, above coordinates by 0.")
    assert told["skill"]["scores"]["beats_best_baseline"]["against"] == "tuned_forest"
    assert told["skill"]["scores"]["beats_mean"]["score"] == "nse"
    _, told = scene.write(scene.noisy(0.3), {"coordinates": scene.noisy(0.3), "tuned_forest": scene.noisy(1.0)})
    assert [told["skill"][k] for k in ("beats_coordinates", "beats_best_baseline")] == [False, False]
    assert "no better than coordinates, below tuned forest by 0." in told["sentence"]
    assert told["sentence"].endswith(" in r")


def test_a_right_order_on_a_wrong_scale_does_not_beat_the_mean(scene: Scene) -> None:
    _, told = scene.write(20.0 + 5.0 * scene.noisy(1.0), {"coordinates": scene.noisy(0.1)})
    assert told["skill"]["beats_coordinates"] is True
    assert told["skill"]["beats_mean"] is False
    assert "worse than the mean in squared error" in told["sentence"]


def test_a_placebo_beats_nothing(tmp_path: Path) -> None:
    """Noise wins in no more of the draws than a 90 % range lets it."""
    wins = 0
    for seed in range(20):
        scene = Scene(tmp_path, seed=seed)
        _, told = scene.write(scene.noisy(0.0), {"coordinates": scene.noisy(0.0)})
        assert told["skill"]["beats_mean"] is False
        wins += told["skill"]["beats_coordinates"]
    assert wins <= 4


def test_few_blocks_claim_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, blocks=19)
    table, told = scene.write(scene.noisy(1.0), {"coordinates": scene.noisy(0.1)})
    assert table[["low", "high", "difference_low", "difference_high"]].isna().all(axis=None)
    assert told["skill"]["beats_mean"] is False
    assert told["sentence"].startswith("SOC: not judged, 19 blocks hold observations and 20 are needed (r 0.")


def test_a_stratum_of_few_blocks_has_no_range(scene: Scene) -> None:
    scene.samples["landcover"] = np.where(scene.block < 10, "moor", "crop")
    table, _ = scene.write(scene.noisy(1.0), {})
    moor = row(table, "mine", "pearson", "landcover", "moor")
    assert moor["blocks"] == 10
    assert np.isnan(moor["low"])
    assert row(table, "mine", "pearson", "landcover", "crop")["low"] < 1


def test_without_coordinates_it_is_said(scene: Scene) -> None:
    _, told = scene.write(scene.noisy(1.0), {"tuned_forest": scene.noisy(0.2)})
    assert told["skill"]["beats_coordinates"] is None
    assert told["sentence"].endswith("in r; not compared with coordinates, which are not among the baselines")
    _, told = scene.write(scene.noisy(1.0), {})
    assert told["skill"]["beats_best_baseline"] is None
    assert told["sentence"].startswith("SOC: better than the mean; not compared with coordinates")


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_predictions_have_no_spread_to_restore(scene: Scene, value: float) -> None:
    table, told = scene.write(np.full(len(scene.observed), value), {"coordinates": scene.noisy(0.5)})
    assert row(table, "mine", "pearson")["value"] == 0.0
    assert not ((table["rung"] == "mine") & (table["score"] == "kge_rescaled")).any()
    assert ((table["rung"] == "coordinates") & (table["score"] == "kge_rescaled")).any()
    assert told["skill"]["beats_mean"] is False
    assert "SOC: predictions do not vary within the folds, so there is no spread to restore" in told["notes"]


def test_equal_observations_are_not_judged(scene: Scene) -> None:
    scene.observed = np.full(len(scene.observed), 5.0)
    table, told = scene.write(scene.noisy(1.0), {"coordinates": scene.noisy(0.5)})
    assert np.isnan(row(table, "mine", "nse")["value"])
    assert told["skill"]["beats_mean"] is None
    assert told["sentence"] == "SOC: not judged, the observations of the test sites have no spread"


def test_no_observation_at_all_is_not_judged(scene: Scene) -> None:
    scene.observed = np.full(len(scene.observed), np.nan)
    table, told = scene.write(scene.noisy(1.0), {"coordinates": scene.noisy(0.5)})
    assert table.empty
    assert told["n"] == 0
    assert told["skill"]["beats_mean"] is None


def test_a_fold_without_the_tail_and_a_land_cover_in_one_fold_are_said(scene: Scene) -> None:
    scene.observed[scene.fold == 2] = 1.0 + 0.1 * scene.random.random((scene.fold == 2).sum())
    scene.samples["landcover"] = np.where((scene.fold == 1) & (scene.block < 20), "moor", "crop")
    _, told = scene.write(scene.noisy(1.0), {"coordinates": scene.noisy(0.5)})
    assert "SOC: fold 2 tests none of the highest 5% of the observations, whose scores miss the tail" in told["notes"]
    text = "SOC: all 25 observations of land cover 'moor' are tested by fold 1, whose model trained on none"
    assert text in told["notes"]


def test_sites_alone_in_their_cells_have_no_ceiling(scene: Scene) -> None:
    scene.samples["row"] = np.arange(len(scene.samples))
    table, told = scene.write(scene.noisy(1.0), {})
    assert np.isnan(row(table, "ceiling_cell", "nse")["value"])
    assert "SOC: no cell of the grid holds two sites, so the ceiling of a cell is not known" in told["notes"]


def test_intervals_are_compared_with_the_climatology(scene: Scene) -> None:
    mine = np.exp(2.0 + 0.5 * scene.signal)
    ends = {"conformal_lower.soc": 0.6 * mine, "conformal_upper.soc": 1.65 * mine}
    table, told = scene.write(mine, {}, **ends)
    assert told["intervals"]["sharper_than_climatology"] is True
    held = np.mean((scene.observed >= 0.6 * mine) & (scene.observed <= 1.65 * mine))
    assert told["intervals"]["coverage"] == pytest.approx(held, abs=1e-6)
    score = metrics.interval_score(0.6 * mine, 1.65 * mine, scene.observed, 0.9)
    assert row(table, "mine", "interval_score")["value"] == pytest.approx(score, rel=1e-4)
    assert 0.8 < row(table, "climatology", "coverage")["value"] < 0.98
    _, told = scene.write(mine, {}, **{"conformal_lower.soc": 0.0, "conformal_upper.soc": np.inf})
    assert told["intervals"]["sharper_than_climatology"] is None
    assert any("of finite width" in note for note in told["notes"])


def test_the_spread_is_restored_by_other_folds_alone(scene: Scene) -> None:
    damped = 8.0 + 0.2 * (scene.noisy(1.0) - 8.0)
    before = restore_spread(damped, scene.observed, scene.fold)
    assert before is not None
    assert metrics.kge(before, scene.observed) > metrics.kge(damped, scene.observed) + 0.2
    changed = scene.observed.copy()
    changed[scene.fold == 1] *= 50.0
    after = restore_spread(damped, changed, scene.fold)
    np.testing.assert_array_equal(before[scene.fold == 1], after[scene.fold == 1])
    assert not np.allclose(before[scene.fold == 0], after[scene.fold == 0])
    within = np.corrcoef(before[scene.fold == 1], damped[scene.fold == 1])[0, 1]
    assert within == pytest.approx(1.0)
    assert restore_spread(np.ones(8), np.arange(8.0), np.arange(8) % 2) is None
    assert restore_spread(np.arange(8.0), np.arange(8.0), np.zeros(8, int)) is None


def test_the_ceiling_is_what_the_variance_within_groups_leaves() -> None:
    random = np.random.default_rng(1)
    group = np.repeat(np.arange(4000), 3)
    observed = random.normal(size=4000)[group] * 2.0 + random.normal(size=12000)
    sums = ceiling_sums(observed, group, group, 4000).sum(axis=0, keepdims=True)
    assert ceiling(sums)[0] == pytest.approx(0.8, abs=0.02)
    same = ceiling_sums(np.ones(6), np.array([0, 0, 1, 1, 2, 2]), np.zeros(6, int), 1)
    assert np.isnan(ceiling(same)[0])


def test_depths_are_strata_by_their_middle() -> None:
    top, bottom = pd.Series([0.0, 10.0, 30.0, 60.0, 100.0, 0.0]), pd.Series([10.0, 30.0, 60.0, 100.0, 150.0, np.nan])
    names = depth_class(top, bottom)
    assert names.tolist() == ["0-10 cm", "10-30 cm", "30-60 cm", "60-100 cm", "below 100 cm", "unknown"]
    sites = pd.DataFrame({"depth": np.repeat(names.to_numpy(), 30)})
    parts = strata(sites, np.arange(180.0))
    assert [name for stratum, name in parts if stratum == "depth"] == names.tolist()
    assert parts["depth", "0-10 cm"].sum() == 30


def test_small_classes_are_put_together() -> None:
    sites = pd.DataFrame({"landcover": ["a"] * 30 + ["b"] * 5 + ["c"] * 6 + [""] * 25})
    parts = strata(sites, np.arange(66.0))
    sizes = {name: int(mask.sum()) for (stratum, name), mask in parts.items() if stratum == "landcover"}
    assert sizes == {"a": 30, "unknown": 25, "other": 11}
