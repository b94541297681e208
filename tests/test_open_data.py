"""Covariates that a documented command builds are those that the numbers of the docs were made with."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import ROOT


@pytest.mark.nightly
def test_finer_covariates_are_built_from_public_packages(shared: Path, tmp_path: Path) -> None:
    command = [sys.executable, "resources/open_data/finer_covariates.py", str(tmp_path), "--region", "conus"]
    subprocess.run(command, cwd=ROOT, check=True)
    built = sorted(tmp_path.glob("*.tif"))
    assert len(built) == 9
    for path in built:
        with rasterio.open(path) as file, rasterio.open(shared / "data/finer_covariates" / path.name) as expected:
            assert file.transform == expected.transform
            assert file.descriptions == expected.descriptions
            np.testing.assert_allclose(file.read(), expected.read(), rtol=1e-5, atol=3e-3)
