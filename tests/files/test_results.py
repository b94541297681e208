"""Names of outputs: one place, which rules and stages agree with."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from hybridmap.files.results import RegionFiles, metadata

FILES = RegionFiles(Path("results/demo"))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (FILES.settings("cube"), "settings/cube.json"),
        (FILES.source("survey"), "observations/survey.parquet"),
        (metadata(FILES.cube), "covariates.zarr/zarr.json"),
        (FILES.baseline("linear").metrics, "baselines/linear/metrics.csv"),
        (FILES.experiment("a").scores.conformal, "experiments/a/evaluation/conformal.json"),
        (FILES.experiment("a").trained, "experiments/a.sums"),
        (FILES.experiment("a").fold("block-0").trained, "experiments/a/block-0.sums"),
        (FILES.experiment("a").fold("block-0").model, "experiments/a/block-0/model"),
        (FILES.experiment("a").map_list, "experiments/a/maps.json"),
        (FILES.experiment("{experiment}").part("{part}", 3), "experiments/{experiment}/parts/{part}of3.done"),
        (FILES.catalog, "catalog.json"),
        (FILES.experiment("a").thumbnail, "experiments/a/item.png"),
        (FILES.report, "report/index.html"),
        (FILES.figure("comparison"), "report/figures/comparison.png"),
    ],
)
def test_files_lie_where_they_always_lay(path: Path, place: str) -> None:
    assert path == Path("results/demo") / place


def test_rules_write_no_names_of_their_own() -> None:
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    names = set(re.findall(r"[\w}]+\.(?:parquet|csv|zarr|npz|safetensors|png|html)\b", rules))
    assert not names
