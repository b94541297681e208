"""The catalogue: complete, and every address without a placeholder left."""

import pytest

from hybridmap.errors import HybridmapError
from hybridmap.fetch.catalogue import catalogue, expand_files, find_entry


@pytest.mark.parametrize("name", catalogue())
def test_the_catalogue_is_complete(name: str) -> None:
    known = find_entry(name)
    assert known.licence
    assert known.citation
    assert bool(known.files) != bool(known.request and known.files_by_hand)
    assert all(f.url.startswith("https://") and "{" not in f.url + f.name for f in expand_files(known))


def test_unknown_downloads_name_the_nearest() -> None:
    with pytest.raises(HybridmapError, match=r"no download 'soilgrid' .did you mean 'soilgrids'"):
        find_entry("soilgrid")
