"""What the report takes of an experiment: random starts where there are some, and agreement of trainings."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from finished_region import region_of, without_models, write_finished

from hybridmap.files.results import IdentifiabilityFiles
from hybridmap.report.html import report
from hybridmap.report.results import Results


def write_judged(files: IdentifiabilityFiles, text: str) -> None:
    """Write a passport of one parameter that says this."""
    files.summary.parent.mkdir(parents=True, exist_ok=True)
    files.summary.write_text(json.dumps({"sentence": text}))
    pd.DataFrame({"parameter": ["q_max"], "rank_correlation_starts": [0.71]}).to_csv(files.table, index=False)


def test_random_starts_that_were_made_on_request_replace_the_folds(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}])
    results = Results(config, write_finished(config))
    assert config.identifiability is None
    write_judged(results.of("one").identifiability, "folds")
    assert results.passport("one")[0]["sentence"] == "folds"
    write_judged(results.of("one").starts, "starts")
    judged, rows = results.passport("one")
    assert (judged["sentence"], rows[0]["rank_correlation_starts"]) == ("starts", 0.71)


def test_the_report_shows_whether_trainings_agree_about_covariates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_models(monkeypatch)
    config = region_of(tmp_path, [{"name": "one"}])
    results = Results(config, write_finished(config))
    assert results.relationships("one") == []
    ranks = {"rank_correlation_folds": 0.25, "rank_correlation_seeds": None, "rank_correlation_starts": 0.43}
    row = {"output": "parameter.cue", "identified": "no", "inputs": [{"input": "ndvi", "share": 0.14}], **ranks}
    summary = results.of("one").relationships.summary
    summary.parent.mkdir(parents=True, exist_ok=True)
    summary.write_text(json.dumps({"outputs": [row, {**row, "output": "soc", "rank_correlation_starts": None}]}))
    page = tmp_path / "index.html"
    report(config, results.folder, page, tmp_path / "figures")
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page.read_text(encoding="utf-8").partition("between random starts")[2])
    assert cells[:7] == ["parameter.cue", "no", "ndvi", "0.14", "0.25", "–", "0.43"]
    assert cells[7:14] == ["soc", "no", "ndvi", "0.14", "0.25", "–", "–"]
