"""The climate of CLM5 is read before its table is made, and what is not made yet is no mistake."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from conftest import ROOT
from rasterio.transform import from_origin

from hybridmap.check.region import check
from hybridmap.config import Config
from hybridmap.errors import HybridmapError

SEASONS = 10 - 10 * np.cos(2 * np.pi * np.arange(12) / 12)


def raster(path: Path, bands: Any) -> dict[str, str]:
    profile = {"width": 6, "height": 4, "count": len(bands), "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", "GTiff", transform=from_origin(3, 50, 1.0, 1.0), **profile) as file:
        file.write(np.broadcast_to(np.reshape(bands, (-1, 1, 1)), (len(bands), 4, 6)).astype("float32"))
    return {"path": str(path)}


def region(folder: Path, temperature: Any) -> Config:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    made = folder / "demo/inputs"
    options = {"table": str(made / "clm5.npz")}
    return Config.model_validate(
        raw
        | {
            "results": str(folder),
            "data_root": str(made),
            "outside": [str(folder)],
            "clm5_forcing": {
                "temperature": raster(folder / "temperature.tif", temperature),
                "precipitation": raster(folder / "precipitation.tif", np.full(12, 60.0)),
                "npp": raster(folder / "npp.tif", [500.0]),
            },
            "forcing": [{"name": "clm5_cell", "path": str(made / "clm5_cell.tif"), "kind": "categorical"}],
            "experiments": [{"name": "c", "process": {"name": "clm5_interval", "options": options}, "neural": "all"}],
        }
    )


def test_a_table_that_the_workflow_makes_is_no_mistake(tmp_path: Path) -> None:
    lines = "\n".join(check(region(tmp_path, SEASONS)))
    assert "ok   clm5_forcing: climate of" in lines
    assert "ok   layer clm5_cell: made of 'clm5_forcing'" in lines
    assert "ok   experiment c: its table is made of 'clm5_forcing'" in lines


@pytest.mark.parametrize(
    ("temperature", "message"),
    [
        (SEASONS + 273.15, "looks like Kelvin; add 'offset: -273.15'"),
        (SEASONS[:11], "has 11 bands, where 12 are asked"),
    ],
)
def test_a_climate_of_another_unit_or_length_is_refused(tmp_path: Path, temperature: Any, message: str) -> None:
    with pytest.raises(HybridmapError, match=message) as caught:
        check(region(tmp_path, temperature))
    assert str(caught.value).count("\n") == 1


def test_without_a_climate_the_raster_and_table_are_asked_for(tmp_path: Path) -> None:
    config = region(tmp_path, SEASONS).model_copy(update={"clm5_forcing": None})
    with pytest.raises(HybridmapError, match="no forcing table"):
        check(config)
