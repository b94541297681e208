"""Experiments judged in memory: who trains, who stops, and who is never seen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Config, Experiment
from hybridmap.experiment.fold_predictions import Parts, parts_of_folds, predict_parts
from hybridmap.experiment.layers import ModelLayers
from hybridmap.samples.folds import roles_in_fold

FOLDS = 5


def test_outer_parts_are_the_roles_of_the_workflow() -> None:
    fold = np.random.default_rng(0).integers(0, FOLDS, 50)
    samples = pd.DataFrame({"site_id": [str(k) for k in range(50)]})
    splits = samples.assign(scheme="block", fold=fold, buffer=0.0, nested=False)
    for k, part in enumerate(parts_of_folds(fold, FOLDS)):
        roles = roles_in_fold(samples, splits, f"block-{k}", "block").to_numpy()
        for rows, role in zip(part, ("train", "validation", "test"), strict=True):
            np.testing.assert_array_equal(rows, np.flatnonzero(roles == role))


@pytest.mark.parametrize("uncertainty", [{"method": "none"}, {"method": "ensemble", "members": 2}])
def test_what_is_predicted_is_never_learned_from(
    small_region: tuple[Config, Path], uncertainty: dict[str, object]
) -> None:
    config, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    block = {
        "name": "x",
        "process": None,
        "targets": ["soc"],
        "training": {"max_epochs": 3},
        "uncertainty": uncertainty,
    }
    experiment = Experiment.model_validate(block)
    rows = np.arange(len(samples))
    parts = [Parts(rows[::3], rows[1::3], rows[2::3])]
    (table,) = predict_parts(experiment, layers, samples, parts)
    assert table.index.tolist() == rows[2::3].tolist()
    column = "soc_density_kg_m3"
    hidden = samples.assign(**{column: samples[column].where(np.arange(len(samples)) % 3 != 2, 1e3)})
    pd.testing.assert_frame_equal(table, predict_parts(experiment, layers, hidden, parts)[0])
