"""The rebuilt respiration experiment against its check values, counts and noise ceiling."""

import numpy as np
import pandas as pd
import pytest

from hybridmap.evaluate.metrics import nse
from hybridmap.process import get_process
from hybridmap.testing import make_neustift
from hybridmap.testing.neustift import half_hours


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    return half_hours()


def test_features_agree_with_the_vectors(shared, features):
    expected = pd.read_csv(shared / "vectors/respiration/dev.csv", parse_dates=["time"])
    found = features.set_index("time").loc[expected["time"]]
    for column in ("sw_in_pot", "sw_pot", "dsw_pot", "ta_det", "ta", "rb_linear", "rb_nonlinear"):
        scale = expected[column].abs().max()
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-9, atol=1e-11 * scale)


def test_known_values_without_the_vectors(features):
    row = features.set_index("time").loc["2006-09-23 18:15"]
    assert row["sw_pot"] == pytest.approx(296.5787572058, rel=1e-9)
    assert row["dsw_pot"] == pytest.approx(-675.8355624938, rel=1e-9)
    assert row["ta"] == pytest.approx(14.8430295411, rel=1e-9)
    assert len(features) == 157_776


def test_the_split_out_of_distribution_has_the_published_counts():
    made = make_neustift()
    assert made.table["part"].value_counts().to_dict() == {"train": 56_102, "test": 17_568, "validation": 17_520}
    assert made.threshold == pytest.approx(14.1646132251, abs=1e-9)
    test = made.table[made.table["part"] == "test"]
    assert (test["ta"] > made.threshold).mean() == pytest.approx(0.217, abs=0.001)
    assert (make_neustift(out_of_distribution=False).table["part"] == "train").sum() == 70_128


@pytest.mark.parametrize(("rb", "low", "high"), [("linear", 0.9735, 0.977), ("nonlinear", 0.957, 0.965)])
def test_the_noise_ceiling(rb, low, high):
    table = make_neustift(rb, seed=1).table
    test = table[table["part"] == "test"]
    assert low < nse(test["reco_clean"], test["reco"]) < high


def test_the_process_model_gives_the_clean_series():
    import torch

    table = make_neustift("nonlinear").table
    out = get_process("respiration")(
        {"rb": torch.tensor(table["rb"].to_numpy()), "q10": torch.tensor(1.5, dtype=torch.float64)},
        {"air_temperature": torch.tensor(table["ta"].to_numpy())},
    )
    np.testing.assert_allclose(out["reco"], table["reco_clean"], rtol=1e-12)
