"""The passport of trained experiments, and what it refuses to judge."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_models
from trainings import layers_of

from hybridmap.config import Config, Identifiability
from hybridmap.diagnose.identifiability import NotJudgedError
from hybridmap.diagnose.identifiability.passport import Tables, _check_models, write_passport
from hybridmap.diagnose.identifiability.start_runs import StartRuns
from hybridmap.diagnose.plausibility import Evidence, diagnose
from hybridmap.errors import HybridmapError
from hybridmap.process import get_process

FOLDS = ("block-0", "block-1", "block-2")


@pytest.fixture(scope="module")
def region(small_region: tuple[Config, Path], trained: Path) -> tuple[Config, Tables]:
    config, folder = small_region
    assert (trained / "some_neural").is_dir()
    return config, Tables(folder / "samples.parquet", folder / "splits.parquet")


def models(trained: Path, name: str, folds: tuple[str, ...] = FOLDS) -> dict[str, Path]:
    return {fold: trained / name / fold / "model" for fold in folds}


def test_passport_of_folds(region: tuple[Config, Tables], trained: Path, tmp_path: Path) -> None:
    config, tables = region
    experiment = config.experiment("some_neural")
    write_passport(experiment, layers_of(config), tables, models(trained, "some_neural"), tmp_path)
    table = pd.read_csv(tmp_path / "identifiability.csv").set_index("parameter")
    sites = pd.read_parquet(tmp_path / "identifiability_sites.parquet")
    judged = json.loads((tmp_path / "identifiability.json").read_text())
    assert (table["role"] == "neural").sum() == 5
    assert table["contraction"].between(-0.5, 1).all()
    assert table.loc["q_max", "contraction"] > 0.5 > table.loc["f_poc", "contraction"]
    assert set(table["identified"]) <= {"no", "not judged"}, "folds alone let nothing pass"
    assert table.loc["f_poc", "identified"] == "no"
    assert judged["open"] == table.query("role == 'neural' and identified == 'not judged'").index.tolist()
    assert judged["identified"] == (None if judged["open"] else 0.0)
    assert ("no trainings from random starts" in judged["not_judged"]) == bool(judged["open"])
    assert len(sites) == len(pd.read_parquet(tables.samples))
    assert sites["kept.q_max"].mean() == pytest.approx(table.loc["q_max", "kept"])
    assert any("k_ads" in row["name"] and "k_des" in row["name"] for row in judged["combinations"])


@pytest.mark.parametrize(
    ("name", "folds", "reason"),
    [
        ("pure_network", FOLDS, "no process model"),
        ("some_neural", FOLDS[:1], "one fold only"),
    ],
)
def test_what_cannot_be_judged_never_passes(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path, name: str, folds: tuple[str, ...], reason: str
) -> None:
    config, tables = region
    experiment = config.experiment(name)
    write_passport(experiment, layers_of(config), tables, models(trained, name, folds), tmp_path)
    judged = json.loads((tmp_path / "identifiability.json").read_text())
    assert judged["identified"] is None
    assert reason in judged["not_judged"]
    assert pd.read_csv(tmp_path / "identifiability.csv").empty


def unjudged_passport(
    region: tuple[Config, Tables], folds: dict[str, Path], out: Path, **options: Identifiability
) -> str:
    """Write the passport of `some_neural`, see that nothing passes in it, and return why."""
    config, tables = region
    write_passport(config.experiment("some_neural"), layers_of(config), tables, folds, out, **options)
    judged = json.loads((out / "identifiability.json").read_text())
    assert judged["identified"] is None
    assert judged["sentence"] == f"identifiability is not judged: {judged['not_judged']}"
    assert pd.read_csv(out / "identifiability.csv").empty
    return str(judged["not_judged"])


def test_the_passport_of_a_process_without_derivatives_is_not_judged(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = get_process("five_pool").__class__
    run = process.__call__
    monkeypatch.setattr(process, "__call__", lambda self, p, f: run(self, {n: v.detach() for n, v in p.items()}, f))
    reason = unjudged_passport(region, models(trained, "some_neural"), tmp_path)
    assert reason == "the process model has no derivatives (an output is detached from its parameters)"


def test_the_passport_of_global_parameters_alone_is_not_judged(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_models.model_of({**small_models.SPEC, "neural": [], "shared": ["cue", "q_max", "km_p"]})
    monkeypatch.setattr("hybridmap.experiment.folds.load_model", lambda *_: model)
    reason = unjudged_passport(region, models(trained, "some_neural"), tmp_path)
    assert reason == "all parameters are global or fixed, so there is no map of one"


def test_the_passport_of_a_single_random_start_is_not_judged(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_start(*_: object) -> StartRuns:
        return StartRuns(
            np.zeros((1, len(pd.read_parquet(region[1].samples)), 1)), [0.1, 0.9], np.zeros(1), np.zeros((1, 3, 1))
        )

    monkeypatch.setattr("hybridmap.diagnose.identifiability.passport._starts", one_start)
    reason = unjudged_passport(region, models(trained, "some_neural"), tmp_path, starts=Identifiability(runs=2))
    assert reason.startswith("1 training from random starts reached equal skill, so none can be compared; raise")


@pytest.mark.parametrize("options", [{}, {"starts": Identifiability()}], ids=["folds", "starts"])
def test_the_passport_of_covariates_that_are_all_constant_is_not_judged(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path, options: dict[str, Identifiability]
) -> None:
    samples = pd.read_parquet(region[1].samples)
    constant = samples.assign(**{name: 1.0 for name in samples if name.startswith("covariate.")})
    constant.to_parquet(tmp_path / "samples.parquet")
    tables = Tables(tmp_path / "samples.parquet", region[1].splits)
    reason = unjudged_passport((region[0], tables), models(trained, "some_neural"), tmp_path, **options)
    assert reason == "no covariate varies between the sites, so there is no map; give covariates that do"


def with_samples(region: tuple[Config, Tables], samples: pd.DataFrame, folder: Path) -> tuple[Config, Tables]:
    samples.to_parquet(folder / "samples.parquet")
    return region[0], Tables(folder / "samples.parquet", region[1].splits)


def test_the_passport_without_an_observation_is_not_judged(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path
) -> None:
    empty = with_samples(region, pd.read_parquet(region[1].samples).iloc[:0], tmp_path)
    reason = unjudged_passport(empty, models(trained, "some_neural"), tmp_path)
    assert reason == "no site has an observation of a target, so nothing speaks of a parameter"


def test_samples_without_the_column_of_a_target_are_refused(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path
) -> None:
    config, tables = with_samples(region, pd.read_parquet(region[1].samples).drop(columns="moc_kg_m3"), tmp_path)
    experiment, folds = config.experiment("some_neural"), models(trained, "some_neural")
    with pytest.raises(HybridmapError, match="samples have no column 'moc_kg_m3'; run build and sample again"):
        write_passport(experiment, layers_of(config), tables, folds, tmp_path)
    assert not (tmp_path / "identifiability.json").exists()


def test_folds_of_other_settings_are_not_compared(region: tuple[Config, Tables], trained: Path, tmp_path: Path) -> None:
    config, tables = region
    small_models.save_model(small_models.model_of(), small_models.SPEC, tmp_path / "other")
    folds = models(trained, "some_neural", FOLDS[:1]) | {"block-1": tmp_path / "other"}
    with pytest.raises(HybridmapError, match=r"fold 'block-1' has the neural parameters \['cue', 'q_max'\].*anew"):
        write_passport(config.experiment("some_neural"), layers_of(config), tables, folds, tmp_path)
    assert not (tmp_path / "identifiability.json").exists()


def test_parameters_that_are_all_global_are_not_judged() -> None:
    model = small_models.model_of({**small_models.SPEC, "neural": [], "shared": ["cue", "q_max", "km_p"]})
    with pytest.raises(NotJudgedError, match="all parameters are global or fixed"):
        _check_models({"block-0": model, "block-1": model})


def test_verdict_says_that_it_is_not_judged(trained: Path, small_region: tuple[Config, Path], tmp_path: Path) -> None:
    experiment = small_region[0].experiment("pure_network")
    pd.DataFrame({"part": ["test"], "scheme": ["block"]}).to_parquet(tmp_path / "predictions.parquet")
    judged = {"identified": None, "not_judged": "one fold", "sentence": "identifiability is not judged: one fold"}
    (tmp_path / "identifiability.json").write_text(json.dumps(judged))
    evidence = Evidence(tmp_path / "predictions.parquet", identifiability=tmp_path / "identifiability.json")
    diagnose(experiment, evidence, trained / "pure_network/all/model", tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["identified"] == "not judged"
    assert "one fold" in verdict["parameters"]["sentence"]


def test_trainings_from_random_starts_and_a_profile(
    region: tuple[Config, Tables], trained: Path, tmp_path: Path
) -> None:
    config, tables = region
    experiment = config.experiment("some_neural")
    experiment = experiment.model_copy(
        update={"training": type(experiment.training)(max_epochs=20, patience=20, learning_rate=0.005)}
    )
    options = Identifiability(runs=3, profile=["q_max"])
    folds = models(trained, "some_neural")
    write_passport(experiment, layers_of(config), tables, folds, tmp_path, options)
    judged = json.loads((tmp_path / "identifiability.json").read_text())
    assert len(judged["profiles"]) == 5
    if not judged["not_judged"]:
        table = pd.read_csv(tmp_path / "identifiability.csv").set_index("parameter")
        assert (table["spread_starts"] > table["spread_folds"]).mean() > 0.7, "folds start at the same place"
        assert len(judged["validation_loss"]) == 3
        assert set(judged["rank_correlation_starts"]) == set(experiment.neural), "constants follow no covariate"
        assert all(-1 <= r <= 1 for r in judged["rank_correlation_starts"].values())
        assert set(table["identified"]) <= {"yes", "no"}
        assert judged["identified"] == (table.query("role == 'neural'")["identified"] == "yes").mean()
    wrong = Identifiability(runs=2, profile=["nonsense"])
    with pytest.raises(HybridmapError, match="does not learn 'nonsense'"):
        write_passport(experiment, layers_of(config), tables, folds, tmp_path, wrong)


def test_a_constant_covariate_is_noted(region: tuple[Config, Tables], trained: Path, tmp_path: Path) -> None:
    config, tables = region
    samples = pd.read_parquet(tables.samples).assign(**{"covariate.clay": 20.0})
    samples.to_parquet(tmp_path / "samples.parquet")
    experiment = config.experiment("some_neural")
    constant = Tables(tmp_path / "samples.parquet", tables.splits)
    write_passport(experiment, layers_of(config), constant, models(trained, "some_neural"), tmp_path)
    assert (
        "covariate 'clay' is the same at all sites"
        in json.loads((tmp_path / "identifiability.json").read_text())["notes"][0]
    )
