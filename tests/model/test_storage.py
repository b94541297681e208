"""A model on disk predicts what it predicted in memory."""

import pytest
import torch
import yaml
from conftest import ROOT
from small_models import SPEC, landscape, model_of

import hybridmap
from hybridmap.errors import HybridmapError
from hybridmap.model.durable_files import sealed
from hybridmap.train import TrainingOptions, fit, load_members, load_model, save_model


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


SOURCE = (ROOT / "docs/own_model.md").read_text().split("```python\n")[1].split("```")[0]


def test_a_process_model_in_the_folder_runs_only_if_told_so(tmp_path):
    source = tmp_path / "mine.py"
    mark = tmp_path / "ran"
    source.write_text(f"open({str(mark)!r}, 'w').close()\n" + SOURCE)
    spec = SPEC | {
        "process": {"name": str(source), "options": {}}, "neural": ["k_slow"], "shared": "all", "fixed": {},
        "bounds": {}, "start": {}, "targets": ["soc", "poc", "moc"],
    }  # fmt: skip
    save_model(model_of(spec), spec, tmp_path / "model")
    mark.unlink()
    for attempt in (load_model, load_members, hybridmap.load):
        if attempt is not load_members:  # one member, and so nothing to load
            with pytest.raises(HybridmapError, match="read it, and load with trust=True"):
                attempt(tmp_path / "model")
    assert not mark.exists()
    assert hybridmap.load(tmp_path / "model", trust=True).neural_names == ("k_slow",)
    assert mark.exists()


@pytest.mark.parametrize("name", ["/tmp/evil.py", "../evil.py", "evil.py", "~/evil.py", "process.py/../evil.py", "os"])
def test_no_other_file_that_a_model_names_is_ever_run(tmp_path, name):
    save_model(model_of(SPEC), SPEC, tmp_path)
    stored = yaml.safe_load((tmp_path / "model.yaml").read_text())
    stored["process"]["name"] = name
    del stored["seal"]
    (tmp_path / "model.yaml").write_bytes(sealed(yaml.safe_dump(stored)))
    with pytest.raises(HybridmapError, match=r"only those of hybridmap and process\.py beside it are run"):
        load_model(tmp_path, trust=True)
