"""Classes and coordinates among the covariates; splits that the papers used."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from hybridmap.config import Split
from hybridmap.encoders import Embedding, MixedInputs, PositionalEncoder
from hybridmap.errors import HybridmapError
from hybridmap.model.specification import build_model
from hybridmap.samples.schemes import Geography, degree_blocks
from hybridmap.samples.splits import assign_folds

SPEC = {
    "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
    "neural": ["cue"],
    "shared": "none",
    "fixed": {},
    "bounds": {},
    "constraint": "sigmoid",
    "encoder": {"name": "linear", "positional": ["lon", "lat"]},
    "covariates": ["lon", "clay", "cover", "lat"],
    "categorical": {"cover": [3.0, 7.0]},
    "forcing": ["npp", "mat"],
    "forcing_constants": {"depth": 0.2},
    "targets": ["soc"],
}


def test_positional_features_equal_the_vectors(shared):
    vectors = np.load(shared / "vectors/clm5/dev.npz")
    waves = PositionalEncoder.waves(torch.tensor(vectors["pe_lonlat"]))
    np.testing.assert_allclose(waves, vectors["pe_features"], atol=1e-7)  # the shortest wave has 1e8 periods here


def test_degree_blocks_equal_the_vectors(shared):
    vectors = np.load(shared / "vectors/clm5/dev.npz")
    lon, lat = vectors["split_lonlat"].T
    np.testing.assert_array_equal(degree_blocks(lon, lat), vectors["split_fold"])


def test_unseen_classes_get_the_zero_vector():
    embed = Embedding([3.0, 7.0, 3.0], 4)
    out = embed(torch.tensor([3.0, 7.0, 5.0]))
    assert torch.equal(out[0], embed.table[0])
    assert torch.equal(out[1], embed.table[1])
    assert not out[2].any()


def test_classes_and_coordinates_are_not_standardised():
    torch.manual_seed(0)
    model = build_model(SPEC)
    x = torch.tensor([[10.0, 20.0, 3.0, 50.0], [11.0, 40.0, 7.0, 51.0]])
    model.fit_inputs(x)
    assert model.standardise.mean.tolist() == [0.0, 30.0, 0.0, 0.0]
    features = model.features(x)
    assert features.shape == (2, 1 + 5 + 128) == (2, model.inputs.n_features)
    assert features[:, 0].tolist() == [-1.0, 1.0]
    assert torch.equal(features[0, 1:6], model.inputs.embeddings[0].table[0])
    with pytest.raises(ValueError, match="no covariate 'x'"):
        MixedInputs(["a"], {}, ["x", "a"])
    with pytest.raises(ValueError, match="longitude and latitude"):
        MixedInputs(["a"], {}, ["a"])


def test_strata_test_on_temperatures_never_trained_on():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"site_id": range(100), "group_id": np.arange(100) // 2, "x": 0.0, "y": 0.0})
    table["forcing.mat"] = random.normal(8, 4, 100)
    folds = assign_folds(table, Split(name="temperature", kind="strata", folds=5, layer="mat"), Geography(1.0))
    group = table.groupby("group_id")["forcing.mat"].mean()
    fold = folds.groupby("group_id")["fold"]
    assert (fold.nunique() == 1).all()
    ranges = [group[fold.first() == k] for k in range(5)]
    assert all(a.max() < b.min() for a, b in pairwise(ranges))
    assert [len(r) for r in ranges] == [10] * 5
    with pytest.raises(HybridmapError, match="no layer 'bio1' to make strata of; there are"):
        assign_folds(table, Split(name="t", kind="strata", layer="bio1"), Geography(1.0))
    table["forcing.mat"] = 1.0
    with pytest.raises(HybridmapError, match="too few values for 5 strata"):
        assign_folds(table, Split(name="t", kind="strata", layer="mat"), Geography(1.0))
