"""Figures of maps: each map is drawn where and as it declares, whatever its name."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyproj import CRS

from hybridmap.config import Predict
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.plot.maps import Layer, MapFrame
from hybridmap.predict.portrayal import Portrayal
from hybridmap.quantities import QUANTITIES
from hybridmap.report import map_figures
from hybridmap.report.scales import scales_of

FRAME = MapFrame(RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 2, 2))


PASSPORT = [{"parameter": "z", "identified": "yes"}, {"parameter": "a", "identified": "no"}]


def entry(name: str, portrayal: Portrayal, **more: Any) -> dict[str, Any]:
    return {"name": name, "units": "u", "colour_limits": [0.0, 95.0], **portrayal.attributes(), **more}


def change(label: str, subject: str) -> Portrayal:
    return Portrayal("scenario", label, "BrBG", symmetric=True, subject=subject)


def figures_of(
    entries: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, absent: str = ""
) -> dict[str, list[Layer]]:
    """Layers of each figure, of maps with the values 1, 2, 3 ... in the order of the entries."""
    store = {e["name"]: np.full((2, 2), float(k + 1)) for k, e in enumerate(entries) if e["name"] != absent}
    samples = pd.DataFrame({f"{name}_kg_m3": np.linspace(0, 100, 101) for name in ("soc_density", "poc", "moc", "mbc")})
    results: Any = SimpleNamespace(
        mapped=["e"],
        maps=lambda _: store,
        map_list=lambda _: entries,
        passport=lambda _: ({}, PASSPORT),
        samples=samples,
        config=SimpleNamespace(all_quantities=QUANTITIES, predict=Predict()),
    )
    results.scales = scales_of(results)
    figures: dict[str, list[Layer]] = {}

    def record(layers: list[Layer], frame: MapFrame, path: Path, columns: int) -> None:
        figures[path.name] = layers

    monkeypatch.setattr(map_figures, "map_figure", record)
    map_figures.draw_maps(results, "e", "My title", FRAME, Path("figures"))
    return figures


def test_maps_are_drawn_as_they_declare(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = figures_of(
        [
            entry("moc", Portrayal("quantity", "MOC", "YlOrBr", rank=2, subject="moc")),
            entry("poc", Portrayal("quantity", "POC", "YlOrBr", rank=1, subject="poc")),
            entry("soc", Portrayal("quantity", "SOC", "YlOrBr", subject="soc")),
            entry("z", Portrayal("parameter", "z", rank=0), colour_limits=[2.0, 5.0]),
            entry("a", Portrayal("parameter", "a", rank=1)),
            entry(
                "shift", Portrayal("scenario", "Change", "BrBG", symmetric=True, subject="soc"), colour_limits=[-4, 4]
            ),
            entry(
                "shift_of_moc",
                Portrayal("scenario", "Change of MOC", "BrBG", symmetric=True, subject="moc"),
                colour_limits=[-6, 6],
            ),
            entry(
                "ok", Portrayal("trust", "Inside", "RdYlBu", rank=1), flag_values=[0, 1], flag_meanings="outside inside"
            ),
            entry("far", Portrayal("trust", "Far", rank=0)),
            entry("count", Portrayal("trust")),
            entry("margin", Portrayal("diagnostic", "MOC / Qmax")),
        ],
        monkeypatch,
    )
    titles = {name: [layer.title for layer in layers] for name, layers in figures.items()}
    assert titles == {
        "e_soc.png": ["SOC density: My title"],
        "e_trust.png": ["Far", "Inside"],
        "e_scenarios.png": ["Change"],
        "e_pools.png": ["POC", "MOC"],
        "e_parameters.png": ["z", "a (not identified)"],
    }
    assert figures["e_soc.png"][0].limits == (0.0, 95.0)
    assert figures["e_scenarios.png"][0].limits == (-4.0, 4.0)
    assert figures["e_parameters.png"][0].limits == (2.0, 5.0)
    assert [layer.is_hatched for layer in figures["e_parameters.png"]] == [False, True]
    assert figures["e_trust.png"][1].classes == {0: "outside", 1: "inside"}


def test_the_width_of_an_interval_needs_a_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = [
        entry(f"soc_{role}", Portrayal("interval", "Width", subject="soc", role=role))  # type: ignore[arg-type]
        for role in ("lower", "sd", "upper")
    ]
    layer = figures_of(roles, monkeypatch)["e_trust.png"][0]
    assert layer.title == "Width"
    assert (layer.values == 2.0).all()  # the third less the first
    assert figures_of([roles[0], roles[2]], monkeypatch) == {}
    assert figures_of(roles, monkeypatch, absent="soc_sd") == {}
