"""The continental regions with stand-ins for their files: valid, planned by the workflow, and run up to the folds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
from hybridmap.testing.files import COLUMNS, RASTERS, TABLE
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


@pytest.mark.parametrize(
    ("measured", "unit", "words"),
    [
        ("sco", "kg m-3", r"forcing 'carbon': measured: no quantity 'sco' \(did you mean 'soc'\?\)"),
        ("soc", "g kg-1", "forcing 'carbon': measured: 'soc' is in kg m-3, the layer in g kg-1; set scale and unit"),
    ],
)
def test_a_measured_forcing_names_a_quantity_in_its_unit(
    small_region: tuple[Config, Path], measured: str, unit: str, words: str
) -> None:
    layer = {"name": "carbon", "path": "c.tif", "unit": unit, "measured": measured}
    with pytest.raises(ValueError, match=words):
        changed(small_region, forcing=[layer])


def changed(small_region: tuple[Config, Path], **sections: object) -> Config:
    """The small region with some sections replaced."""
    raw = small_region[0].model_dump(mode="json", by_alias=True, exclude={"experiment_defaults"})
    return Config.model_validate({**raw, **sections})


WRONG = [
    ({"totals": [{"name": "t", "polygons": "no.gpkg", "attribute": "n"}]}, r"totals t: .*no such file of polygons"),
    ({"boundaries": "no.gpkg"}, "boundaries: no such file"),
    ({"predict": {"scenario_of": ["mocc"]}}, r"scenario_of: no experiment has a map 'mocc' \(did you mean 'moc'\?\)"),
    ({"predict": {"interval_of": ["mocc"]}}, r"interval_of: no experiment has a map 'mocc' \(did you mean 'moc'\?\)"),
    ({"predict": {"packed": {"sco": 0.1}}}, r"predict.packed: no map 'sco' \(did you mean 'soc'\?\)"),
    ({"predict": {"maps": ["sco"]}}, r"predict.maps: no map 'sco'"),
    ({"predict": {"packed": {"soc": 100}}}, r"packed.soc: steps of 100 are too coarse for values from 0 to 200"),
    ({"predict": {"packed": {"cue": 0.5}}}, r"packed.cue: steps of 0.5 are too coarse for values from 0"),
    ({"predict": {"packed": {"cue": 1e-6}}}, r"packed.cue: values to 0\.\d+ need over 16 bits at 1e-06"),
    (
        {"predict": {"scenarios": {"w": {"mat": {"add": 1e9}}}}},
        r"scenarios.w.mat: makes values from 1e.09 to 1e.09, the process model takes -40 to 45 degC",
    ),
    ({"predict": {"scenarios": {"w": {"mat": {"add": -1e308}}}}}, r"scenarios.w.mat: makes values from -1e.308"),
    (
        {"grid": {"crs": "EPSG:3035", "resolution": 2000, "bounds": [4e6, 2.6e6, 1e9, 2.7e6]}},
        r"grid: only \d % of the bounds .* are places on the Earth in ETRS89-extended / LAEA Europe",
    ),
    ({"grid": {"crs": "EPSG:4326", "resolution": 1000, "bounds": [4e6, 2.6e6, 4.1e6, 2.7e6]}}, "grid: only 0 %"),
    ({"splits": [{"name": "block", "size_km": 9999}]}, r"split block: size_km 9999 makes 1 blocks .* cannot fill 5"),
    ({"splits": [{"name": "block", "kind": "degree_block", "size_degrees": 90}]}, "makes 1 blocks"),
    (
        {
            "splits": [{"name": "block", "kind": "degree_block", "size_degrees": 0.001}],
            "grid": {"crs": "EPSG:3035", "resolution": 2000, "bounds": [3e6, 2e6, 5e6, 4e6]},
        },
        r"size_degrees 0.001 makes \d.\de.08 blocks of the region; at most 1e.07",
    ),
    ({"splits": [{"name": "block", "kind": "random", "buffer_km": 1000}]}, "buffer_km 1000 leaves no site"),
    (
        {"splits": [{"name": "block", "kind": "region", "column": "sources"}]},
        r"split block: no column 'sources' \(did you mean 'source'\?\)",
    ),
    (
        {"experiments": [{"name": "a", "global": "all", "encoder": {"hidden": [60000] * 3}, "neural": ["cue"]}]},
        r"encoder 'mlp': 7.2e.09 weights; at most 1e.09",
    ),
    (
        {"experiments": [{"name": "a", "global": "all", "constraint": {"temperature": 1e308}, "neural": ["cue"]}]},
        "temperature 1e.308 must be from 0.001 to 1e.06",
    ),
    (
        {"experiments": [{"name": "a", "global": "all", "fixed": {"f_poc": 0.5}, "start": {"f_poc": 0.5}}]},
        "start: 'f_poc' is held at a fixed value",
    ),
    ({"experiments": []}, "the region has no experiments"),
    ({"experiments": [{"name": "a", "process": {"name": "fivepool"}}]}, "no process model 'fivepool'"),
    ({"experiments": [{"name": "a", "process": {"options": {"zz": 1}}}]}, "unexpected keyword argument 'zz'"),
    ({"experiments": [{"name": "a", "process": {"name": "no.py"}}]}, "no process model file no.py"),
    (
        {"experiments": [{"name": "a", "global": "all", "bounds": {"zzz": [0, 1]}}]},
        "bounds: five_pool has no parameter",
    ),
    ({"experiments": [{"name": "a", "global": "all", "start": {"zzz": 1}}]}, "start: five_pool has no parameter 'zzz'"),
    ({"experiments": [{"name": "a", "global": "all", "bounds": {"cue": [-5, 7]}}]}, "cue -5 must not be negative"),
    ({"experiments": [{"name": "a", "global": "all", "bounds": {"cue": [0.1, 7]}}]}, "cue 7 must not exceed 1"),
    ({"experiments": [{"name": "a", "global": "all", "bounds": {"km_p": [0, 7]}}]}, "km_p.*positive on a log scale"),
]


@pytest.mark.parametrize(("sections", "says"), WRONG)
def test_what_a_later_stage_would_refuse_is_refused_first(
    small_region: tuple[Config, Path], sections: dict[str, object], says: str
) -> None:
    with pytest.raises(HybridmapError, match=says):
        check(changed(small_region, **sections))


def test_intervals_of_a_map_that_some_experiment_has_are_in_order(small_region: tuple[Config, Path]) -> None:
    check(
        changed(small_region, predict={"interval_of": ["soc", "moc", "cue"], "scenarios": {"w": {"mat": {"add": 2}}}})
    )


def test_a_scenario_needs_a_process(small_region: tuple[Config, Path]) -> None:
    network = [{"name": "a", "process": None}]
    with pytest.raises(HybridmapError, match="no experiment with maps has a process model"):
        check(changed(small_region, experiments=network, predict={"scenarios": {"w": {"mat": {"add": 2}}}}))


def test_kelvin_and_celsius_are_told_apart(small_region: tuple[Config, Path]) -> None:
    forcing = small_region[0].model_dump(mode="json")["forcing"]
    with pytest.raises(HybridmapError, match="forcing 'mat' has unit K, the process model takes degC"):
        check(changed(small_region, forcing=[forcing[0], {**forcing[1], "unit": "K"}]))
    with pytest.raises(HybridmapError, match=r"layer 'mat' .*unit degC, but values around 28\d"):
        check(changed(small_region, forcing=[forcing[0], {**forcing[1], "scale": 1.0, "offset": 273.15}]))


def test_every_fault_of_a_table_is_told(small_region: tuple[Config, Path]) -> None:
    source = small_region[0].model_dump(mode="json")["observations"][0]
    columns = {
        **source["columns"],
        "oc_g_kg": {"column": "ocx", "unit": "g/kg"},
        "clay_pct": {"column": "clay", "unit": "acre"},
        "lon": {"column": "longitude_"},
    }
    with pytest.raises(HybridmapError) as error:
        check(changed(small_region, observations=[{**source, "columns": columns}]))
    for fault in ("no column 'ocx'", "acre", "no column 'longitude_'"):
        assert fault in str(error.value)


SOURCES = [
    ({"crs": 'LOCAL_CS["x"]'}, {}, "is no known projection with a place on the Earth"),
    ({}, {"clay_pct": {"value": "abc", "unit": "pct"}}, "the value 'abc' is no number"),
    ({}, {"year": {"value": 99999}}, "expected a year"),
    (
        {},
        {
            "oc_g_kg": {"column": "oc", "unit": "g/kg", "minus": "clay", "minus_factor": 1e308},
            "poc_g_kg": {"value": -1, "unit": "g/kg"},
            "moc_g_kg": {"value": -1, "unit": "g/kg"},
            "mbc_g_kg": {"value": -1, "unit": "g/kg"},
        },
        "no row has a value of oc_g_kg",
    ),
]


@pytest.mark.parametrize(("keys", "columns", "says"), SOURCES)
def test_nonsense_of_a_source_is_refused(
    small_region: tuple[Config, Path], keys: dict[str, Any], columns: dict[str, Any], says: str
) -> None:
    source = small_region[0].model_dump(mode="json")["observations"][0]
    with pytest.raises(HybridmapError, match=says):
        check(changed(small_region, observations=[{**source, **keys, "columns": {**source["columns"], **columns}}]))


def test_a_target_that_no_table_has_is_refused(small_region: tuple[Config, Path]) -> None:
    source = small_region[0].model_dump(mode="json")["observations"][0]
    columns = {field: column for field, column in source["columns"].items() if field not in ("poc_g_kg", "mbc_g_kg")}
    experiment = {"name": "a", "global": "all"}
    sources = [{**source, "columns": columns}]
    with pytest.raises(HybridmapError, match=r"targets: no table has 'poc'; .* targets: \['soc', 'moc'\]"):
        check(changed(small_region, observations=sources, experiments=[experiment]))
    check(changed(small_region, observations=sources, experiments=[{**experiment, "targets": ["soc", "moc"]}]))


def test_a_layer_without_a_value_is_refused(small_region: tuple[Config, Path]) -> None:
    layers = small_region[0].model_dump(mode="json")["covariates"]
    with pytest.raises(HybridmapError, match="no pixel of the region has a value, all are outside valid_range"):
        check(changed(small_region, covariates=[{**layers[0], "valid_range": [1e10, 1e11]}, *layers[1:]]))


def test_a_table_is_no_file_of_polygons(small_region: tuple[Config, Path]) -> None:
    grid = small_region[0].model_dump(mode="json")["grid"]
    for sections in ({"boundaries": "observations.csv"}, {"grid": {**grid, "mask": "observations.csv"}}):
        with pytest.raises(HybridmapError, match=r"observations\.csv: a table without geometry"):
            check(changed(small_region, **sections))


NOT_MADE = [
    ({"covariates": [{"name": "a", "path": "covariates/elevatoin.tif"}]}, r"did you mean 'covariates/elevation.tif'"),
    ({"covariates": [{"name": "a"}]}, "layer a: no such raster"),
    ({"forcing": [{"name": "npp", "derive": {"function": "slope", "of": "zzz"}}]}, "no layer 'zzz' to derive it from"),
    ({"observations": [{"name": "s", "path": "other.csv"}]}, "makes 'observations.csv'"),
]


@pytest.mark.parametrize(("sections", "says"), NOT_MADE)
def test_a_synthetic_region_reads_what_is_made(tmp_path: Path, sections: dict[str, Any], says: str) -> None:
    with pytest.raises(HybridmapError, match=says):
        check(load_config(ROOT / "config.yaml", over={"results": str(tmp_path), **sections}))


def test_a_column_that_will_not_be_made_is_named(tmp_path: Path) -> None:
    config = load_config(ROOT / "config.yaml", over={"results": str(tmp_path)})
    raw = config.observations[0].model_dump(mode="json", exclude_unset=True)
    raw["columns"]["clay_pct"] = {"column": "claay", "unit": "pct"}
    with pytest.raises(HybridmapError, match=r"table survey: no column 'claay' \(did you mean 'clay'\?\)"):
        check(load_config(ROOT / "config.yaml", over={"results": str(tmp_path), "observations": [raw]}))


def test_what_a_synthetic_region_makes_is_what_check_expects(small_region: tuple[Config, Path]) -> None:
    folder = small_region[1] / "inputs"
    assert sorted(f"covariates/{path.name}" for path in (folder / "covariates").iterdir()) == sorted(RASTERS)
    assert (folder / TABLE).read_text().splitlines()[0].split(";") == list(COLUMNS)
