"""Archives that would write elsewhere, or are none."""

import contextlib
from pathlib import Path

import pytest
from faulty_server import zipped

from hybridmap.errors import HybridmapError
from hybridmap.fetch.unpack import unpack


def encrypted(archive: bytes) -> bytes:
    """The archive with the flag of a password on its member."""
    content = bytearray(archive)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


ZIPS = {
    "absolute": (zipped(("/etc/evil", b"x")), "would be written outside"),
    "twins": (zipped(("a/x.tsv", b"1"), ("b/x.tsv", b"2")), "two members called 'x.tsv'"),
    "other": (zipped(("readme.txt", b"1")), "has no member like"),
    "receipt": (zipped(("deep/checksums.json", b"{}")), "'checksums.json' would replace the file of that name"),
    "itself": (zipped(("f.zip", b"{}")), "'f.zip' would replace the file of that name"),
    "encrypted": (encrypted(zipped(("x.tsv", b"1"))), "'x.tsv' is encrypted"),
    "text": (b"no zip at all", "is damaged"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_bad_archives_are_one_sentence_and_leave_nothing(tmp_path: Path, case: str) -> None:
    content, says = ZIPS[case]
    (tmp_path / "f.zip").write_bytes(content)
    with pytest.raises(HybridmapError, match=says):
        unpack(tmp_path / "f.zip", tmp_path, ["*.tsv", "evil", "*.json", "*.zip"], ["checksums.json"])
    assert [p.name for p in tmp_path.iterdir()] == ["f.zip"]


def test_any_flipped_byte_is_one_sentence(tmp_path: Path) -> None:
    content = zipped(("a.tsv", b"1,2,3" * 50), ("b.tsv", b"x" * 90))
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        (tmp_path / "f.zip").write_bytes(damaged)
        with contextlib.suppress(HybridmapError):  # whatever else ends the test
            unpack(tmp_path / "f.zip", tmp_path)
