"""Sums beside a store or the models of an experiment: what is lost is named."""

from pathlib import Path

import pytest

from hybridmap.experiment.training import note_models
from hybridmap.files.sums import lost_file, store_of, sums_file


@pytest.mark.parametrize("store", ["experiments/own", "experiments/own/block-0"])
def test_sums_of_models_name_every_file_that_is_kept(tmp_path: Path, store: str) -> None:
    folders = [tmp_path / "experiments/own" / fold for fold in ("block-0", "all")][: 1 + (store.count("/") == 1)]
    kept = ("history.parquet", "history.csv", "model/weights.safetensors", "model/members.safetensors")
    for folder in folders:
        (folder / "model").mkdir(parents=True)
        (folder / "tensorboard").mkdir()
        for name in (*kept, "train.lock", "tensorboard/events"):
            (folder / name).write_text(name)
    sums = sums_file(tmp_path / store)
    note_models(folders, sums)
    assert store_of(sums) == tmp_path / store
    assert lost_file(tmp_path / store) == ""
    for folder in folders:
        (folder / "train.lock").unlink()
        (folder / "tensorboard/events").unlink()
        assert lost_file(tmp_path / store) == ""
        for name in kept:
            (folder / name).rename(folder / "aside")
            assert lost_file(tmp_path / store).endswith(name)
            (folder / "aside").rename(folder / name)
