"""A model on disk predicts what it predicted in memory."""

import pytest
import torch
from small_models import SPEC, landscape, model_of

from hybridmap.errors import HybridmapError
from hybridmap.train import TrainingOptions, fit, load_model, save_model


@pytest.mark.parametrize("process", [SPEC["process"], None])
def test_saved_model_predicts_the_same(tmp_path, process):
    data, _ = landscape(50)
    spec = SPEC | {"process": process}
    model = model_of(spec)
    fit(model, data, data, TrainingOptions(max_epochs=2))
    save_model(model, spec, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    for name, value in model(data.covariates, data.forcing).items():
        assert torch.equal(value, loaded(data.covariates, data.forcing)[name]), name
    with pytest.raises(HybridmapError, match="no trained model"):
        load_model(tmp_path / "nowhere")
