"""What earlier stages wrote is read as it was written, or refused in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_csv, read_json, read_npz, read_parquet, read_state
from hybridmap.files.tables import write_json, write_parquet, write_state

TABLE = pd.DataFrame({"site": ["a", "b", "c"] * 50, "soc": np.arange(150.0)})


def written(folder: Path) -> dict[str, tuple[Path, Callable[[Path], Any]]]:
    write_parquet(TABLE, folder / "t.parquet")
    write_state({"factor": 1.5, "of": {"soc": 2.0}}, folder / "s.json")
    np.savez(folder / "a.npz", a=np.arange(50.0), version=1)
    return {
        "parquet": (folder / "t.parquet", read_parquet),
        "state": (folder / "s.json", read_state),
        "npz": (folder / "a.npz", read_npz),
    }


def same(left: Any, right: Any) -> bool:
    if isinstance(left, pd.DataFrame):
        return bool(left.equals(right))
    if "version" in right:  # who asks for arrays knows their names, and misses those whose name is damaged
        return all(np.array_equal(left[k], right[k]) for k in left)
    return bool(left == right)


@pytest.mark.parametrize("kind", ["parquet", "state", "npz"])
def test_every_kind_of_damage_is_refused_or_changes_nothing(tmp_path: Path, kind: str) -> None:
    path, read = written(tmp_path)[kind]
    whole, content = read(path), path.read_bytes()
    places = range(0, len(content), max(1, len(content) // 150))
    flips = [content[:k] + bytes([content[k] ^ 1 << k % 8]) + content[k + 1 :] for k in places]
    cuts = [content[:k] for k in places]
    zeros = [content[:k] + bytes(len(content) - k) for k in places]
    refused = []
    for damage in [*flips, *cuts, *zeros, b"", bytes(len(content))]:
        path.write_bytes(damage)
        try:
            assert same(read(path), whole)
        except HybridmapError as error:
            refused.append(str(error))
    assert len(refused) > 0.9 * len([*cuts, *zeros])
    assert all(words.startswith(f"{path}: damaged (") for words in refused)
    assert all(words.endswith("delete it and run again, so that its stage makes it anew.") for words in refused)


def test_other_programs_read_a_sealed_table_and_tables_of_others_are_read(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").to_pandas().equals(TABLE)
    TABLE.to_parquet(tmp_path / "other.parquet")
    assert read_parquet(tmp_path / "other.parquet", ["soc"]).equals(TABLE[["soc"]])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"t\.parquet: no such file; run the stage that makes it first"):
        read_parquet(tmp_path / "t.parquet")
    write_json([1], tmp_path / "l.json")
    assert read_json(tmp_path / "l.json") == [1]
    with pytest.raises(HybridmapError, match="damaged"):
        read_state(tmp_path / "l.json")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3,4\n1\n5,6,7,8,9\n", b'a,b\n"1,2\n', b"\xff\xfe\x00a,b"])
def test_a_csv_that_is_none_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(HybridmapError, match=r"metrics.csv: damaged .*; delete it and run again"):
        read_csv(tmp_path / "metrics.csv")
