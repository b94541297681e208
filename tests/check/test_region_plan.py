"""What a region takes, from measured rates."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from hybridmap.check.region_jobs import JOBS, job_counts
from hybridmap.check.region_plan import RATES, Wish, plan_lines
from hybridmap.cli.workflow import job_needs
from hybridmap.config import Config
from hybridmap.config.reading import load_config
from hybridmap.errors import HybridmapError

SHARED_OUT = {"fan_out": True, "predict": {"parts": 3}}


def demo(**over: Any) -> Config:
    return load_config(ROOT / "config.yaml", over=over)


def page(**wish: Any) -> str:
    return "\n".join(plan_lines(demo(**SHARED_OUT), Wish(**wish), job_needs()))


def hours_of(text: str, rule: str) -> float:
    row = re.search(rf"\| `{rule}` \|.*\| ([\d.,e-]+) \| [\d.,e-]+ \|", text)
    assert row, text
    return float(row[1].replace(",", ""))


def test_time_and_storage_grow_with_cells_and_layers() -> None:
    one, twice, wide = page(cells=10**11), page(cells=2 * 10**11), page(cells=10**11, covariates=168)
    for rule in ("cube", "predict_part", "export"):
        assert hours_of(twice, rule) == pytest.approx(2 * hours_of(one, rule), rel=0.01)
    layers = (168 + 2) / (12 + 2)
    assert hours_of(wide, "cube") == pytest.approx(layers * hours_of(one, "cube"), rel=0.01)
    assert hours_of(wide, "export") == hours_of(one, "export")  # GeoTIFFs do not depend on layers
    stored = [float(re.search(r"layers and cube ([\d.,]+) TB", text)[1].replace(",", "")) for text in (one, wide)]  # type: ignore[index]
    assert stored[1] == pytest.approx(layers * stored[0], rel=0.05)


def test_a_price_is_what_the_user_says_of_it() -> None:
    assert "Cost: give `--core-hour-price` and `--tb-month-price`." in page()
    text = page(cells=10**9, core_hour_price=0.5, tb_month_price=20, months=3)
    core_h = float(re.search(r"jobs, ([\d,]+) core hours", text)[1].replace(",", ""))  # type: ignore[index]
    price = float(re.search(r"Computing: ([\d.,]+) at 0.5", text)[1].replace(",", ""))  # type: ignore[index]
    assert price == pytest.approx(core_h * 0.5, abs=0.5)
    assert "Keeping it 3 months:" in text


def test_what_limits_is_said_and_a_job_that_no_node_holds_is_refused() -> None:
    text = page(cells=6 * 10**9, covariates=170)
    assert re.search(r"A job of `cube` needs [\d.,]+ h on 4 threads and is given 2 h: `set-resources: cube`", text)
    assert "No GPU was measured, so none is counted." in text
    assert "a larger `predict.tile`" in text
    with pytest.raises(HybridmapError, match=r"a job of predict_part asks for 4 GB .* no node has more than 2 GB"):
        page(node_memory_gb=2)


def test_training_is_counted_where_sites_are_given() -> None:
    assert hours_of(page(sites=20_000), "train") > 0
    assert "| `train` |" in page()
    assert "Training: give `--sites`" in page()


def test_every_rate_says_what_measured_it_and_every_rule_what_it_needs() -> None:
    for name, rate in yaml.safe_load(RATES.read_text()).items():
        script = re.match(r"python (benchmarks/\w+\.py)", rate["command"])
        assert script, name
        assert (ROOT / script[1]).is_file()
        assert rate["value"] > 0
    assert set(JOBS) <= set(job_needs())


@pytest.mark.nightly
@pytest.mark.parametrize("over", [{}, SHARED_OUT])
def test_jobs_are_those_that_snakemake_plans(tmp_path: Path, over: dict[str, Any]) -> None:
    (tmp_path / "over.yaml").write_text(yaml.safe_dump(over or {"region": "demo"}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    files = ["--configfile", str(ROOT / "config.yaml"), str(tmp_path / "over.yaml")]
    done = subprocess.run(
        [*command, "--dry-run", "--quiet", "rules", *files], capture_output=True, text=True, check=True
    )
    planned = Counter({rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE)})
    assert planned["cube"] == 1
    counts = job_counts(demo(**over))
    assert {rule: planned[rule] for rule in counts} == counts
    assert not [rule for rule in JOBS if rule not in counts and planned[rule]]


@pytest.mark.nightly
@pytest.mark.parametrize(("region", "cells"), [("europe", 6e9), ("conus", 128e6)])
def test_the_page_shows_what_the_command_prints(region: str, cells: float) -> None:
    config = load_config(ROOT / "config.yaml", ROOT / f"resources/regions/{region}.yaml")
    printed = plan_lines(config, Wish(cells=int(cells), covariates=170, sites=20_000), job_needs())
    blocks = re.findall(r"```markdown\n(.*?)```", (ROOT / "docs/continental.md").read_text(), re.DOTALL)
    (shown,) = (block for block in blocks if block.startswith(f"{cells / 1e6:,.0f} million cells"))
    assert set(shown.splitlines()) <= set(printed)
