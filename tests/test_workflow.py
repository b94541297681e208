"""The workflow end to end on a small region, its second run, and its failures."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from conftest import ROOT
from rio_cogeo.cogeo import cog_validate
from whole_workflow import workflow_command

from hybridmap.config.reading import load_config, parse_config
from hybridmap.files.results import RegionFiles
from hybridmap.model import HybridModel
from hybridmap.report.results import Results
from hybridmap.report.verification import verify
from hybridmap.train import load_members

SMALL: dict[str, Any] = {
    "demo": {"sites": 900},
    "grid": {"bounds": [4_000_000, 2_600_000, 4_128_000, 2_720_000]},
    "splits": [{"name": "block", "folds": 3, "size_km": 20}],
    "baselines": ["coordinates", "linear"],
    "experiment_defaults": {"splits": ["block"], "training": {"max_epochs": 12, "patience": 12}},
    "experiments": [
        {"name": "pure_network", "process": None},
        {
            "name": "some_neural",
            "neural": ["cue", "q_max", "f_poc", "vmax_p", "km_p"],
            "global": "all",
            "uncertainty": {"method": "ensemble", "members": 2},
        },
        {
            "name": "own",
            "process": {"name": "two_pools.py", "options": {}},
            "neural": ["k_slow"],
            "global": "all",
            "targets": ["soc", "poc", "moc"],
        },
        {
            "name": "own_moc",
            "process": {"name": "only_moc.py", "options": {}},
            "neural": ["k_slow"],
            "global": "all",
            "targets": ["moc"],
        },
    ],
}
"""Two experiments of the demo, the model that docs/own_model.md shows, and the same with `moc` alone, impossible."""


def arguments(folder: Path, change: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of a run in `folder` with the small region and `change` laid over the default."""
    shutil.copy(ROOT / "config.yaml", folder / "config.yaml")
    source = re.search(r"```python\n(.*?)```", (ROOT / "docs/own_model.md").read_text(), re.DOTALL)
    assert source
    if not (folder / "two_pools.py").exists():
        (folder / "two_pools.py").write_text(source.group(1))
        (folder / "only_moc.py").write_text(only_moc(source.group(1)))
    (folder / "small.yaml").write_text(yaml.safe_dump({**SMALL, **change}))
    return workflow_command(folder, folder / "small.yaml")


def only_moc(source: str) -> str:
    """The model of the docs with one output, and a check that every soil with carbon fails."""
    impossible = '    checks = (Check("carbon", "moc", "carbon at all", above=0.0),)\n'
    for pattern, new in (
        (r'        Variable\("(poc|soc)".*\n', ""),
        (r"    checks = .*\n", impossible),
        (r'"poc": [^,]*, ', ""),
        (r', "soc": [^}]*', ""),
    ):
        source, count = re.subn(pattern, new, source)
        assert count
    return source


