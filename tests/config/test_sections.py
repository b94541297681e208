"""The sections of the configuration, and the package that serves them by name."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

from hybridmap import config


def test_every_name_is_served_from_its_module_and_known_to_type_checkers() -> None:
    tree = ast.parse((ROOT / "hybridmap/config/__init__.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    typed = {
        alias.asname: str(node.module).removeprefix("hybridmap.config.")
        for node in imports
        for alias in node.names
        if alias.asname
    }
    assert typed == config.MODULES
    for name in config.MODULES:
        assert getattr(config, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = config.Nothing


def test_one_section_does_not_import_the_others() -> None:
    program = "import sys; from hybridmap.config import Build; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "hybridmap.config.observations" in modules
    assert not {"hybridmap.config.region", "hybridmap.config.experiment", "hybridmap.config.maps"} & set(modules)
