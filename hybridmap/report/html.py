"""Assemble the report of a region: read results, draw figures, fill the page."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hybridmap.config import Build, Config
from hybridmap.evaluate.extrapolation import sentence
from hybridmap.evaluate.interval_rule import TERCILES
from hybridmap.evaluate.predictions import POOLED
from hybridmap.files.tables import write_text
from hybridmap.report.captions import EXPERIMENT, LADDER, REGION
from hybridmap.report.completeness import finished_part
from hybridmap.report.embedded import Figures
from hybridmap.report.explorer import explorer
from hybridmap.report.figures import draw_cover, draw_figures, map_frame
from hybridmap.report.first_screen import agreement_of, first_screen
from hybridmap.report.ladder import COLUMNS, badges, ladder_tables
from hybridmap.report.map_errors import error_rows
from hybridmap.report.physics import physics_rows
from hybridmap.report.provenance import config_text, input_hashes, published, versions
from hybridmap.report.questions import questions
from hybridmap.report.results import Results
from hybridmap.units import typeset

LOG = logging.getLogger("hybridmap")
LARGE, TG_OF_PG = 1e9, 2000.0
"""From there on numbers have an exponent, and masses [Tg] are in Pg."""
PAGE_BYTES = 14_900_000
"""What can be mailed: below 15 MB."""
TEMPLATES = "*.html.jinja"
"""Pages and the parts that they include, named so that a change of one makes the report anew."""
STYLE = "page.css"
SCRIPTS = ("codec.js", "map_view.js", "explorer.js", "cell_report.js", "full_resolution.js", "controls.js", "page.js")
"""In the order of the page; the last one does without maps."""


def report(config: Config, results_folder: Path, out: Path, figures: Path, processes: int = 1) -> None:
    """Write the page `out` and its figures into `figures`.

    Parameters
    ----------
    config : Config
        The whole configuration of the region.
    results_folder : Path
        Folder of the region; what is not finished is left out, and the page says so.
    out : Path
        ``index.html``, self-contained: figures and maps are embedded.
    figures : Path
        Folder of PNG files, also used by ``snakemake --report``.
    processes : int
        Experiments whose figures are drawn at a time.
    """
    finished = finished_part(config, results_folder)
    for text in finished.missing:
        LOG.warning("%s", text)
    if finished.config is None:
        page = _template("unfinished.html.jinja").render(
            title=config.title or config.region, region=config.region, missing=finished.missing, parts=PARTS,
            config=config_text(config),
        )  # fmt: skip
    else:
        results = Results(finished.config, results_folder)
        page = _page(results, _context(results, figures, finished.missing, processes))
    write_text(page, out)
    LOG.info("report of %d experiments, %.1f MB", len(config.experiments), len(page) / 1e6)


def _page(results: Results, context: dict[str, Any]) -> str:
    """The page with maps as fine as fits beside everything else."""
    template = _template()
    page = str(template.render(**context, explorer={"layers": []}, packed=[], scripts=SCRIPTS[-1:]))
    room = PAGE_BYTES - len(page.encode()) - sum(len(PARTS[name]) for name in SCRIPTS[:-1])
    maps = explorer(results, context["first"]["best"], map_frame(results), room)
    if not maps.texts:
        return page
    return str(template.render(**context, explorer=maps.facts, packed=maps.texts, scripts=SCRIPTS))


def _template(name: str = "page.html.jinja") -> Any:
    environment = Environment(
        loader=PackageLoader("hybridmap", "report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": _number, "mass": _mass, "fixed": _fixed, "unit": typeset}
    return environment.get_template(name)


def _parts() -> dict[str, Markup]:
    """Style and scripts, which stand in the page as they are."""
    folder = Path(__file__).parent
    return {name: Markup(folder.joinpath(name).read_text(encoding="utf-8")) for name in (STYLE, *SCRIPTS)}


PARTS = _parts()


def _context(results: Results, folder: Path, missing: list[str], processes: int) -> dict[str, Any]:
    """Everything that the page shows; draws the figures on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = draw_figures(results, folder, processes)
    first = first_screen(results, missing)
    cover = draw_cover(results, first["best"], folder) if first["best"] else ""
    names = [f"{name}.png" for name in ("cover", *REGION)] + [f"{first['best']}_{name}.png" for name in EXPERIMENT]
    return {
        **_region(results), **_tables(results, truth), "first": first, "cover": cover,
        "questions": questions(results, first["best"]),
        "figures": Figures(folder, names), "captions": REGION, "ladder_caption": LADDER,
        "experiment_captions": EXPERIMENT, "parts": PARTS,
    }  # fmt: skip


def _region(results: Results) -> dict[str, Any]:
    """What the region is, and where its numbers come from."""
    config = results.config
    unit = results.grid.crs.axis_info[0].unit_name
    return {
        "title": config.title or config.region,
        "region": config.region,
        "grid": config.grid,
        "cell_unit": {"metre": "m", "degree": "°"}.get(unit, unit),
        "depths": _depths(config.build),
        "rows": "sites" if config.build.layers is None else "layers kept",
        "schemes": [s.name for s in config.splits],
        "first_scheme": results.first_scheme,
        "targets": {name: quantity.label for name, quantity in config.all_quantities.items()},
        "versions": versions(),
        "publication": published(config.publication) if config.publication else {},
        "inputs": input_hashes(config, results.folder),
        "config": config_text(config),
    }


