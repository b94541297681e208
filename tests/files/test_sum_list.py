"""One file that stands for several."""

import os
from pathlib import Path
from zlib import crc32

import pytest

from hybridmap.cli import main
from hybridmap.files.sum_list import write_sum_list


def listed(files: list[Path], *texts: str) -> bytes:
    out = files[0].parent / "parts/inputs.txt"
    write_sum_list(files, texts, out)
    assert [p.name for p in out.parent.iterdir()] == ["inputs.txt"]
    return out.read_bytes()


def test_it_changes_with_each_file_and_text_and_no_other_way(tmp_path: Path) -> None:
    files = [tmp_path / "model.sums", tmp_path / os.fsdecode(b"sa\xffples.parquet")]
    for file in files:
        file.write_text("carbon")
    first = listed(files, "0a1b", "")
    assert first.splitlines()[:3] == [b"0a1b", b"", b"%d 6 %s" % (crc32(b"carbon"), bytes(files[0]))]
    for file in files:
        os.utime(file, (0, 0))
        assert listed(files, "0a1b", "") == first
        file.write_text("Carbon")
        assert listed(files, "0a1b", "") != first
        file.write_text("carbon")
    assert listed(files, "0a1c", "") != first
    assert listed(files, "0a1b", "0") != first
    assert listed(files[:1], "0a1b", "") != first


def test_the_verb_takes_texts_that_are_empty(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("carbon")
    words = ["sums", str(tmp_path / "one"), "--also", "0a1b", "", "--out", str(tmp_path / "list")]
    assert main(words) == 0
    assert (tmp_path / "list").read_text() == f"0a1b\n\n{crc32(b'carbon')} 6 {tmp_path / 'one'}\n"


@pytest.mark.parametrize(("name", "reason"), [("absent", "No such file"), ("", "Is a directory")])
def test_what_cannot_be_read_is_named_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    out = tmp_path / "list"
    assert main(["sums", str(tmp_path / name), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / name}: cannot be read ({reason}" in said
    assert not out.exists()
