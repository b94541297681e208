"""The ladder of a survey: from its rows to the samples, as the report prints it."""

import numpy as np
import pytest
from conftest import write_raster

from hybridmap.config import Config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube_build import build_cube
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.build import build
from hybridmap.observations.ingest import ingest
from hybridmap.report.results import Results
from hybridmap.samples.sample import sample
from hybridmap.testing.surveys import soils, write_lucas

ROWS, WITH_COVARIATES, MEASURED = 19_036, 16_743, 5_194
"""D3.7: measurements of 0-20 cm, those with all covariates, and of these the ones with measured density and stones."""


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A synthetic survey of the published size: the covariate ends where the last points lie."""
    folder = tmp_path_factory.mktemp("ladder")
    random = np.random.default_rng(0)
    lon = np.where(np.arange(ROWS) < WITH_COVARIATES, random.uniform(0.1, 9.9, ROWS), random.uniform(10.1, 11.9, ROWS))
    places = soils(lon.round(5), random.uniform(45.1, 54.9, ROWS).round(5), 0)
    # Points in the table of bulk density; some of them have no covariates.
    measured = np.zeros(ROWS, bool)
    measured[:MEASURED] = True
    measured[-300:] = True
    write_lucas(folder, places, measured)
    write_raster(folder / "c.tif", random.normal(0, 1, (100, 100)).astype("float32"), 0, 55, 0.1, "EPSG:4326")
    config = Config.model_validate(
        {
            "region": "lucas", "data_root": str(folder), "results": str(folder),
            "grid": {"crs": "EPSG:4326", "resolution": 0.1, "bounds": [0, 45, 12, 55]},
            "observations": [
                {"name": "lucas", "format": "lucas_2018", "path": ".", "joins": [
                    {"path": "BD2018_data_for_paper.csv", "format": "lucas_bulk_density_fine"},
                    {"path": "LUCAS_Topsoil_2015_20200323.csv", "format": "lucas_texture"}]},
            ],
            "covariates": [{"name": "c", "path": "c.tif", "kind": "categorical"}],
            "splits": [{"name": "random", "kind": "random"}],
            "experiments": [{"name": "a", "process": None, "splits": ["random"]}],
        }
    )  # fmt: skip
    out = folder / "lucas"
    table, counts = out / "observations/lucas.parquet", out / "observations/lucas.csv"
    ingest(config.observations[0], config.data_root, RegionGrid.of(config.grid), table, counts)
    outputs = out / "observations.parquet", out / "quality.csv", out / "dropped.parquet"
    build(config.build, config.grid, [table], *outputs)
    build_cube(RegionLayers.of(config), out / "cube.zarr", config.predict.tile)
    sample(out / "observations.parquet", out / "cube.zarr", out / "samples.parquet", out / "quality_samples.csv")
    return Results(config, out)


def test_the_report_prints_the_published_ladder(survey: Results) -> None:
    counts = survey.counts_by_source()
    expected = {"layers": ROWS, "sites": ROWS, "samples": WITH_COVARIATES, "measured": MEASURED}
    assert counts == [{"source": "lucas", **expected}, {"source": "all", **expected}]


def test_every_step_of_the_ladder_adds_up(survey: Results) -> None:
    ladder = survey.ladder
    assert ladder["stage"].unique().tolist() == ["ingest", "build", "sample"]
    assert (ladder["before"] - ladder["dropped"] == ladder["after"]).all()
    lost = ladder[(ladder["stage"] == "sample") & (ladder["unit"] == "rows")]["dropped"].sum()
    assert lost == ROWS - WITH_COVARIATES


def test_the_other_rows_have_their_density_from_a_named_function(survey: Results) -> None:
    sources = survey.samples["bd_source"].value_counts()
    assert sources["measured"] == MEASURED
    assert sources.sum() == WITH_COVARIATES
    assert "none" not in sources
