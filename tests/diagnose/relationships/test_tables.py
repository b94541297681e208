"""The files of learned relationships, of trained experiments, and what cannot be said."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Config
from hybridmap.diagnose.relationships.tables import Evidence, write_relationships
from hybridmap.errors import HybridmapError
from hybridmap.files.results import RelationshipFiles
from hybridmap.plot.relationships import draw_relationships
from hybridmap.testing.landscape import true_parameters

FOLDS = ("block-0", "block-1", "block-2")
Region = tuple[Config, Path]


def write(region: Region, trained: Path, name: str, out: Path, **change: object) -> tuple[dict, pd.DataFrame]:
    config, folder = region
    options = {"folds": FOLDS, "samples": folder / "samples.parquet", "passport": None, "relations": None} | change
    models = {fold: trained / name / fold / "model" for fold in options["folds"]}
    evidence = Evidence(options["samples"], options["passport"])
    experiment = config.experiment(name)
    write_relationships(experiment, config.all_quantities, evidence, models, out, options["relations"])
    return json.loads((out / "relationships.json").read_text()), pd.read_csv(out / "relationships.csv")


def test_curves_of_parameters_and_targets_with_their_truth(small_region: Region, trained: Path, tmp_path: Path) -> None:
    passport = tmp_path / "identifiability.json"
    judged = {"parameters": ["q_max"], "open": ["cue"], "identified": None}
    passport.write_text(json.dumps({**judged, "rank_correlation_starts": {"q_max": 0.7}}))
    summary, table = write(small_region, trained, "some_neural", tmp_path, relations=true_parameters, passport=passport)
    rows = {row["output"]: row for row in summary["outputs"]}
    assert {name: row["identified"] for name, row in rows.items() if name.startswith("parameter.")} == {
        "parameter.q_max": "yes",
        "parameter.cue": "not judged",
        **dict.fromkeys(("parameter.f_poc", "parameter.vmax_p", "parameter.km_p"), "no"),
    }
    for row in rows.values():
        for share in ("share", "share_dependence", "share_shapley"):
            assert sum(i[share] for i in row["inputs"]) == pytest.approx(1, abs=1e-2)
        shares = [i["share"] for i in row["inputs"]]
        assert shares == sorted(shares, reverse=True)
        assert -1 <= row["rank_correlation_folds"] <= 1
    q_max = rows["parameter.q_max"]
    assert (q_max["rank_correlation_starts"], rows["soc"]["rank_correlation_starts"]) == (0.7, None)
    assert q_max["kl"] > q_max["kl_floor"] > 0
    assert rows["soc"]["kl"] is None
    assert {i["input"] for i in rows["soc"]["inputs"]} >= {"temperature", "npp"}
    assert any("'temperature' is the forcing 'mat' too" in note for note in summary["notes"])
    npp = {i["input"]: i for i in q_max["inputs"]}["npp"]
    assert npp["share"] == 0, "forcing does not enter the encoder"
    assert (table["lowest"] <= table["value"] + 1e-3 * table["value"].abs()).all()
    clay = table[(table["output"] == "parameter.q_max") & (table["input"] == "clay") & (table["method"] == "ale")]
    assert clay["truth"].is_monotonic_increasing
    assert clay["sites"].sum() == summary["sites"]
    shapley = pd.read_parquet(tmp_path / "relationships_sites.parquet")
    total = shapley[shapley["output"] == "soc"].groupby("site_id")["shapley"].sum()
    assert total.std() > 1
    assert draw_relationships(RelationshipFiles(tmp_path), "some_neural", tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 20_000


def test_same_files_twice(small_region: Region, trained: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(small_region, trained, "pure_network", tmp_path / name)
    for name in ("relationships.csv", "relationships.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_one_fold_is_not_compared(small_region: Region, trained: Path, tmp_path: Path) -> None:
    summary, _ = write(small_region, trained, "some_neural", tmp_path, folds=FOLDS[:1])
    assert any("one fold only" in note for note in summary["notes"])
    assert summary["outputs"][0]["rank_correlation_folds"] is None
    assert summary["outputs"][0]["inputs"][0]["spread_folds"] is None
    assert draw_relationships(RelationshipFiles(tmp_path), "one fold", tmp_path / "figure.png")


def test_constant_covariate_is_noted_and_no_covariate_is_a_sentence(
    small_region: Region, trained: Path, tmp_path: Path
) -> None:
    samples = pd.read_parquet(small_region[1] / "samples.parquet")
    samples["covariate.clay"] = 20.0
    samples.to_parquet(tmp_path / "samples.parquet")
    summary, table = write(small_region, trained, "some_neural", tmp_path, samples=tmp_path / "samples.parquet")
    assert "covariate 'clay' is the same at all sites: nothing can be said of it" in summary["notes"]
    assert "clay" not in set(table["input"])
    layers = [c for c in samples if c.startswith(("covariate.", "forcing."))]
    samples[layers] = samples[layers].iloc[0].to_numpy()
    samples.to_parquet(tmp_path / "samples.parquet")
    summary, table = write(small_region, trained, "some_neural", tmp_path, samples=tmp_path / "samples.parquet")
    assert summary["outputs"] == []
    assert "no input that varies" in summary["sentence"]
    assert not draw_relationships(RelationshipFiles(tmp_path), "none", tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_a_fold_that_is_missing_is_an_error_and_no_result(small_region: Region, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"model.yaml: missing, so there is no trained model here"):
        write(small_region, trained, "some_neural", tmp_path, folds=(*FOLDS[:1], "block-9"))
    assert not list(tmp_path.iterdir())


def test_truth_without_its_covariate_is_a_note(small_region: Region, trained: Path, tmp_path: Path) -> None:
    def relations(covariates: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"q_max": covariates["geology"]}

    summary, table = write(small_region, trained, "some_neural", tmp_path, relations=relations)
    assert any("needs the covariate 'geology'" in note for note in summary["notes"])
    assert table["truth"].isna().all()
