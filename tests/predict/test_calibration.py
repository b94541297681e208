"""Rules of maps: the same ends as in the evaluation, old calibrations, and what does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from hybridmap.config import Experiment
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.interval_rule import RuleOptions, learn_rule
from hybridmap.evaluate.interval_scale import ScaleForm, scale_of
from hybridmap.evaluate.intervals import map_calibration
from hybridmap.files.tables import write_state
from hybridmap.options import UncertaintyOptions
from hybridmap.predict.calibration import MapRule, calibrated_rules

DEPTH = "0-10 cm"


def rows(noise: float, on_logs: bool, n: int = 1500) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(0)
    predicted = np.exp(random.normal(2.0, 0.7, n)).astype("float32")
    error = noise * random.normal(size=n)
    table = pd.DataFrame(
        {
            "scheme": "block",
            "fold": np.arange(n) % 3,
            "part": "test",
            "observed.soc": np.maximum(predicted * np.exp(error) if on_logs else predicted + error, 0.0),
            "predicted.soc": predicted,
            "sd.soc": random.gamma(1.0, size=n).astype("float32"),
        }
    )
    return table, pd.DataFrame({"block": np.arange(n) % 100, "depth": np.where(np.arange(n) % 2, DEPTH, "10-30 cm")})


def write(path: Path, groups: str, noise: float = 0.5, on_logs: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    table, sites = rows(noise, on_logs)
    uncertainty: Any = {"method": "ensemble", "groups": groups}
    write_state(map_calibration(table, sites, Experiment(name="x", targets=["soc"], uncertainty=uncertainty)), path)
    return table, sites


@pytest.mark.parametrize(("noise", "on_logs"), [(0.5, True), (6.0, False)])
@pytest.mark.parametrize("groups", ["none", "tercile", "depth"])
def test_maps_and_evaluation_have_the_same_ends(tmp_path: Path, groups: str, noise: float, on_logs: bool) -> None:
    table, sites = write(tmp_path / "conformal.json", groups, noise, on_logs)
    uncertainty = UncertaintyOptions(method="ensemble", groups=groups)  # type: ignore[arg-type]
    rule = calibrated_rules(tmp_path / "conformal.json", uncertainty, {"soc": True}, DEPTH)["soc"]
    assert rule.is_log == on_logs
    here = table[sites["depth"] == DEPTH]
    centre, sd = (torch.tensor(here[name].to_numpy()) for name in ("predicted.soc", "sd.soc"))
    learned = learn_rule(table, sites, "soc", RuleOptions(0.9, groups, False)).columns(here, sites.loc[here.index])
    for end, values in zip(("lower", "upper"), rule.ends(centre, sd, 0.0), strict=True):
        np.testing.assert_allclose(values, learned[f"conformal_{end}.soc"], rtol=1e-3, atol=1e-3)


def test_no_map_has_a_negative_end_or_no_width() -> None:
    centre = torch.tensor([-5.0, 0.0, 1e-3, 50.0, 800.0])
    for rule in (MapRule(0.0), MapRule(0.0, is_log=True), MapRule(3.0), MapRule(3.0, is_log=True, offset=0.2)):
        lower, upper = rule.ends(centre, None, 0.0)
        assert (lower >= 0).all()
        assert (upper > lower).all()
    lower, _ = MapRule(3.0).ends(centre, None, -np.inf)
    assert lower[0] == -8.0


def test_what_nobody_observes_is_scaled_by_the_spread_of_its_draws(tmp_path: Path) -> None:
    write(tmp_path / "conformal.json", "none", 6.0, on_logs=False)
    uncertainty = UncertaintyOptions(method="ensemble")
    rules = calibrated_rules(tmp_path / "conformal.json", uncertainty, {"soc": True, "cue": False}, DEPTH)
    assert rules["cue"].rms == 0.0
    assert rules["soc"].rms == pytest.approx(6.0, rel=0.1)
    assert rules["cue"].factor > rules["soc"].factor


def test_calibrations_of_earlier_versions_mean_what_they_meant(tmp_path: Path) -> None:
    path = tmp_path / "conformal.json"
    write_state({"method": "ensemble", "level": 0.9, "blocks": 50, "factors": {"soc": 4.0, "poc": 2.0}}, path)
    uncertainty = UncertaintyOptions(method="ensemble")
    rules = calibrated_rules(path, uncertainty, {"soc": True, "cue": False}, DEPTH)
    assert rules == {"soc": MapRule(4.0), "cue": MapRule(3.0)}
    lower, upper = rules["soc"].ends(torch.tensor([10.0]), torch.tensor([2.0]), 0.0)
    assert (lower.item(), upper.item()) == (2.0, 18.0)


def test_a_calibration_by_other_groups_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "conformal.json"
    write(path, "tercile")
    with pytest.raises(HybridmapError, match=r"at level 0.9 by tercile, the experiment asks for ensemble at 0.9"):
        calibrated_rules(path, UncertaintyOptions(method="ensemble", groups="none"), {"soc": True}, DEPTH)
    # Groups that nested folds chose are taken as they are.
    rule = calibrated_rules(path, UncertaintyOptions(method="ensemble"), {"soc": True}, DEPTH)["soc"]
    assert len(rule.of_tercile) == 3
    write_state({"method": "none", "level": 0.9, "blocks": 5, "factors": {"soc": 1.0}, "rules": {}}, path)
    with pytest.raises(HybridmapError, match=r"not a conformal.json of 'hybridmap evaluate'"):
        calibrated_rules(path, UncertaintyOptions(), {"soc": True}, DEPTH)


@pytest.mark.parametrize("is_log", [True, False])
def test_learned_distances_have_the_same_ends_in_a_map_and_in_the_evaluation(is_log: bool) -> None:
    random = np.random.default_rng(1)
    columns = {"observed": random.gamma(2.0, 9.0, 50), "predicted": random.gamma(2.0, 9.0, 50)}
    columns |= {"below_log": random.uniform(0.3, 2.0, 50), "above_log": random.uniform(0.3, 2.0, 50), "log_offset": 0.4}
    table = pd.DataFrame({f"{name}.soc": values for name, values in columns.items()})
    scale = scale_of(table, "soc", ScaleForm(is_log, has_heads=True, step=7.0))
    centre, *distances = (torch.tensor(table[f"{n}.soc"].to_numpy()) for n in ("predicted", "below_log", "above_log"))
    for factor in (0.3, 1.0, 2.5):
        of_map = MapRule(factor, step=0.0 if is_log else 7.0).log_ends(centre, (distances[0], distances[1]), 0.4)
        for map_end, end in zip(of_map, scale.ends(factor), strict=True):
            np.testing.assert_allclose(map_end, end, rtol=1e-5, atol=1e-5)


def test_a_calibration_of_before_stretches_learned_distances_on_the_logarithm(tmp_path: Path) -> None:
    rule = {"scale": "plain", "rms": 0.0, "offset": 1.0, "thresholds": [], "groups": {}}
    stored = {"factors": {"soc": 1.5}, "method": "head", "level": 0.9, "blocks": 50, "groups": "none"}
    write_state({**stored, "rules": {"soc": rule}}, tmp_path / "conformal.json")
    settings = UncertaintyOptions(method="head", groups="none")
    assert calibrated_rules(tmp_path / "conformal.json", settings, {"soc": True}, DEPTH)["soc"].step == 0.0
    by_site = UncertaintyOptions(method="head", groups="none", counts_once="site")
    with pytest.raises(HybridmapError, match=r"calibrated with uncertainty\.counts_once: block, the experiment asks"):
        calibrated_rules(tmp_path / "conformal.json", by_site, {"soc": True}, DEPTH)
