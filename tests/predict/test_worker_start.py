"""Workers begin early only where the cube can be read and is large."""

from multiprocessing import forkserver
from pathlib import Path

import pytest

from hybridmap.predict.worker_start import start_early

METADATA = {
    '{"shape": [5000, 5000]}': True,
    '{"shape": [50, 50]}': False,
    '{"shape": [5000]}': False,
    '{"shape": ["a", "b"]}': False,
    '{"shape": null}': False,
    "[1]": False,
    "": False,
    '{"shape": [3, 5000': False,
    "\0\0\0": False,
    "[" * 100_000: False,
}


@pytest.mark.parametrize(("text", "begins"), METADATA.items(), ids=range(len(METADATA)))
def test_damaged_metadata_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, begins: bool
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(forkserver, "ensure_running", lambda: calls.append(True))
    (tmp_path / "complete").mkdir()
    (tmp_path / "complete" / "zarr.json").write_text(text)
    start_early(tmp_path)
    assert bool(calls) is begins


def test_no_cube_begins_nothing(tmp_path: Path) -> None:
    start_early(tmp_path / "absent.zarr")
