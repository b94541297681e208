"""The verdict on an experiment."""

import json
from pathlib import Path

import pandas as pd
import pytest

from hybridmap.config import Config
from hybridmap.diagnose.plausibility import Evidence, diagnose, implausible, judge
from hybridmap.diagnose.saturation import summarise
from hybridmap.evaluate.ladder import write_ladder
from hybridmap.evaluate.scores import evaluate
from hybridmap.train import load_model


def test_verdict_of_a_sound_model_and_of_none(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    tables = folder / "samples.parquet", folder / "splits.parquet"
    for name, physics in (("some_neural", "passes"), ("pure_network", "none")):
        experiment, out = config.experiment(name), tmp_path / name
        models = {f"block-{k}": trained / name / f"block-{k}" / "model" for k in range(3)}
        evaluate(experiment, *tables, models, out)
        write_ladder(experiment, *tables, out / "predictions.parquet", {}, out)
        for skill in (None, out / "skill.json"):
            evidence = Evidence(out / "predictions.parquet", skill=skill, samples=tables[0] if skill else None)
            diagnose(experiment, evidence, trained / name / "all/model", out)
            verdict = json.loads((out / "verdict.json").read_text())
            assert verdict["physics"] == physics
            assert ("skill" in verdict) == (skill is not None)
            assert ("drivers" in verdict) == (skill is not None)
        assert verdict["drivers"]["target"] == "soc"
        assert verdict["drivers"]["sentence"].startswith("SOC ")
        table = pd.read_csv(out / "ladder.csv").query("rung == @name and stratum == 'all'")
        nse = table.query("target == 'soc' and score == 'nse'").iloc[0]
        assert verdict["skill"]["quantity"] == "soc"
        assert verdict["skill"]["beats_mean"] is bool(verdict["skill"]["scores"]["beats_mean"]["low"] > 0)
        assert verdict["skill"]["scores"]["beats_mean"]["value"] == pytest.approx(nse["value"], abs=1e-5)
        assert verdict["skill"]["beats_coordinates"] is None
        assert verdict["intervals"]["coverage"] > 0.7
        assert len(verdict["sentences"]) == len(experiment.targets)


@pytest.mark.parametrize(
    ("saturation", "feasible", "reason"),
    [
        ([0.5, 1.04, 0.6], [1, 1, 1], "exceeds the capacity"),
        ([0.5, -0.2, 0.6], [1, 1, 1], "MOC is negative"),
        ([0.5, 0.7, 0.6], [1, 0, 1], "no steady state"),
        ([0.99, 0.98, 0.6], [1, 1, 1], "surfaces are full"),
    ],
)
def test_impossible_soils_are_implausible(
    trained: Path, saturation: list[float], feasible: list[int], reason: str
) -> None:
    model = load_model(trained / "some_neural_relaxed/all/model")
    assert model.process is not None
    margins = {"margin_uptake": [1.0] * 3, "margin_poc": [1.0] * 3}
    summary = summarise({"moc_saturation": saturation, "feasible": feasible, **margins}, model.process)
    middle = {n: sum(model.bounds_of(n)) / 2 for n in (*model.neural_names, *model.shared_names)}
    verdict = judge(model, {"sites": summary}, pd.DataFrame({f"parameter.{n}": [v] for n, v in middle.items()}))
    assert verdict["physics"] == "fails"
    assert len(verdict["reasons"]) == 1
    assert reason in verdict["reasons"][0]
    assert "33.3%" in verdict["reasons"][0] or reason == "surfaces are full"


def test_what_leaks_forgive_is_a_note(trained: Path) -> None:
    model = load_model(trained / "some_neural/all/model")
    assert model.process is not None
    soil = {"moc_saturation": [0.5, 0.6], "feasible": [1, 0], "margin_uptake": [1, 1], "margin_poc": [1, 1]}
    middle = {n: sum(model.bounds_of(n)) / 2 for n in (*model.neural_names, *model.shared_names)}
    sites = pd.DataFrame({f"parameter.{n}": [v] for n, v in middle.items()})
    verdict = judge(model, {"sites": summarise(soil, model.process)}, sites)
    assert verdict["physics"] == "passes"
    assert verdict["formulation"] == "constrained"
    assert verdict["notes"] == ["the structure without leaks has no steady state at 50.0% of the sites"]


def test_why_no_rasters_are_written(trained: Path, small_region: tuple[Config, Path], tmp_path: Path) -> None:
    experiment = small_region[0].experiment("some_neural_relaxed")
    model = trained / "some_neural_relaxed/all/model"
    columns = {"part": "test", "scheme": "block", "moc_saturation": [0.5, 1.2], "feasible": 1.0}
    columns |= {"margin_uptake": 1.0, "margin_poc": 1.0}
    pd.DataFrame(columns).to_parquet(tmp_path / "predictions.parquet")
    reasons = implausible(experiment, model, Evidence(tmp_path / "predictions.parquet"))
    assert reasons == ["MOC exceeds the capacity q_max at 50.0% of the sites"]
    assert implausible(experiment, model, Evidence(None)) == []
    assert implausible(experiment, trained / "pure_network/all/model", Evidence(None)) == []
