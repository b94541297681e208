"""From samples to a judgement: a landscape with another law in its east, and what cannot be judged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Experiment, Split
from hybridmap.evaluate import held_out_errors
from hybridmap.evaluate.applicability_threshold import fit_applicability
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.evaluate.extrapolation import learn_expected_error, sentence
from hybridmap.files.reading import read_csv, read_json, read_parquet
from hybridmap.files.results import ExpectedErrorFiles
from hybridmap.samples.clustered_regions import clustered_regions

SITES = 600


@pytest.fixture(autouse=True)
def small_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten trees, so that the tests are quick."""
    (tree,) = held_out_errors.FOREST.candidates
    forest = replace(held_out_errors.FOREST, candidates=(replace(tree, options={**tree.options, "n_estimators": 10}),))
    monkeypatch.setattr(held_out_errors, "FOREST", forest)


def landscape(seed: int = 0, sites: int = SITES) -> pd.DataFrame:
    """Sites in ten degrees; covariates rise eastwards, and beyond nine degrees soils follow another law."""
    random = np.random.default_rng(seed)
    lon, lat = random.uniform(0, 10, sites), random.uniform(45, 50, sites)
    moisture, terrain = lon + random.normal(0, 0.3, sites), random.normal(0, 1, sites)
    soc = np.exp(3 + 0.2 * np.sin(lon) + 0.2 * terrain + np.where(lon > 9, 1.5 * random.normal(0, 1, sites), 0))
    return pd.DataFrame(
        {
            "site_id": [f"s{i}" for i in range(sites)], "group_id": np.arange(sites), "lon": lon, "lat": lat,
            "x": lon, "y": lat, "source": "s", "bd_source": "measured", "landcover": "",
            "top_cm": 0.0, "bottom_cm": 20.0, "soc_density_kg_m3": soc * random.lognormal(0, 0.1, sites),
            "covariate.moisture": moisture, "covariate.terrain": terrain, "forcing.npp": 500.0,
        }
    )  # fmt: skip


def judged(samples: pd.DataFrame, folder: Path, own: bool = False) -> tuple[ExpectedErrorFiles, ExpectedError]:
    folder.mkdir(exist_ok=True)
    block = (samples["lon"] // 1).astype(str) + "_" + (samples["lat"] // 1).astype(str)
    fold = pd.factorize(block)[0] % 5 if block.nunique() > 1 else np.arange(len(samples)) % 5
    schemes = [Split(name="block"), Split(name="region", kind="region", folds=10)]
    splits = [samples[["site_id", "group_id"]].assign(scheme="block", fold=fold, block=block)]
    experiment = Experiment(name="e", process=None, targets=["soc"], splits=["block", "region"] if own else ["block"])
    predictions = pd.DataFrame()
    if own:
        region = clustered_regions(samples, 10)
        splits.append(splits[0].assign(scheme="region", fold=region, block=region.astype(str)))
        # A model that knows everything but the east.
        error = np.where(samples["lon"] > 9, 3.0, 1.1)
        rows = samples[["site_id"]].assign(part="test")
        rows["observed.soc"] = samples["soc_density_kg_m3"]
        rows["predicted.soc"] = samples["soc_density_kg_m3"] * error
        predictions = pd.concat([rows.assign(scheme=s["scheme"].iloc[0], fold=s["fold"]) for s in splits])
    samples.to_parquet(folder / "samples.parquet")
    pd.concat(splits).to_parquet(folder / "splits.parquet")
    predictions.reset_index(drop=True).to_parquet(folder / "predictions.parquet")
    x = samples[["covariate.moisture", "covariate.terrain"]].to_numpy("float32")
    folds = splits[0]["fold"].to_numpy("int64")
    fit_applicability(x, folds, ["moisture", "terrain"], np.ones(2, "float32")).save(folder / "area.npz")
    tables = [folder / f"{name}.parquet" for name in ("samples", "splits", "predictions")]
    learn_expected_error(experiment, schemes, folder / "area.npz", tables, folder / "out")
    files = ExpectedErrorFiles(folder / "out")
    return files, ExpectedError.load(files.table)


def test_a_forest_stands_in_and_everything_is_written(tmp_path: Path) -> None:
    files, errors = judged(landscape(), tmp_path / "a")
    summary = read_json(files.summary)
    assert errors.is_judged
    assert summary["errors_of"] == "a forest in its place"
    assert summary["regions"] == 10
    assert summary["inside"]["coverage"] >= 0.85
    sites = read_parquet(files.sites)
    assert set(sites["held_out"]) == {"cross-validation", "region"}
    assert sites.groupby("held_out")["distance_km"].median().diff().iloc[-1] > 0
    tested = sites[sites["held_out"] == "region"]
    assert tested["inside"].isin([0.0, 1.0]).all()
    assert set(read_csv(files.regions)["part"]) == {"inside", "outside", "all"}
    again, _ = judged(landscape(), tmp_path / "b")
    assert again.table.read_bytes()[-500:] == files.table.read_bytes()[-500:]
    assert read_json(again.summary) == summary
    assert "10 regions held out (a forest in its place): 90% intervals hold" in sentence(summary)


def test_the_experiment_itself_counts_where_it_left_regions_out(tmp_path: Path) -> None:
    files, errors = judged(landscape(), tmp_path / "own", own=True)
    summary = read_json(files.summary)
    assert (summary.get("errors_of"), summary.get("is_own")) == ("e", True), summary
    assert errors.model == "e"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lon": 5.0, "lat": 47.0}, "1 regions hold observations, and 10 are needed"),
        ({"lat": np.nan}, "regions need the coordinates of every site; samples lack lat"),
    ],
)
def test_what_cannot_be_judged_is_said_and_never_applicable(
    change: dict[str, float], reason: str, tmp_path: Path
) -> None:
    files, errors = judged(landscape(sites=200).assign(**change), tmp_path / "n")
    assert reason in errors.reason
    assert not errors.is_judged
    summary = json.loads(files.summary.read_text())
    assert reason in summary["not_judged"]
    assert sentence(summary).startswith("where the map applies is not judged: ")
    assert len(read_parquet(files.sites)) == 0


def test_few_blocks_are_not_enough(tmp_path: Path) -> None:
    samples = landscape(sites=60)
    samples["lon"] = np.where(samples["lon"] > 5, 5.5, 2.5) + np.arange(60) * 1e-3
    samples["lat"] = 47.0 + np.arange(60) * 1e-3
    _, errors = judged(samples, tmp_path / "few")
    assert errors.reason == "2 blocks hold observations, and 20 are needed"
