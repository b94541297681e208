"""Paths of a region file."""

import pytest

from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand


def test_variables_with_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    assert expand("${NOWHERE:-a/b}/c") == "a/b/c"
    with pytest.raises(HybridmapError, match="NOWHERE"):
        expand("${NOWHERE}/c")
    monkeypatch.setenv("NOWHERE", "/x")
    assert expand("${NOWHERE:-a}/c") == "/x/c"
