"""The ranking of places as files: table with reasons, layer, picture; the same again; and what is refused."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from map_recipes import recipe_of

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability_threshold import learn_applicability
from hybridmap.predict import run
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution
from hybridmap.quantities import QUANTITIES
from hybridmap.report.next_samples import SampleFiles, check_count, next_samples

SOC = QUANTITIES["soc"]


@pytest.fixture(scope="module")
def mapped(small_region: tuple[Config, Path], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    config, folder = small_region
    out = tmp_path_factory.mktemp("mapped")
    experiment, model = config.experiment("some_neural"), trained / "some_neural/all/model"
    tables = folder / "samples.parquet", folder / "splits.parquet"
    learn_applicability(experiment, config.covariates, config.predict, model, *tables, out / "area.npz")
    block = config.predict.model_copy(
        update={"intervals": "spread", "maps": ["soc", "soc_lower", "soc_upper", "dissimilarity"]}
    )
    asked = config.model_copy(update={"predict": block})
    recipe = recipe_of(asked, "some_neural", model, None, out / "area.npz")
    run.predict(Job(recipe, folder / "cube.zarr", out / "maps.zarr"), Execution(1))
    return SampleFiles(folder / "samples.parquet", folder / "cube.zarr", out / "maps.zarr", out / "area.npz")


def test_places_come_with_reasons_and_the_same_again(mapped: SampleFiles, tmp_path: Path) -> None:
    for name in ("first", "again"):
        next_samples(mapped, SOC, 7, None, tmp_path / name)
    table = pd.read_csv(tmp_path / "first/next_samples.csv")
    assert table["rank"].tolist() == list(range(1, 8))
    assert (table["gain_percent"] > 0).all()
    assert table["reason"].str.contains("from the expected squared error; ").all()
    assert table["represents_km2"].sum() > 0
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "again/next_samples.csv"))
    layer = gpd.read_file(tmp_path / "first/next_samples.gpkg")
    assert len(layer) == 7
    assert layer.crs.to_epsg() == 3035
    assert (tmp_path / "first/next_samples.png").stat().st_size > 5000
    assert not list(tmp_path.glob("*/*partial*"))


def test_what_cannot_be_ranked_is_refused_in_a_sentence(mapped: SampleFiles, tmp_path: Path) -> None:
    def refused(match: str, files: SampleFiles = mapped, count: int = 3) -> None:
        with pytest.raises(HybridmapError, match=match):
            next_samples(files, SOC, count, None, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    refused(
        r"none.npz: no such file; next-samples needs the maps", mapped._replace(applicability=tmp_path / "none.npz")
    )
    refused(r"--count 1000000: the map has \d+ cells to choose from; ask for fewer", count=10**6)
    samples = pd.read_parquet(mapped.samples)
    samples.head(5).to_parquet(tmp_path / "few.parquet")
    refused(
        "5 samples have SOC, a place and all covariates; 20 are needed",
        mapped._replace(samples=tmp_path / "few.parquet"),
    )
    samples.assign(lon=float("nan")).to_parquet(tmp_path / "lost.parquet")
    refused("0 samples have SOC, a place", mapped._replace(samples=tmp_path / "lost.parquet"))
    with pytest.raises(HybridmapError, match="--count 0: expected 1 or more places"):
        check_count(0)
