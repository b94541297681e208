"""Reports of regions that are not finished, tiny, many, strangely named or moved: each opens and says so."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from finished_region import region_of, without_models, write_finished

from hybridmap.config import Config
from hybridmap.files.results import RegionFiles
from hybridmap.report.html import report

NAMES = (
    *("Почва и углерод", "تربة عضوية", "土壌 🌱", "</script><b>bold</b>", 'it\'s "quoted" \\ {{ 7 * 7 }}'),
    *("\u202eturned\u202c", "<!--", "a" * 2000),
)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    without_models(monkeypatch)


def page_of(config: Config, folder: Path) -> str:
    files = RegionFiles(folder)
    report(config, folder, files.report, files.figures)
    return files.report.read_text(encoding="utf-8")


def facts_of(page: str) -> Any:
    text = re.search(r'id="explorer-facts">(.*?)</script>', page, re.DOTALL)
    assert text
    return json.loads(text.group(1))


def test_without_samples_the_page_says_what_is_missing(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}])
    folder = write_finished(config)
    RegionFiles(folder).samples.unlink()
    page = page_of(config, folder)
    assert "not finished" in page
    assert "samples.parquet" in page
    assert "explorer-facts" not in page


def test_what_is_not_finished_is_left_out_and_named(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "done"}, {"name": "trained"}, {"name": "unmapped"}], baselines=["linear"])
    folder = write_finished(config)
    files = RegionFiles(folder)
    files.experiment("trained").scores.metrics.unlink()
    files.experiment("unmapped").map_list.unlink()
    page = page_of(config, folder)
    assert "Experiment “trained” is not finished: no metrics.csv." in page
    assert "Experiment “unmapped” has no maps yet." in page
    assert "Baseline “linear” is not fitted yet." in page
    assert 'id="experiment-unmapped"' in page
    assert 'id="experiment-trained"' not in page
    assert {layer["experiment"] for layer in facts_of(page)["layers"]} == {"done", ""}


def test_an_experiment_without_a_verdict_is_shown_and_named(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}, {"name": "two"}])
    folder = write_finished(config)
    RegionFiles(folder).experiment("two").verdict.unlink()
    page = page_of(config, folder)
    assert "Experiment “two” has no verdict yet: its physics is not judged." in page
    assert 'id="experiment-two"' in page


@pytest.mark.parametrize("content", ["", '{"physics": "no', "{}", "[]", "no table", "a,b\n1,2\n"])
@pytest.mark.parametrize("kind", ["verdict", "metrics", "ladder", "intervals", "predictions"])
def test_an_experiment_with_a_damaged_file_is_left_out_and_named(tmp_path: Path, kind: str, content: str) -> None:
    config = region_of(tmp_path, [{"name": "whole"}, {"name": "damaged"}])
    folder = write_finished(config)
    of = RegionFiles(folder).experiment("damaged")
    file = of.verdict if kind == "verdict" else getattr(of.scores, kind)
    file.write_text(content)
    page = page_of(config, folder)
    said = f"Experiment “damaged” is left out: {file.name} is not what was written; delete it and run again."
    assert said in page
    assert 'id="experiment-whole"' in page
    assert 'id="experiment-damaged"' not in page


def test_a_table_without_rows_is_said(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "whole"}, {"name": "empty"}])
    folder = write_finished(config)
    metrics = RegionFiles(folder).experiment("empty").scores.metrics
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    assert "Experiment “empty” is left out: metrics.csv" in page_of(config, folder)


def test_no_finished_experiment_is_said(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}])
    folder = write_finished(config)
    RegionFiles(folder).experiment("one").scores.ladder.unlink()
    assert "No experiment is finished" in page_of(config, folder)


def test_maps_take_what_the_rest_of_the_page_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = region_of(tmp_path, [{"name": "one"}, {"name": "two"}])
    folder = write_finished(config)
    whole = page_of(config, folder)
    fine = facts_of(whole)
    assert fine["step"] == 1
    monkeypatch.setattr("hybridmap.report.html.PAGE_BYTES", len(whole.encode()) - 4000)
    page = page_of(config, folder)
    assert len(page.encode()) < len(whole.encode())
    coarse = facts_of(page)
    assert sum(layer["step"] for layer in coarse["layers"]) > sum(layer["step"] for layer in fine["layers"])


def test_an_experiment_without_maps_has_no_explorer(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one", "map": False}])
    page = page_of(config, write_finished(config))
    assert "No experiment of this region has maps" in page
    assert "explorer-facts" not in page


def test_one_cell_and_one_experiment(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}], rows=1, columns=1)
    facts = facts_of(page_of(config, write_finished(config)))
    assert facts["shape"] == [1, 1]
    assert all(layer["limits"][0] < layer["limits"][1] for layer in facts["layers"])


def test_names_in_any_script_stay_text(tmp_path: Path) -> None:
    experiments = [{"name": f"e{k}", "title": name} for k, name in enumerate(NAMES)]
    config = region_of(tmp_path, experiments, title=NAMES[-1])
    page = page_of(config, write_finished(config))
    assert "<b>bold" not in page
    assert "{{ 7 * 7 }}" in page
    assert "<!--" not in page
    assert [e["title"] for e in facts_of(page)["experiments"]] == list(NAMES)
    assert "تربة عضوية" in page


@pytest.mark.nightly
def test_two_hundred_experiments_stay_one_small_page(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": f"e{k}", "map": k == 0} for k in range(200)])
    page = page_of(config, write_finished(config))
    assert page.count('class="experiment"') == 200
    assert page.count('class="experiment" id="experiment-e0" open') == 1
    assert len(page) < 3_000_000


def test_moved_results_open(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}], boundaries="districts.gpkg")
    folder = Path(shutil.move(write_finished(config), tmp_path / "elsewhere"))
    page = page_of(config, folder)
    assert "not at hand" in page  # the table that it was made from
    assert not re.search(r'(?:href|src)="(?:/|file:|http)', page)  # links lead to files beside the page


@pytest.mark.nightly
def test_two_hundred_mapped_experiments_stay_one_page_that_opens(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": f"e{k}"} for k in range(200)])
    page = page_of(config, write_finished(config))
    assert page.count('class="experiment"') == 200
    assert len({layer["experiment"] for layer in facts_of(page)["layers"]} - {""}) == 200
    assert len(page) < 15_000_000


def test_a_region_without_forcing_opens(tmp_path: Path) -> None:
    config = region_of(tmp_path, [{"name": "one"}], forcing=[])
    assert {layer["experiment"] for layer in facts_of(page_of(config, write_finished(config)))["layers"]} == {"one", ""}


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "list"])
def test_a_damaged_map_file_is_named_and_the_page_opens(tmp_path: Path, damage: str) -> None:
    config = region_of(tmp_path, [{"name": "whole"}, {"name": "damaged"}])
    folder = write_finished(config)
    of = RegionFiles(folder).experiment("damaged")
    file = next(path for path in sorted((of.maps / "soc").rglob("*")) if path.is_file() and path.name != "zarr.json")
    if damage == "list":
        of.map_list.write_text("{no list")
    elif damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:10] if damage == "cut" else bytes(100))
    page = page_of(config, folder)
    assert 'id="experiment-whole"' in page
    name = of.map_list.name if damage == "list" else f"maps.zarr/{file.relative_to(of.maps).as_posix()}"
    assert f"Experiment “damaged” has damaged maps, which are left out: {name} is not what was written" in page
    assert {layer["experiment"] for layer in facts_of(page)["layers"]} == {"whole", ""}
