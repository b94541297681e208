"""Where the tests find reference material that users do not have."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference vectors and open data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("HYBRIDMAP_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "vectors").is_dir():
        pytest.skip(f"no reference folder at {folder}; set HYBRIDMAP_SHARED to run this test")
    return folder
