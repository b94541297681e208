"""Figures of the report, one at a time, as matplotlib has them."""

from pathlib import Path

import pytest
from finished_region import region_of, write_finished
from matplotlib.figure import Figure
from matplotlib.image import imread

from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError
from hybridmap.notebook.region import Region
from hybridmap.plot import style
from hybridmap.report.figures import region_parts


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    config = region_of(tmp_path_factory.mktemp("figures"), [{"name": "flat"}])
    folder = write_finished(config)
    settings = folder / "settings"
    settings.mkdir(exist_ok=True)
    (settings / "report.json").write_text(stage_settings(config, "report"))
    return Region(folder)


def test_every_figure_is_named_and_given(region: Region) -> None:
    experiment, shown = region["flat"], style.plt.get_fignums()
    assert "share" in region.figures()["distances"]
    assert {"scatter", "soc", "trust"} <= set(experiment.figures())
    before = sorted(region.folder.rglob("*"))
    titles = [axes.get_title() for axes in experiment.figure("soc").axes]
    assert titles[0].startswith("SOC density: flat")
    assert isinstance(region.figure("comparison"), Figure)
    assert sorted(region.folder.rglob("*")) == before
    assert style.plt.get_fignums() == shown  # nothing that pyplot would show a second time


def test_a_figure_is_that_of_the_report(region: Region, tmp_path: Path) -> None:
    figure = region.figure("comparison")
    style.save(figure, tmp_path / "one.png")
    next(draw for names, draw in region_parts(region._figures.results, tmp_path).items() if "comparison" in names)()
    assert (imread(tmp_path / "one.png") == imread(tmp_path / "comparison.png")).all()


def test_what_is_no_figure_gets_a_sentence(region: Region, tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"experiment 'flat' has no figure 'scater' .did you mean 'scatter'"):
        region["flat"].figure("scater")
    with pytest.raises(HybridmapError, match="has nothing to show as 'relationships'"):
        region["flat"].figure("relationships")
    (tmp_path / "experiments").mkdir()
    with pytest.raises(HybridmapError, match=r"report.json: not there; the workflow writes it"):
        Region(tmp_path).figure("soc")
