"""Figures that the workflow expects are those that the report draws; read without torch."""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT

from hybridmap.config import Config
from hybridmap.config.reading import load_config
from hybridmap.process import get_process
from hybridmap.report.expected import declares_capacity, with_capacity, with_main_map, with_main_target


def changed(**change: object) -> Config:
    raw = load_config(ROOT / "config.yaml").model_dump(by_alias=True)
    raw["predict"] |= change.pop("predict", {})  # type: ignore[operator]
    raw["experiments"][0] |= change
    return Config.model_validate(raw)


def test_every_experiment_of_the_demo_has_its_figures() -> None:
    config = load_config(ROOT / "config.yaml")
    assert with_main_map(config) == [e.name for e in config.experiments if e.map]
    assert with_capacity(config) == [e.name for e in config.experiments if e.process]


def test_a_model_without_soc_or_a_list_without_it_has_no_such_map() -> None:
    config = changed(targets=["moc"])
    first = config.experiments[0].name
    assert first not in with_main_map(config)
    assert first not in with_main_target(config)
    listed = changed(predict={"maps": ["soc_stock"]})
    assert with_main_map(listed) == []
    assert first in with_main_target(listed)


def test_what_is_read_is_what_is_declared(tmp_path: Path) -> None:
    for name in ("five_pool", "respiration", "water_retention", "clm5"):
        assert declares_capacity(name) == (get_process(name).capacity is not None)
    own = tmp_path / "own.py"
    for text, has_capacity in (
        ("class A(ProcessModel):\n    capacity = Capacity('full')", True),
        ("class A(ProcessModel):\n    capacity: Capacity = Capacity('full')", True),
        ("class A(ProcessModel):\n    capacity = None", False),
        ("capacity = 1\nclass A(ProcessModel):\n    name = 'a'", False),
        ("class A(", False),
    ):
        own.write_text(text)
        assert declares_capacity(str(own)) is has_capacity
    assert not declares_capacity(str(tmp_path / "absent.py"))
    assert not declares_capacity("no_such_model")


def test_torch_is_not_imported() -> None:
    code = "import sys, hybridmap.report.expected as e; e.declares_capacity('clm5'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
