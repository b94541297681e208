"""The prepared script for a GPU node: its dry run, and that it refuses to time what is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")
ROOT = Path(__file__).parents[1]
ABSENT = ("pandas", "xarray", "rasterio", "zarr", "pydantic", "sklearn", "pyproj", "scipy")
BARE = f"import sys\nfor name in {ABSENT}:\n    sys.modules[name] = None\nimport gpu\n"
"""An import of one of them fails, as where it is not installed."""


def run_bare(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}", "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-c", BARE + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)


def test_the_dry_run_goes_through_every_part_on_a_bare_node(tmp_path: Path) -> None:
    done = run_bare("gpu.main(['--dry-run', '--out', 'gpu.json'])", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "gpu.json").read_text())
    measured = " ".join(row["what"] for row in record["rows"])
    assert record["dry_run"]
    assert record["notes"] == []
    for words in ("fused kernels", "CLM5 forward and backward", "five pools", "map, CLM5", "ten folds x four models"):
        assert words in measured
    assert all(row["value"] == row["value"] for row in record["rows"])
    assert "| measured | value | to reach | peak memory [GB] |" in done.stdout


@pytest.mark.nightly
def test_nothing_is_timed_where_the_device_differs(tmp_path: Path) -> None:
    code = (
        "right = gpu.step\n"
        "gpu.step = lambda kernel, *given: right(kernel, *given) * (1.00001 if kernel == 'triton' else 1.0)\n"
        "gpu.main(['--dry-run'])"
    )
    done = run_bare(code, tmp_path)
    assert done.returncode == 1
    assert "differs from the CPU" in done.stderr
    assert "nothing is timed" in done.stderr
    assert "sites/s" not in done.stdout


@pytest.mark.nightly
def test_parts_are_skipped_when_time_is_short(tmp_path: Path) -> None:
    done = run_bare("gpu.main(['--dry-run', '--minutes', '0'])", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    notes = json.loads((tmp_path / "gpu.json").read_text())["notes"]
    assert len(notes) == 4
    assert all("skipped" in note for note in notes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_can_be_done(tmp_path: Path) -> None:
    done = run_bare("gpu.main([])", tmp_path)
    assert done.returncode == 1
    assert "no CUDA device here; --dry-run" in done.stderr