def snakemake(folder: Path, change: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    command, environment = arguments(folder, change)
    return subprocess.run([*command, *more], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workflow")
    done = snakemake(folder, {})
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.mark.slow
def test_one_command_makes_maps_and_a_report(finished: Path) -> None:
    region = finished / "results/demo"
    for name in ("soc", "moc", "moc_saturation", "cue", "q_max"):
        assert cog_validate(region / f"experiments/some_neural/maps/{name}.tif")[0]
    page = (region / "report/index.html").read_text()
    assert re.search(r"cells of \d+ m;", page)
    assert page.count("data:image/webp;base64,") >= 12
    assert 'src="http' not in page
    assert cog_validate(region / "experiments/own/maps/k_slow.tif")[0]
    assert not (region / "report/figures/own_moc_soc.png").exists()
    assert (region / "report/figures/own_moc_scatter.png").is_file()
    assert 'id="experiment-own_moc"' in page
    own_moc = region / "experiments/own_moc"
    assert json.loads((own_moc / "diagnostics/verdict.json").read_text())["physics"] == "fails"
    assert (own_moc / "maps.zarr/moc/zarr.json").is_file()
    assert not list(own_moc.rglob("*.tif"))  # an impossible soil stops nothing, and no map of it is passed on
    for part in (
        "Quality control",
        "The ladder",
        "coordinates alone",
        "Provenance",
        "some_neural",
        "Learned against true",
        "SHA-256",
        "mean",
    ):
        assert part in page
    verdict = json.loads((region / "experiments/some_neural/diagnostics/verdict.json").read_text())
    assert verdict["physics"] in ("passes", "fails")
    assert verdict["skill"]["beats_mean"] in (True, False)
    assert not list(region.rglob("*.partial"))
    found = verify(region)
    assert (found.differences, found.notes) == ([], [])
    assert found.files > 100
    record = json.loads((region / "provenance.json").read_text())
    makers = {
        name: record["jobs"][entry["job"]]["rule"]
        for name, entry in record["files"].items()
        if entry["job"] is not None
    }
    assert makers["quality.csv"] == "build"
    assert makers["experiments/own/maps.sums"] == "export"
    assert makers["experiments/own/diagnostics/verdict.json"] == "diagnose_experiment"


@pytest.mark.slow
def test_netcdf_is_made_on_request_alone(finished: Path) -> None:
    file = finished / "results/demo/experiments/own/maps.nc"
    assert not file.exists()
    snakemake(finished, {}, "results/demo/experiments/own/maps.nc")
    with xr.open_dataset(file) as made:
        assert {"soc", "soc_lower"} <= set(made)
    file.unlink()


@pytest.mark.slow
def test_relationships_are_planned_on_request_alone(finished: Path) -> None:
    plan = snakemake(finished, {}, "relationships", "--dry-run").stdout
    assert plan.count("rule relationships_of_experiment:") == len(SMALL["experiments"])
    assert "rule train:" not in plan
    assert not (finished / "results/demo/experiments/own/diagnostics/relationships.csv").exists()


@pytest.mark.slow
def test_second_run_has_nothing_to_do_and_a_changed_key_only_its_part(finished: Path) -> None:
    assert "Nothing to be done" in snakemake(finished, {}).stderr
    longer = {**SMALL["experiment_defaults"], "training": {"max_epochs": 13, "patience": 13}}
    plan = snakemake(finished, {"experiment_defaults": longer}, "--dry-run").stdout
    assert "rule train:" in plan
    assert "rule cube:" not in plan
    assert "rule build:" not in plan
    model = finished / "two_pools.py"
    source = model.read_text()
    model.write_text(source + "# edited\n")
    try:
        plan = snakemake(finished, {}, "--dry-run").stdout
    finally:
        model.write_text(source)
    made = "".join(re.findall(r"^    output: .*", plan, re.MULTILINE))
    assert "experiments/own.sums" in made
    assert "experiments/own_moc" not in made
    assert "experiments/some_neural" not in made


def plan_of(folder: Path, change: dict[str, Any] | None = None, *targets: str) -> set[str]:
    """Rules that a dry run would run, and of each experiment ``rule experiment``."""
    done = snakemake(folder, change or {}, "--dry-run", *targets)
    assert done.returncode == 0, done.stderr[-4000:]
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", done.stdout, re.MULTILINE)
    experiments = [(rule, re.search(r"wildcards: experiment=(\w+)", text)) for rule, text in jobs]
    named = {f"{rule} {match[1]}" for rule, match in experiments if match}
    return (named | {rule for rule, _ in jobs}) - {"all", "settings", "provenance"}


@pytest.mark.slow
def test_a_title_makes_no_map_and_no_model(finished: Path, tmp_path: Path) -> None:
    experiments = [{**experiment, "title": f"The {experiment['name']}"} for experiment in SMALL["experiments"]]
    titled = {"title": 'Soil of \u201cours\u201d & --more "', "publication": {"citation": "Muster (2026)"}}
    rules = {job.split()[0] for job in plan_of(finished, {**titled, "experiments": experiments})}
    assert rules == {"export", "catalog", "report"}
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    region = tmp_path / "results/demo"
    maps = [region / "experiments/own" / name for name in ("maps", "maps.zarr")]
    made = {"item.json", "maps.json", "maps.sums", "maps.zarr.sums", "maps.qgs", "maps.zarr/zarr.json", "maps/soc.tif"}
    before = {name: (region / "experiments/own" / name).read_bytes() for name in made}
    done = snakemake(tmp_path, titled, "maps", "report")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "rule predict:" not in done.stderr
    first = files_of(region / "experiments/own")
    assert {name for name in before if first[name] != before[name]} == made - {"maps.json"}
    assert first["maps.zarr/zarr.json"].count(b"Muster (2026)") == 1
    assert not {job.split()[0] for job in plan_of(tmp_path, titled)}
    for folder in maps:
        shutil.rmtree(folder)
    done = snakemake(tmp_path, titled, "maps")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "rule predict:" in done.stderr
    anew = files_of(region / "experiments/own")
    assert {name for name in anew if anew[name] != first.get(name)} == set()


def files_of(folder: Path) -> dict[str, bytes]:
    """Maps of an experiment and what goes with them, by their name from its folder."""
    files = [path for pattern in ("maps*", "maps*/**/*", "item.*") for path in folder.glob(pattern) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@contextmanager
def altered(path: Path, *, is_deleted: bool = False) -> Iterator[None]:
    """Within it one byte in the middle of a file is another one, or the file is gone."""
    content, status = path.read_bytes(), path.stat()
    half = len(content) // 2
    path.unlink()
    if not is_deleted:
        path.write_bytes(content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :])
    try:
        yield
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.slow
def test_a_touched_file_plans_nothing_and_a_changed_one_what_reads_it(finished: Path) -> None:
    inputs = finished / "results/demo/inputs"
    for file in (inputs / "observations.csv", inputs / "covariates/elevation.tif"):
        os.utime(file)
    assert not plan_of(finished)
    with altered(inputs / "observations.csv"):
        plan = plan_of(finished)
    assert {"ingest", "build", "sample", "split", "train own", "predict", "report"} <= plan
    assert "cube" not in plan
    with altered(inputs / "covariates/elevation.tif"):
        plan = plan_of(finished)
    assert {"cube", "sample", "train own", "predict", "report"} <= plan
    assert not {"ingest", "build"} & plan
    assert not plan_of(finished)


@pytest.mark.slow
def test_a_unit_a_boundary_and_a_mask_plan_what_reads_them(finished: Path) -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["covariates"][0]["licence"] = "CC0-1.0"
    assert "cube" in plan_of(finished, {"covariates": raw["covariates"]})
    rules = {job.split()[0] for job in plan_of(finished, {"boundaries": "lines.geojson"})}
    assert rules == {"diagnose_experiment", "report"}
    assert "cube" in plan_of(finished, {"grid": {**SMALL["grid"], "mask": "mask.geojson"}})


@pytest.mark.slow
def test_random_starts_are_kept_up_to_date_once_they_are_made(finished: Path) -> None:
    assert "identifiability_of_starts own" in plan_of(finished, None, "identifiability")
    # A record of results that a change has made worthless: what made them belongs to the region from now on.
    summary = RegionFiles(finished / "results/demo").experiment("own").starts.summary
    assert not summary.exists()
    assert not plan_of(finished)
    summary.parent.mkdir()
    summary.write_text("{}")
    try:
        plan = plan_of(finished)
    finally:
        shutil.rmtree(summary.parent)
    assert {"identifiability_of_starts own", "diagnose_experiment own", "report"} <= plan
    assert "identifiability_of_starts some_neural" not in plan
    assert not plan_of(finished)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("experiments/some_neural/maps.zarr/soc/c/0/0", "predict"),
        ("experiments/some_neural/block-1/model/weights.safetensors", "train some_neural"),
        ("report/figures/comparison.png", "report"),
        *(
            pytest.param(*pair, marks=pytest.mark.nightly)
            for pair in (
                ("splits.parquet", "split"),
                ("inputs/observations.csv", "demo"),
                ("experiments/some_neural/maps/soc.tif", "export"),
                ("experiments/some_neural/maps.zarr/zarr.json", "predict"),
                ("experiments/some_neural/block-1/model/members.safetensors", "train some_neural"),
                ("experiments/some_neural/all/model/members.safetensors", "train some_neural"),
                ("experiments/some_neural/all/model/model.yaml", "train some_neural"),
                ("experiments/own/block-2/history.parquet", "train own"),
                ("experiments/own/block-0/model/process.py", "train own"),
                ("experiments/own.sums", "train own"),
                ("experiments/own/evaluation/conformal.json", "evaluate"),
                ("experiments/own/diagnostics/saturation.json", "diagnose_experiment"),
                ("experiments/own/item.json", "export"),
                ("covariates.zarr/covariates/c/0/0/0", "cube"),
                ("covariates.zarr.sums", "cube"),
                ("experiments/some_neural/maps.sums", "export"),
                ("experiments/some_neural/maps.zarr.sums", "predict"),
                ("inputs/covariates/clay.tif", "demo"),
                ("report/figures/own_moc_scatter.png", "report"),
            )
        ),
    ],
)
def test_what_was_deleted_is_planned_again(finished: Path, file: str, rule: str) -> None:
    with altered(finished / "results/demo" / file, is_deleted=True):
        assert rule in plan_of(finished)
    assert not plan_of(finished)