def _tables(results: Results, truth: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What stands in tables."""
    return {
        "counts": _counts(results),
        "sources": results.counts_by_source(),
        "bulk_density": results.samples["bd_source"].value_counts().to_dict(),
        "ladder": results.ladder.to_dict("records"),
        "rungs": ladder_tables(results),
        "score_names": list(COLUMNS),
        "scores": _scores(results),
        "intervals": _intervals(results),
        "map_errors": list(error_rows(results)),
        "physics": physics_rows(results),
        "experiments": [_experiment(results, e.name, truth) for e in results.config.experiments],
        "totals": [{"experiment": e, "rows": rows} for e in results.mapped if (rows := results.totals(e))],
        "changes": [{"experiment": e, "rows": rows} for e in results.mapped if (rows := results.changes(e))],
        "references": [r for e in results.mapped if (r := results.reference(e))],
    }


def _depths(build: Build) -> str:
    """The interval, or that layers are taken from, in words."""
    top, bottom = build.span_cm
    return f"{'' if build.layers is None else 'layers of '}{top:g}\N{EN DASH}{bottom:g} cm"


def _counts(results: Results) -> list[dict[str, Any]]:
    rows = []
    for quantity in results.config.all_quantities.values():
        values = results.samples[quantity.column].dropna()
        row = {"target": quantity.label, "unit": quantity.unit, "n": len(values)}
        rows.append(row | {k: float(values.quantile(q)) if len(values) else None for k, q in
                           (("low", 0.05), ("median", 0.5), ("high", 0.95))})  # fmt: skip
    return rows


def _scores(results: Results) -> list[dict[str, Any]]:
    """One row a scheme, model and target: pooled test scores, the mean once."""
    metrics = results.metrics
    pooled = metrics[(metrics["fold"] == POOLED) & (metrics["part"] == "test")]
    rows: list[dict[str, Any]] = []
    for (scheme, subset), group in pooled.groupby(["scheme", "subset"], sort=False):
        for model, members in group.groupby("model", sort=False):
            by_target = members.drop_duplicates("target").set_index("target")
            cells = {t: by_target.loc[t].to_dict() for t in results.config.all_quantities if t in by_target.index}
            rows.append({"scheme": scheme, "subset": subset, "model": model, "cells": cells})
    return sorted(rows, key=lambda r: (r["scheme"] != results.first_scheme, r["subset"] != "all", r["model"] != "mean"))


def _intervals(results: Results) -> list[dict[str, Any]]:
    """One row an experiment, source and target of the first scheme, with the coverage of thirds of the predictions."""
    table = results.intervals
    pooled = table[(table["fold"] == POOLED) & (table["scheme"] == results.first_scheme)]
    rows: list[dict[str, Any]] = []
    for _, group in pooled.groupby(["experiment", "source", "target"], sort=False):
        of_class = group.set_index(["stratum", "class"])["coverage"]
        thirds = [of_class.get(("tercile", name)) for name in TERCILES]
        whole = {str(name): value for name, value in group[group["stratum"] == "all"].iloc[0].items()}
        rows.append({**whole, "thirds": thirds})
    return rows


def _experiment(results: Results, name: str, truth: dict[str, dict[str, float]]) -> dict[str, Any]:
    experiment, held_out = results.config.experiment(name), results.held_out_regions(name)
    extent = results.verdict(name).get("extent", {})
    return {
        "name": name,
        "title": experiment.title or name,
        "process": experiment.process.name if experiment.process else "",
        "verdict": results.verdict(name),
        "badges": badges(results.verdict(name)),
        "held_out": sentence(held_out) if held_out and "not_judged" not in held_out else "",
        "extent": extent.get("sentence", ""),
        "countries": extent.get("countries", []),
        "passport": results.passport(name)[0],
        "parameters": results.passport(name)[1],
        "relationships": results.relationships(name),
        "saturation": results.saturation(name),
        "maps": results.map_list(name),
        "globals": results.global_parameters(name),
        "truth": truth.get(name, {}),
        "agreement": agreement_of(results, name, experiment.targets[0]),
        "first_fold": f"{experiment.splits[0]}-0",
    }


def _number(value: Any, digits: int = 3) -> str:
    """A number with some significant digits; a dash for a missing one."""
    if value is None or pd.isna(value):
        return "–"
    text = f"{value:.{digits}g}"
    return text if "e+" not in text or abs(value) >= LARGE else f"{float(text):,.0f}"


def _mass(value: Any) -> str:
    """A mass in Tg with its unit, in Pg where it is large."""
    return f"{_number(value / 1000)} Pg" if abs(value) >= TG_OF_PG else f"{_number(value)} Tg"


def _fixed(value: Any) -> str:
    """A number with two decimals; a dash for a missing one."""
    return "–" if value is None or pd.isna(value) else f"{value:.2f}"
