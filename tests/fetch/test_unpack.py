"""Archives that would write elsewhere, or are none."""

from pathlib import Path

import pytest
from faulty_server import zipped

from hybridmap.errors import HybridmapError
from hybridmap.fetch.unpack import unpack

ZIPS = {
    "absolute": (zipped(("/etc/evil", b"x")), "would be written outside"),
    "twins": (zipped(("a/x.tsv", b"1"), ("b/x.tsv", b"2")), "two members called 'x.tsv'"),
    "other": (zipped(("readme.txt", b"1")), "has no member like"),
    "text": (b"no zip at all", "is damaged"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_bad_archives_are_one_sentence_and_leave_nothing(tmp_path: Path, case: str) -> None:
    content, says = ZIPS[case]
    (tmp_path / "f.zip").write_bytes(content)
    with pytest.raises(HybridmapError, match=says):
        unpack(tmp_path / "f.zip", tmp_path, ["*.tsv", "evil"])
    assert [p.name for p in tmp_path.iterdir()] == ["f.zip"]
