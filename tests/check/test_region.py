"""The continental regions with stand-ins for their files: valid, planned by the workflow, and run up to the folds."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from hybridmap.check.region import check
from hybridmap.config import Config
from hybridmap.config.reading import load_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube_build import build_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.build import build
from hybridmap.observations.ingest import ingest
from hybridmap.samples.sample import sample
from hybridmap.samples.splits import split
from hybridmap.testing.stand_ins import write_stand_ins

REGIONS = ("europe", "conus")


@pytest.fixture(scope="module", params=REGIONS)
def region(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Config, Path]:
    """Name, configuration at 40 km, and the folder of stand-ins."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "over.yaml").write_text(f"data_root: {folder}\ngrid: {{resolution: 40000}}\n")
    paths = [ROOT / "config.yaml", ROOT / f"resources/regions/{request.param}.yaml", folder / "over.yaml"]
    config = load_config(*paths)
    write_stand_ins(config)
    return request.param, config, folder


def test_check_finds_nothing_wrong(region: tuple[str, Config, Path]) -> None:
    said = check(region[1])
    assert all(line.startswith("ok ") for line in said)
    assert sum("layer" in line for line in said) >= 40


def test_the_workflow_plans_every_step(region: tuple[str, Config, Path], tmp_path: Path) -> None:
    name, _, folder = region
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--quiet",
        "rules",
        "--cores",
        "1",
        "--directory",
        str(tmp_path),
    ]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(ROOT / "config.yaml")]
    command += [str(ROOT / f"resources/regions/{name}.yaml"), "--config", f"results={tmp_path}"]
    environment = {**os.environ, "HYBRIDMAP_DATA": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_tables_and_layers_reach_the_folds(region: tuple[str, Config, Path], tmp_path: Path) -> None:
    _, config, _ = region
    tables = []
    for source in config.observations:
        tables.append(tmp_path / f"{source.name}.parquet")
        ingest(source, config.data_root, RegionGrid.of(config.grid), tables[-1])
    build(config.build, config.grid, tables, tmp_path / "o.parquet", tmp_path / "q.csv", tmp_path / "d.parquet")
    build_cube(RegionLayers.of(config), tmp_path / "cube.zarr", config.predict.tile)
    sample(tmp_path / "o.parquet", tmp_path / "cube.zarr", tmp_path / "s.parquet", tmp_path / "qs.csv")
    grid = RegionGrid.of(config.grid)
    paths = tmp_path / "s.parquet", tmp_path / "f.parquet"
    split(config.splits, grid, *paths, config.data_root, tmp_path / "cube.zarr")
    samples, folds = pd.read_parquet(tmp_path / "s.parquet"), pd.read_parquet(tmp_path / "f.parquet")
    assert set(samples["source"]) == {s.name for s in config.observations}
    assert samples["soc_stock_0_30_kg_m2"].notna().any()
    assert samples[["poc_kg_m3", "moc_kg_m3"]].notna().any().all()
    assert set(folds["scheme"]) == {"distance", "block", "random", "temperature"}
    assert samples["covariate.bio1"].between(-10, 25).all()


def test_a_missing_table_is_named_before_anything_runs(region: tuple[str, Config, Path]) -> None:
    name, config, folder = region
    source = config.observations[0]
    victim = folder / source.path
    victim = victim if victim.suffix else victim / "wosis_202312_orgc.tsv"
    hidden = victim.rename(victim.with_suffix(".hidden"))
    receipt = folder / config.downloads[0] / "fetched.json"
    text = receipt.read_text()
    receipt.unlink()
    try:
        says = rf"2 mistakes in region '{name}'[\s\S]*not fetched yet: {config.downloads[0]};[\s\S]*{source.name}: "
        with pytest.raises(HybridmapError, match=says):
            check(config)
    finally:
        hidden.rename(victim)
        receipt.write_text(text)
