"""The region file to start from."""

from pathlib import Path

import pytest
import yaml

from hybridmap.config.template import write_template
from hybridmap.errors import HybridmapError


@pytest.mark.parametrize(("file", "region"), [("my-Fields 2.yaml", "my_fields"), ("2024.yaml", "my_region")])
def test_the_region_is_named_as_its_file(tmp_path: Path, file: str, region: str) -> None:
    write_template(tmp_path / file)
    assert yaml.safe_load((tmp_path / file).read_text())["region"] == region


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("region: mine\n")
    with pytest.raises(HybridmapError, match="exists already"):
        write_template(tmp_path / "a.yaml")
    assert (tmp_path / "a.yaml").read_text() == "region: mine\n"
