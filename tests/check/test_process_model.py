"""A user's model in a file of its own: found, checked, trained, kept with its weights."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from small_models import COLUMN
from trainings import train_experiment

from hybridmap.check.process_model import check_model
from hybridmap.cli import main
from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.process import check_inputs, get_process, list_processes
from hybridmap.testing.clm5_sites import make_clm5_sites
from hybridmap.train import load_model

SOURCE = re.search(r"```python\n(.*?)```", (ROOT / "docs/own_model.md").read_text(), re.DOTALL).group(1)  # type: ignore[union-attr]


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "two_pools.py"
    path.write_text(SOURCE)
    return path


@pytest.mark.nightly
@pytest.mark.parametrize("name", list_processes())
def test_models_of_the_package_pass_their_own_check(name: str, tmp_path: Path) -> None:
    options: dict[str, object] = {"formulation": "constrained"} if name == "five_pool" else {}
    if name == "clm5_interval":
        np.savez(tmp_path / "t.npz", **{k: np.asarray(v) for k, v in make_clm5_sites(5, 0).forcing.items()})
        options = {"table": str(tmp_path / "t.npz")}
    lines = check_model(name, **options)
    assert len(lines) == 11
    assert all(line.startswith("ok") for line in lines[:10])
    assert lines[10].startswith("skip region: " if name == "clm5" else "ok   region: trained on")


@pytest.mark.nightly
def test_the_model_of_the_docs_passes(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(model_file)]) == 0
    assert capsys.readouterr().err.count("ok ") == 11
    assert main(["check", "respiration"]) == 0  # a model of the package, by its name
    assert capsys.readouterr().err.count("ok ") == 11


BROKEN = [
    ("bounds", 'k_fast", 0.8, 0.1', 'k_fast", 0.05, 0.1', "parameter 'k_fast': default 0.05"),
    ("start on a bound", 'k_fast", 0.8, 0.1', 'k_fast", 0.1, 0.1', "k_fast starts at 0.1, which is not"),
    ("no unit", '"yr-1", "decay of fresh', '"", "decay of fresh', "needs a unit"),
    ("no range", "valid_range=(0, 4000)", "valid_range=None", "has no valid_range"),
    ("detached", 'p["humified"] * litter', 'p["humified"].detach() * litter', "differ from central differences"),
    ("mixed sites", "poc = litter", "poc = litter.mean() + 0 * litter", "NaN in forcing 'npp' of one site changes"),
    (
        "swallows NaN",
        "litter = f",
        "litter = __import__('torch').nan_to_num(f['npp']) / 200 + 0 * 1 # f",
        "numbers there",
    ),
    ("random", "poc = litter", "poc = litter * __import__('torch').rand(1)", "two calls differ"),
    ("wrong dtype", '"poc": poc.to(dtype)', '"poc": poc', "comes back as torch.float64"),
    ("undeclared", '"poc": poc.to(dtype), ', "", "returned ['moc', 'soc']"),
    ("undeclared, said", '"poc": poc.to(dtype), ', "", "the output 'poc' is declared and not returned"),
    ("unknown output", '"poc": poc', '"doc": poc, "poc": poc', "returned 'doc', which is no declared output"),
    ("name twice", 'Variable("poc"', 'Variable("k_slow"', "the name 'k_slow' is used twice"),
    (
        "steady state",
        'name = "two_pools"',
        'name = "t"; steady_state = "stable"',
        "steady_state names the output 'stable'",
    ),
    (
        "losses",
        'name = "two_pools"',
        'name = "t"; losses = ("poc",)',
        "the loss 'poc' is in kg m-3, expected kg m-3 yr-1",
    ),
    (
        "checks",
        "    checks = (",
        "    checks = (Check('a', 'moc', 'b', above=2, below=1),",
        "check 'a' fails between 2 and 1",
    ),
    (
        "penalty",
        'name = "two_pools"',
        'name = "t"; penalties = {"p": lambda o, known: o["poc"]}',
        "'p' of 64 sites is not one",
    ),
    ("infinite", "moc = p", "moc = litter / 0 + p", "not finite"),
]


@pytest.mark.parametrize(("old", "new", "says"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_the_check_says_what_to_mend(model_file: Path, old: str, new: str, says: str) -> None:
    assert old in SOURCE
    model_file.write_text(SOURCE.replace(old, new))
    with pytest.raises(HybridmapError, match="checks failed") as error:
        check_model(str(model_file))
    assert says in str(error.value)


IN_A_REGION = [
    (
        "another unit",
        '"kg m-3", "all carbon"',
        '"g m-3", "all carbon"',
        "gives 'soc' in g m-3; the quantity is in kg m-3",
    ),
    ("no finite number", "poc = litter", "poc = (litter - litter).log() * litter", "checks failed"),
    (
        "penalty that the losses cannot take",
        'name = "two_pools"',
        'name = "t"; penalties = {"p": lambda o, known=None: o["nothing"].mean()}',
        "nothing",
    ),
]


@pytest.mark.parametrize(("old", "new", "says"), [b[1:] for b in IN_A_REGION], ids=[b[0] for b in IN_A_REGION])
def test_what_the_workflow_refuses_the_check_refuses(model_file: Path, old: str, new: str, says: str) -> None:
    assert old in SOURCE
    model_file.write_text(SOURCE.replace(old, new))
    with pytest.raises(HybridmapError) as error:
        check_model(str(model_file))
    assert says in str(error.value)


@pytest.mark.nightly
def test_any_output_can_be_a_quantity_of_the_region(model_file: Path) -> None:
    renamed = SOURCE.replace('"poc"', '"respiration"').replace('"moc"', '"leaching"').replace('"soc"', '"extinct"')
    model_file.write_text(re.sub(r"    checks = .*\n", "", renamed))
    line = check_model(str(model_file))[-1]
    assert line.startswith("ok   region: trained on respiration, leaching, extinct at 150 sites, ")


@pytest.mark.parametrize(
    ("text", "says"),
    [("x = (", "cannot be imported"), ("x = 1", "expected one class"), (None, "no process model file")],
)
def test_files_that_hold_no_model(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "m.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HybridmapError, match=says):
        check_model(str(path))


def test_trained_and_kept_with_its_weights(small_region: tuple[Config, Path], model_file: Path, tmp_path: Path) -> None:
    config, folder = small_region
    raw = config.model_dump(mode="json", by_alias=True)
    mine = {**raw["experiments"][2], "name": "mine", "process": {"name": str(model_file), "options": {}}}
    raw["experiments"] = [{**mine, "neural": ["k_slow"], "global": "all", "targets": ["soc", "poc", "moc"]}]
    tables = folder / "samples.parquet", folder / "splits.parquet"
    train_experiment(Config.model_validate(raw), "mine", ["all"], *tables, tmp_path)
    model_file.unlink()
    with pytest.raises(HybridmapError, match="a program that would be run; read it, and load with trust=True"):
        load_model(tmp_path / "all/model")
    model = load_model(tmp_path / "all/model", trust=True)
    assert model.neural_names == ("k_slow",)
    assert (tmp_path / "all/model/process.py").read_text() == SOURCE


def test_inputs_in_another_unit_or_shape_are_named() -> None:
    model = get_process("five_pool")
    npp, mat = torch.tensor([500.0, 600.0]), torch.tensor([10.0, 283.0])
    with pytest.raises(ValueError, match=r"forcing 'mat' is 283 at site 1, expected -40 to 45 degC; check its unit"):
        check_inputs(model, {}, {"npp": npp, "mat": mat})
    with pytest.raises(ValueError, match=r"parameter 'cue' is 0.9 at site 0, expected 0.1 to 0.6"):
        check_inputs(model, {"cue": torch.tensor([0.9, 0.3])}, {})
    with pytest.raises(ValueError, match=r"'cue' has shape \(3,\), expected \(\) or \(2,\)"):
        model({"cue": torch.ones(3)}, {"npp": npp, "mat": npp})
    with pytest.raises(ValueError, match="forcing 'mat' has 3 sites"):
        model({}, {"npp": npp, "mat": torch.ones(3)})


def test_a_column_of_layers_passes_and_runs_in_a_region(model_file: Path) -> None:
    model_file.write_text(COLUMN)
    lines = check_model(str(model_file))
    assert any("3 layers to 1 m" in line for line in lines)
    assert lines[-1].startswith("ok   region: trained on soc")


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("()", "give layer_interfaces, their ends in m from 0 down, or observe"),
        ("(0.0, 0.1, 1.0)", "2 layers between layer_interfaces do not fit the outputs"),
        ("(0.0, 0.3, 0.1, 1.0)", "give layer_interfaces"),
    ],
)
def test_layers_that_do_not_fit_are_named(model_file: Path, ends: str, says: str) -> None:
    model_file.write_text(COLUMN.replace("(0.0, 0.1, 0.3, 1.0)", ends))
    with pytest.raises(HybridmapError, match="checks failed") as error:
        check_model(str(model_file))
    assert says in str(error.value)
