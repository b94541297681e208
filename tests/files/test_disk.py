"""A full disk, as libraries report it."""

import errno

import pytest

from hybridmap.files.disk import disk_is_full


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("No space left on device (os error 28)"), True),
        (OSError("4096 requested and 512 written"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (ValueError("4096 requested"), False),
    ],
)
def test_by_number_or_in_words(error: Exception, full: bool) -> None:
    assert disk_is_full(error) is full
