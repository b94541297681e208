"""PRODA beside an experiment of a region: which rows are used, and what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trainings import layers_of

from hybridmap.config import Config, Proda
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.proda.tables import Region, used_rows, write_proda
from hybridmap.files.results import ProdaFiles
from hybridmap.plot.proda import draw_proda
from hybridmap.quantities import QUANTITIES

pytest.importorskip("emcee")
pytest.importorskip("arviz_stats")

SOC = [QUANTITIES["soc"]]


def layers(counts: dict[str, int]) -> pd.DataFrame:
    names = [name for name, count in counts.items() for _ in range(count)]
    return pd.DataFrame(
        {"site_id": [f"s{k}" for k in range(len(names))], "profile_id": names, QUANTITIES["soc"].column: 5.0}
    )


def test_the_layers_of_a_profile_are_a_site_where_columns_are_modelled_and_no_others() -> None:
    samples, options = layers({"a": 3, "b": 2, "c": 4}), Proda(experiments=["x"])
    table, site = used_rows(samples, SOC, True, options)
    assert table["profile_id"].tolist() == ["a"] * 3 + ["c"] * 4
    assert site.tolist() == [0] * 3 + [1] * 4
    with pytest.raises(HybridmapError, match="none of 9 sites has 3 observations above 0 of soc; at most 1"):
        used_rows(samples, SOC, False, options)


def test_values_that_have_no_logarithm_count_for_nothing() -> None:
    samples = layers({"a": 3, "b": 4})
    samples.loc[[0, 3], QUANTITIES["soc"].column] = [0.0, np.nan]
    table, _ = used_rows(samples, SOC, True, Proda(experiments=["x"]))
    assert table["profile_id"].tolist() == ["b"] * 3


def test_sites_are_drawn_whole_and_by_the_seed() -> None:
    samples = layers({f"p{k}": 3 for k in range(50)})
    drawn = [
        used_rows(samples, SOC, True, Proda(experiments=["x"], most_sites=10, seed=seed))[0]["site_id"].tolist()
        for seed in (1, 1, 2)
    ]
    assert len(drawn[0]) == 30
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.nightly
def test_what_is_written_of_a_region(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    config, folder = small_region
    options = Proda(experiments=["some_neural"], observations=2, most_sites=45, draws=50, rounds=2, r_hat=1.5)
    trained = config.experiment("some_neural")
    training = replace(trained.training, max_epochs=3, patience=3)
    experiment = trained.model_copy(update={"targets": ["soc", "poc", "moc"], "training": training})
    files = ProdaFiles(tmp_path)
    folds = next(split.folds for split in config.splits if split.name == experiment.splits[0])
    region = Region(layers_of(config), folder / "samples.parquet", folder / "splits.parquet", folds)
    write_proda(experiment, options, region, tmp_path)
    draw_proda(files, config.all_quantities["soc"])
    summary, sites = json.loads(files.summary.read_text()), pd.read_parquet(files.sites)
    assert summary["eligibility"]["sites"] == len(sites) == 45
    assert summary["eligibility"]["eligible"] == sites["eligible"].sum() > 0
    converged = sites["r_hat_mean"] < 1.5
    assert (sites["eligible"] == (converged & (sites["r2_mean"] > 0))).all()
    predictions = pd.read_parquet(files.predictions).set_index("site_id")
    tested = predictions["proda.soc"].notna()
    assert set(predictions.index[tested]) == set(sites.loc[sites["eligible"], "site_id"])
    assert (predictions["hybrid.soc"].notna() == tested).all()
    samples = pd.read_parquet(folder / "samples.parquet").set_index("site_id")
    observed = samples.loc[predictions.index, QUANTITIES["soc"].column]
    assert np.allclose(predictions["observed.soc"], observed, rtol=1e-5, equal_nan=True)
    bias = pd.read_csv(files.bias)
    assert set(bias["experiment"]) == {"hybrid", "proda"}
    assert set(pd.read_csv(files.scores)["rung"]) >= {"hybrid", "proda"}
    assert all(path.stat().st_size > 5000 for path in (files.bias_map, files.parameter_map))
