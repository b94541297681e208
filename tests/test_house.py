"""Promises of the project as a whole: what imports what, what mirrors what."""

import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

CORE = (
    "process", "encoders", "model.hybrid", "model.specification", "model.draws", "train", "evaluate.metrics",
    "evaluate.importance", "constraints", "losses", "metrics", "hybrid",
)  # fmt: skip

BLOCKED = """
import sys
for name in ("pandas", "pydantic", "yaml", "zarr", "rasterio", "geopandas", "xarray", "scipy", "safetensors", "tqdm"):
    sys.modules[name] = None  # importing it now fails as if it were not installed
import importlib
for room in ROOMS:
    importlib.import_module("hybridmap." + room)
import torch
from hybridmap.model import HybridModel, Roles
from hybridmap.encoders import MLP
from hybridmap.process import get_process
from hybridmap.train import SiteData, TrainingOptions, fit
torch.manual_seed(0)
model = HybridModel(get_process("five_pool"), Roles(neural=["cue"]), MLP(2, 1, hidden=[4]),
                    covariate_names=["a", "b"], target_names=["soc"])
x = torch.randn(40, 2)
data = SiteData(x, {"npp": torch.full((40,), 500.0), "mat": 10 + x[:, 0]}, {"soc": 30 + 5 * x[:, 0]})
history = fit(model, data, data, TrainingOptions(max_epochs=3))
assert len(history) == 3
"""


def test_the_core_trains_with_torch_and_numpy_alone() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED.replace("ROOMS", repr(CORE))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def pins() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "--"))]


def test_the_conda_environment_mirrors_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "envs/hybridmap.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == pins()


def test_the_lock_is_exact_and_holds_torch() -> None:
    assert "torch==2.13.0" in pins()
    assert all("==" in pin for pin in pins())


@pytest.mark.parametrize("path", sorted((ROOT / "hybridmap").rglob("*.py")), ids=lambda p: p.stem)
def test_modules_stay_readable(path: object) -> None:
    assert len(path.read_text().splitlines()) <= 400  # type: ignore[attr-defined]
