"""How much intervals hold: beside climatology, by class and in the worst blocks."""

import math

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Experiment
from hybridmap.evaluate.interval_table import interval_table, worst_tenth
from hybridmap.evaluate.intervals import calibrate


def test_the_worst_tenth_is_of_blocks_with_enough_sites() -> None:
    block = pd.Series(np.repeat(np.arange(20), 10))
    observed = pd.Series(np.zeros(200))
    lower = pd.Series(-1.0, observed.index)
    upper = lower + 2.0
    observed[block == 3] = 5.0  # nothing of this block is held, half of the next
    observed[(block == 7) & (np.arange(200) % 2 == 0)] = 5.0
    assert worst_tenth(lower, upper, observed, block) == pytest.approx(0.25)
    assert math.isnan(worst_tenth(lower, upper, observed, pd.Series(np.arange(200))))
    few = block < 9
    assert math.isnan(worst_tenth(lower[few], upper[few], observed[few], block[few]))


def test_classes_and_climatology_stand_beside_the_whole() -> None:
    random = np.random.default_rng(0)
    n = 900
    predicted = np.exp(random.normal(2.0, 0.8, n))
    test = pd.DataFrame(
        {
            "site_id": np.arange(n),
            "scheme": "block",
            "fold": np.arange(n) % 3,
            "part": "test",
            "observed.soc": predicted * np.exp(random.normal(0.0, 0.2, n)),
            "predicted.soc": predicted,
        }
    )
    train = test.assign(fold=(test["fold"] + 1) % 3, part="train")
    table = pd.concat([test, train], ignore_index=True)
    landcover = np.where(np.arange(n) % 2, "forest", "field")
    sites = pd.DataFrame({"block": np.tile(np.arange(n) % 90, 2), "landcover": np.tile(landcover, 2)})
    experiment = Experiment(name="x", targets=["soc"])
    scores = interval_table(calibrate(table, sites, experiment), sites, experiment)
    pooled = scores[scores["fold"] == "pooled"].set_index(["stratum", "class"])
    assert set(scores["stratum"][scores["fold"] != "pooled"]) == {"all"}
    whole = pooled.loc[("all", "")]
    assert whole["n"] == n
    for stratum in ("tercile", "landcover"):
        parts = pooled.loc[stratum]
        assert parts["n"].sum() == n
        assert (parts["coverage"] * parts["n"]).sum() / n == pytest.approx(whole["coverage"])
        assert (parts["interval_score"] * parts["n"]).sum() / n == pytest.approx(whole["interval_score"])
    low, high = np.quantile(test["observed.soc"], [0.05, 0.95])
    beyond = np.maximum(low - test["observed.soc"], 0) + np.maximum(test["observed.soc"] - high, 0)
    assert whole["climatology_score"] == pytest.approx(high - low + 20 * beyond.mean(), rel=0.1)
    assert whole["interval_score"] < 0.5 * whole["climatology_score"]
    assert 0.5 < whole["worst_tenth"] < whole["coverage"]
