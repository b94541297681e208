"""Errors away from the sites, drawn also where nothing is away from them."""

import warnings
from pathlib import Path

import pandas as pd

from hybridmap.plot.extrapolation import extrapolation_figure


def test_a_model_to_which_no_soil_is_dissimilar_is_drawn_without_a_warning(tmp_path: Path) -> None:
    sites = pd.DataFrame(
        {
            "held_out": ["cross-validation"] * 4 + ["region"] * 4,
            "block": [1, 1, 2, 2, 3, 3, 4, 4],
            "error": [0.1, 0.2, 0.3, 0.2, 0.3, 0.4, 0.5, 0.3],
            "distance_km": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            "dissimilarity": [0.0] * 8,
        }
    )
    regions = pd.DataFrame(
        {"region": [0, 1], "part": ["inside"] * 2, "n": [9, 9], "blocks": [2, 2], "coverage": [0.9, 0.8]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extrapolation_figure(
            sites,
            regions,
            {"promised_error": 0.2, "promised_error_upper": 0.3, "level": 0.9},
            "All parameters global",
            tmp_path / "figure.png",
        )
    assert (tmp_path / "figure.png").stat().st_size > 1000