def test_another_region_reads_its_own_inputs() -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert parse_config(raw, "").data_root == "results/demo/inputs"
    assert parse_config({**raw, "region": "other", "results": "out"}, "").data_root == "out/other/inputs"
    assert parse_config({**raw, "demo": None}, "").data_root == "."
    assert parse_config({**raw, "data_root": "mine"}, "").data_root == "mine"


@pytest.mark.slow
def test_every_fold_can_be_a_job_of_its_own(finished: Path) -> None:
    plan = snakemake(finished, {"fan_out": True}, "--dry-run", "--forceall").stdout
    assert plan.count("rule train:") == 4 * 4  # experiments; three folds and all sites
    assert "experiments/own.sums" not in plan
    intervals = pd.read_csv(finished / "results/demo/experiments/some_neural/evaluation/intervals.csv")
    assert set(intervals["source"]) == {"ensemble", "conformal"}
    assert intervals["coverage"].between(0, 1).all()
    config = load_config(finished / "config.yaml", finished / "small.yaml")
    for history in Results(config, finished / "results/demo").histories("some_neural").values():
        assert history["epoch"].is_monotonic_increasing  # one member's, not all one after the other
        assert history["epoch"].is_unique
    # Parameters of an ensemble that are one number each are the mean of its members too.
    members = load_members(finished / "results/demo/experiments/some_neural/all/model")
    assert isinstance(members, HybridModel)
    shared = members.shared_parameters().detach().numpy()
    assert shared.std(0).max() > 0
    told = [row["value"] for row in Results(config, finished / "results/demo").global_parameters("some_neural")]
    np.testing.assert_allclose(told, shared.mean(0), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.nightly
def test_a_fold_that_is_a_job_of_its_own_misses_its_files(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    fold = "results/demo/experiments/some_neural/block-0"
    done = snakemake(tmp_path, {"fan_out": True}, f"{fold}.sums")
    assert done.returncode == 0, done.stderr[-4000:]
    for name in ("model/members.safetensors", "model/model.yaml", "history.csv"):
        with altered(tmp_path / fold / name, is_deleted=True):
            assert plan_of(tmp_path, {"fan_out": True}, f"{fold}.sums") == {"train", "train some_neural"}, name
    assert not plan_of(tmp_path, {"fan_out": True}, f"{fold}.sums")


@pytest.mark.slow
@pytest.mark.nightly
def test_the_shares_of_a_map_are_planned_again_with_what_they_read(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    shared: dict[str, Any] = {"predict": {"parts": 2}}
    shares = [f"results/demo/experiments/{name}/parts/{k}of2.done" for name in ("own", "some_neural") for k in (1, 2)]
    done = snakemake(tmp_path, shared, *shares)
    assert done.returncode == 0, done.stderr[-4000:]
    listed = (tmp_path / "results/demo/experiments/own/parts/inputs.txt").read_text().splitlines()
    named = {line.split()[-1].removeprefix("results/demo/") for line in listed}
    assert {"settings/predict.json", "samples.parquet", "covariates.zarr/zarr.json", "experiments/own.sums"} <= named
    assert not plan_of(tmp_path, shared, *shares)
    with altered(tmp_path / "two_pools.py"):
        plan = plan_of(tmp_path, shared, *shares)
    assert {"predict_inputs own", "predict_part own"} <= plan
    assert not any("some_neural" in job for job in plan)
    longer = {**SMALL["experiment_defaults"], "training": {"max_epochs": 13, "patience": 13}}
    plan = plan_of(tmp_path, {**shared, "experiment_defaults": longer}, *shares)
    assert {"predict_part own", "predict_part some_neural"} <= plan
    assert not plan_of(tmp_path, shared, *shares)


def _interruptible() -> None:
    """Heed an interrupt also where the tests themselves run in the background, which ignores it and hands that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.nightly
@pytest.mark.slow
def test_an_interrupted_run_ends_as_an_uninterrupted_one(finished: Path, tmp_path: Path) -> None:
    """Interrupted twice, in different stages, the maps are the same bytes."""
    region = tmp_path / "results/demo"
    for milestone in ("splits.parquet", "logs/train/some_neural.log"):
        command, environment = arguments(tmp_path, {})
        command.append("--rerun-incomplete")
        with subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_interruptible,
        ) as process:
            while process.poll() is None and not (region / milestone).exists():
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
        assert not (region / "report/index.html").exists()
    done = snakemake(tmp_path, {}, "--rerun-incomplete")
    assert done.returncode == 0, done.stderr[-4000:]
    for name in ("soc.tif", "cue.tif", "moc_saturation.tif"):
        there = Path("results/demo/experiments/some_neural/maps") / name
        assert (finished / there).read_bytes() == (tmp_path / there).read_bytes()


@pytest.mark.slow
def test_snakemake_report_has_captions(finished: Path) -> None:
    done = snakemake(finished, {}, "--report", str(finished / "report.html"))
    assert done.returncode == 0, done.stderr
    assert "Mineral-associated carbon over its capacity" in (finished / "report.html").read_text()


@pytest.mark.slow
def test_a_bad_covariate_stops_the_workflow_with_its_sentence(tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["covariates"][0]["path"] = "covariates/nowhere.tif"
    done = snakemake(tmp_path, {"covariates": raw["covariates"]}, "covariates")
    assert done.returncode != 0
    assert "layer 'elevation': no such raster" in done.stderr
    assert not (tmp_path / "results/demo/covariates.zarr").exists()


def test_a_search_without_its_section_is_refused(tmp_path: Path) -> None:
    done = snakemake(tmp_path, {}, "--dry-run", "search")
    assert done.returncode == 1
    assert (
        "search: the configuration has no such section; give 'experiments' and 'over' there."
        in done.stdout + done.stderr
    )


def test_an_unknown_key_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = snakemake(tmp_path, {"covariats": []}, "--dry-run")
    assert done.returncode != 0
    assert "unknown key 'covariats' (did you mean 'covariates'?)" in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()
