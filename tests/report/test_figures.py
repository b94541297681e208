"""Curves are drawn over the covariates that they are of."""

from pathlib import Path

import pytest
import torch
from small_models import SPEC, landscape, model_of

from hybridmap.plot import style
from hybridmap.plot.edges import edges_figure
from hybridmap.report.figures import edge_curves


@pytest.mark.parametrize("separate", [False, True])
def test_curves_are_of_the_numbers_among_the_covariates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separate: bool
) -> None:
    spec = SPEC | {
        "covariates": ["cover", "a", "b"],
        "categorical": {"cover": [0.0, 1.0]},
        "encoder": {"name": "kan", "intervals": 4, "separate": separate},
    }
    model = model_of(spec).eval()
    data, _ = landscape(50)
    cover = (torch.arange(50) % 2).float()
    model.fit_inputs(torch.stack([cover, 100 + data.covariates[:, 0], 900 + data.covariates[:, 1]], 1))
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure))
    edges_figure(edge_curves(model, model.encoder.curves()), "title", tmp_path / "edges.png")
    axes = figures[0].axes
    assert len(axes) == 2 * 2  # two parameters, two covariates that are numbers
    middles = {axis.get_xlabel()[0]: sum(axis.get_xlim()) / 2 for axis in axes}
    assert middles["a"] == pytest.approx(100, abs=3)
    assert middles["b"] == pytest.approx(900, abs=3)
