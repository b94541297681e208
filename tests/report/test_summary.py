"""A region in a few lines: what is best, how good and how sure, what is missing, where the report is."""

import json
from pathlib import Path

import pytest
from finished_region import region_of, without_models, write_finished

from hybridmap.cli import main
from hybridmap.files.results import RegionFiles
from hybridmap.report.summary import summary_lines


def test_the_lines_say_what_the_first_screen_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_models(monkeypatch)
    config = region_of(tmp_path, [{"name": "one"}, {"name": "two"}])
    folder = write_finished(config)
    lines = summary_lines(config, folder)
    assert any("held-out observations (split" in line and "NSE" in line for line in lines)
    assert any("intervals" in line for line in lines)
    assert lines[-1] == "the report is not made yet"
    RegionFiles(folder).experiment("two").map_list.unlink()
    assert any("“two” has no maps yet" in line for line in summary_lines(config, folder))
    RegionFiles(folder).samples.unlink()
    assert "nothing can be reported before these are made" in " ".join(summary_lines(config, folder))


def test_a_folder_is_read_with_its_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_models(monkeypatch)
    assert main(["status", str(tmp_path)]) == 1
    assert "no folder of results, as it has no settings/report.json" in capsys.readouterr().err
    config = region_of(tmp_path, [{"name": "one"}])
    folder = write_finished(config)
    settings = RegionFiles(folder).settings("report")
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(config.model_dump(mode="json", by_alias=True)))
    assert main(["status", str(folder)]) == 0
    assert "NSE" in capsys.readouterr().out
