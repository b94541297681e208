"""What users import: from the package itself, and from where it has always been."""

import subprocess
import sys

import pytest

import hybridmap

OLD_PATHS = {
    "hybrid": ("HybridModel", "Roles", "NetworkModel", "Model", "Run", "TableModel"),
    "losses": ("kge_loss", "multi_task_loss", "LOSSES"),
    "constraints": ("get_constraint", "CONSTRAINTS"),
    "metrics": ("kge", "rmse"),
    "encoders": ("LinearEncoder", "MLP", "NAM", "KAN"),
    "process": ("get_process", "list_processes", "Parameter", "Variable"),
    "train": ("SiteData", "TrainingOptions", "LossOptions", "fit", "fit_members", "load_model", "save_model"),
}


@pytest.mark.parametrize("name", hybridmap.__all__)
def test_the_package_exports(name: str) -> None:
    assert getattr(hybridmap, name) is not None
    assert name in dir(hybridmap)


@pytest.mark.parametrize(("module", "names"), OLD_PATHS.items(), ids=OLD_PATHS.keys())
def test_old_paths_work(module: str, names: tuple[str, ...]) -> None:
    exec(f"from hybridmap.{module} import {', '.join(names)}")


def test_the_package_alone_imports_nothing_heavy() -> None:
    code = "import sys, hybridmap; print([m for m in ('torch', 'pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hybridmap.nothing  # noqa: B018
