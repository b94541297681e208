"""Figures carry the mark of what they are about."""

from pathlib import Path

from hybridmap.plot import style
from hybridmap.plot.style import plt


def saved(path: Path) -> bytes:
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.plot([0, 1])
    style.save(figure, path)
    return path.read_bytes()


def test_every_figure_inside_is_marked_and_none_after(tmp_path: Path) -> None:
    before = saved(tmp_path / "before.png")
    with style.marked("physics fails"):
        marked = saved(tmp_path / "marked.png")
    with style.marked(""):
        unmarked = saved(tmp_path / "unmarked.png")
    assert marked != before
    assert unmarked == saved(tmp_path / "after.png") == before
