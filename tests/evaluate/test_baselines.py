"""Ordinary models: the same folds as the hybrid ones, the right parts for the right things."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Config
from hybridmap.config.baselines import BASELINES
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.evaluate.baselines import baseline
from hybridmap.samples.folds import roles_in_fold


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_score_the_same_test_sites(small_region: tuple[Config, Path], tmp_path: Path, name: str) -> None:
    config, folder = small_region
    tables = folder / "samples.parquet", folder / "splits.parquet"
    baseline(name, config.covariates, config.splits, *tables, tmp_path)
    table, scores = pd.read_parquet(tmp_path / "predictions.parquet"), pd.read_csv(tmp_path / "metrics.csv")
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    one = table[table["fold"] == 1].set_index("site_id")
    parts = roles_in_fold(samples, splits, "block-1", "block")
    assert (one["part"].loc[samples["site_id"]].to_numpy() == parts.to_numpy()).all()
    test = table[table["part"] == "test"]
    pooled = scores[(scores["fold"] == "pooled") & (scores["target"] == "soc") & (scores["subset"] == "all")]
    assert pooled["nse"].item() == pytest.approx(metrics.nse(test["predicted.soc"], test["observed.soc"]), rel=1e-4)
    assert pooled["pearson"].item() > 0.3
    assert set(scores["model"]) == {name}


def test_test_sites_never_train(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    config, folder = small_region
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    test = (roles_in_fold(samples, splits, "block-0", "block") == "test").to_numpy()
    changed = samples.copy()
    changed.loc[test, "soc_density_kg_m3"] = 199.0
    out = []
    for k, table in enumerate((samples, changed)):
        table.to_parquet(tmp_path / "s.parquet")
        tables = tmp_path / "s.parquet", folder / "splits.parquet"
        baseline("linear", config.covariates, config.splits, *tables, tmp_path / str(k))
        found = pd.read_parquet(tmp_path / str(k) / "predictions.parquet")
        out.append(found.loc[found["fold"] == 0, "predicted.soc"].to_numpy())
    np.testing.assert_array_equal(*out)
    samples.loc[~test, "mbc_kg_m3"] = np.nan
    samples.to_parquet(tmp_path / "s.parquet")
    baseline("linear", config.covariates, config.splits, *tables, tmp_path / "x")
    assert set(pd.read_csv(tmp_path / "x" / "metrics.csv")["target"]) == {"soc", "poc", "moc"}
    samples.loc[~test, ["soc_density_kg_m3", "poc_kg_m3", "moc_kg_m3"]] = np.nan
    samples.to_parquet(tmp_path / "s.parquet")
    with pytest.raises(HybridmapError, match="no quantity has enough observations to train in every fold"):
        baseline("linear", config.covariates, config.splits, *tables, tmp_path / "y")
    assert not (tmp_path / "y").exists()
