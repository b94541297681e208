"""The page is text: nothing that a stranger wrote into a table or a file becomes part of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hybridmap.report.captions import REGION, Caption
from hybridmap.report.first_screen import Agreement
from hybridmap.report.html import PARTS, SCRIPTS, _template
from hybridmap.report.ladder import Badge
from hybridmap.report.provenance import input_hashes

EVIL = "<script>alert(1)</script>\"'>"


PASSPORT = (
    "kept", "expected_error", "posterior_sd", "contraction", "spread_folds", "spread_starts", "placebo",
    "rank_correlation_starts", "on_bound",
)  # fmt: skip

AGREEMENT = [f"rank_correlation_{between}" for between in ("folds", "seeds", "starts")]


class Anything(dict[str, Any]):
    """A block in which every value is an injection, and every number is 1."""

    def __missing__(self, key: str) -> Any:
        return EVIL

    def __getattr__(self, key: str) -> Any:
        return self[key]


CAPTION = Caption(EVIL, EVIL, EVIL)
PAGE: dict[str, Any] = {
    "figures": SimpleNamespace(has=lambda _: True, source=lambda _: EVIL, size=lambda _: (1, 1)),
    "questions": {
        "set": EVIL, "label": EVIL, "unit": EVIL, "sure": EVIL, "trust": EVIL, "more": 1,
        "districts": [{"name": EVIL, "stock_Tg": 1.0, "lower_Tg": 0.5, "upper_Tg": 2.0, "mean_kg_m2": 1.0}],
        "drivers": [{"name": EVIL, "arrow": EVIL, "direction": EVIL, "change": 1.0, "effect": 1.0}],
    },
    "first": {
        "not_given": EVIL,
        "best": EVIL, "title": EVIL, "sentences": [EVIL], "warnings": [EVIL] * 5, "date": EVIL,
        "stocks": [{"label": EVIL, "depth": EVIL, "source": EVIL, "note": EVIL, "stock_Tg": 1.0, "lower_Tg": 1.0,
                    "upper_Tg": 1.0, "level": 0.9, "area_km2": 1.0, "mean_kg_m2": 1.0}] * 2,
    },
    "cover": EVIL, "captions": dict.fromkeys(REGION, CAPTION), "ladder_caption": CAPTION,
    "experiment_captions": {EVIL: CAPTION}, "explorer": {"layers": [{"label": EVIL}], "borders": []},
    "packed": ["AA=="],
    "parts": PARTS, "scripts": SCRIPTS,
}  # fmt: skip


def test_the_page_escapes_what_it_is_given() -> None:
    names = ("area_km2", "missing_km2", "mean_kg_m2", "stock_Tg", "lower_Tg", "upper_Tg", "top_cm", "bottom_cm")
    numbers = dict.fromkeys(names, 1.0)
    row = Anything(**numbers, stock_outside_applicability_Tg=1.0)
    reference = Anything(**dict.fromkeys(("pearson", "pearson_log", "bias", "rmse", "mean", "reference_mean"), 1.0))
    verdict = {"physics": "fails", "reasons": [EVIL], "notes": [EVIL], "sentences": [EVIL], "skill_notes": [EVIL]}
    shares = ("area_km2", "share_outside", "share_not_judged", "share_of_outside")
    described = Anything(**dict.fromkeys(("min", "mean", "max"), 1.0))
    experiment = Anything(
        verdict=verdict,
        badges=[Badge(EVIL, EVIL)],
        saturation={},
        maps=[described],
        globals=[Anything(value=1.0, default=1.0)],
        countries=[Anything(**dict.fromkeys(shares, 1.0))],
        truth={EVIL: 1.0},
        agreement=Agreement(1, 1.0, 1.0, 1.0, 1.0),
        passport=Anything(
            combinations=[Anything(sd=1.0)],
            patterns=Anything(),
            compensation=Anything(between_trainings=1.0, between_sites=1.0),
        ),
        parameters=[Anything(**dict.fromkeys(PASSPORT, 1.0))],
        relationships=[Anything(**dict.fromkeys(AGREEMENT, 1.0), inputs=[Anything(share=1.0)])],
    )
    check = {EVIL: Anything(value=1.0, limit=1.0)}
    physics = [Anything(checks=check, capacity=[1.0, 1.0], margins={EVIL: 1.0}, n=1)]
    cell = {"value": 1.0, "range": (1.0, 1.0)}
    rung = {"title": EVIL, "is_experiment": True, "cells": {EVIL: cell}}
    of_class = {"stratum": EVIL, "class": EVIL, "n": 1, "blocks": 1, "cells": [1.0]}
    rungs = Anything(n=1, blocks=1, rows=[rung], classes=SimpleNamespace(rungs=[EVIL], rows=[of_class]))
    page = _template().render(
        title=EVIL,
        region=EVIL,
        grid=Anything(resolution=1.0, bounds=(0, 0, 1, 1)),
        cell_unit=EVIL,
        depths="0–20 cm",
        rows="sites",
        **PAGE,
        counts=[{"target": EVIL, "unit": EVIL, "n": 1, "low": 1.0, "median": 1.0, "high": 1.0}],
        sources=[Anything(layers=1, sites=1, samples=1, measured=1)],
        bulk_density={EVIL: 1},
        ladder=[Anything()],
        schemes=[EVIL],
        first_scheme=EVIL,
        rungs=[rungs],
        physics=physics,
        map_errors=[Anything(cells=1, true=1.0, bias=1.0, rmse=1.0, width=1.0, held=1.0)],
        score_names=[EVIL],
        scores=[],
        intervals=[],
        targets={EVIL: EVIL},
        experiments=[experiment],
        totals=[{"experiment": EVIL, "rows": [row]}],
        changes=[
            {"experiment": EVIL, "rows": [Anything(**numbers, change_Tg=1.0, change_percent=1.0, not_learned=EVIL)]}
        ],
        references=[reference],
        versions={"hybridmap": EVIL},
        publication={EVIL: EVIL},
        inputs=[Anything()],
        config=EVIL,
    )
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&gt;") > 20


def test_a_derived_layer_has_no_digest_of_a_file(monkeypatch: Any) -> None:
    layers = [
        {"name": "slope", "path": "", "licence": "", "derived": "slope"},
        {"name": "far", "path": "https://x/y.tif", "licence": "CC0"},
        {"name": "near", "path": "y.tif", "licence": "CC0", "sha256": "abc"},
    ]
    cube = SimpleNamespace(sources=lambda: layers)
    monkeypatch.setattr("hybridmap.report.provenance.open_cube", lambda _: cube)
    config: Any = SimpleNamespace(observations=[])
    rows = input_hashes(config, Path("results"))
    assert [(row["path"], row["sha256"]) for row in rows] == [
        ("derived (slope)", ""), ("https://x/y.tif", ""), ("y.tif", "abc"),
    ]  # fmt: skip
