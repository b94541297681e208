"""Assemble the report of a region: read results, draw figures, fill the page."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from hybridmap.config import Config
from hybridmap.evaluate.predictions import POOLED
from hybridmap.files.tables import write_text
from hybridmap.quantities import QUANTITIES
from hybridmap.report.figures import draw_figures
from hybridmap.report.provenance import config_text, input_hashes, versions
from hybridmap.report.results import Results

LOG = logging.getLogger("hybridmap")


def report(config: Config, results: Path, out: Path, figures: Path) -> None:
    """Write the page `out` and its figures into `figures`.

    Parameters
    ----------
    config : Config
        The whole configuration of the region.
    results : Path
        Folder of the region, with all stages done.
    out : Path
        ``index.html``, self-contained: figures are embedded.
    figures : Path
        Folder of PNG files, also used by ``snakemake --report``.
    """
    found = Results(config, results)
    figures.mkdir(parents=True, exist_ok=True)
    truth = draw_figures(found, figures)
    page = _template().render(**_context(found, figures, truth))
    write_text(page, out)
    LOG.info("report of %d experiments, %.1f MB", len(config.experiments), len(page) / 1e6)


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("hybridmap", "report"), autoescape=select_autoescape(), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": _number, "fixed": _fixed}
    return environment.get_template("page.html.jinja")


def _context(found: Results, figures: Path, truth: dict[str, dict[str, float]]) -> dict[str, Any]:
    config = found.config
    unit = found.grid.crs.axis_info[0].unit_name
    return {
        "title": config.title or config.region,
        "region": config.region,
        "grid": config.grid,
        "cell_unit": {"metre": "m", "degree": "°"}.get(unit, unit),
        "build": config.build,
        "image": lambda name: _embedded(figures / name),
        "has": lambda name: (figures / name).is_file(),
        "counts": _counts(found),
        "sources": found.counts_by_source(),
        "bulk_density": found.samples["bd_source"].value_counts().to_dict(),
        "ladder": found.ladder.to_dict("records"),
        "schemes": [s.name for s in config.splits],
        "scores": _scores(found),
        "intervals": _intervals(found),
        "targets": {name: quantity.label for name, quantity in QUANTITIES.items()},
        "experiments": [_experiment(found, e.name, truth) for e in config.experiments],
        "totals": [{"experiment": e, "rows": rows} for e in found.mapped if (rows := found.totals(e))],
        "references": [r for e in found.mapped if (r := found.reference(e))],
        "versions": versions(),
        "inputs": input_hashes(config, found.folder),
        "config": config_text(config),
    }


def _counts(found: Results) -> list[dict[str, Any]]:
    rows = []
    for quantity in QUANTITIES.values():
        values = found.samples[quantity.column].dropna()
        row = {"target": quantity.label, "n": len(values)}
        rows.append(row | {k: float(values.quantile(q)) if len(values) else None for k, q in
                           (("low", 0.05), ("median", 0.5), ("high", 0.95))})  # fmt: skip
    return rows


def _scores(found: Results) -> list[dict[str, Any]]:
    """One row a scheme, model and target: pooled test scores, the mean once."""
    metrics = found.metrics
    pooled = metrics[(metrics["fold"] == POOLED) & (metrics["part"] == "test")]
    rows: list[dict[str, Any]] = []
    for (scheme, subset), group in pooled.groupby(["scheme", "subset"], sort=False):
        for model, members in group.groupby("model", sort=False):
            by_target = members.drop_duplicates("target").set_index("target")
            cells = {t: by_target.loc[t].to_dict() for t in QUANTITIES if t in by_target.index}
            rows.append({"scheme": scheme, "subset": subset, "model": model, "cells": cells})
    return sorted(rows, key=lambda r: (r["scheme"] != found.first_scheme, r["subset"] != "all", r["model"] != "mean"))


def _intervals(found: Results) -> list[dict[str, Any]]:
    """One row an experiment and source of the first scheme: coverage and width of every target."""
    table = found.intervals
    pooled = table[(table["fold"] == POOLED) & (table["scheme"] == found.first_scheme)]
    rows = []
    for (experiment, source), group in pooled.groupby(["experiment", "source"], sort=False):
        cells = group.set_index("target").to_dict("index")
        rows.append({"experiment": experiment, "source": source, "level": group["level"].iloc[0], "cells": cells})
    return rows


def _experiment(found: Results, name: str, truth: dict[str, dict[str, float]]) -> dict[str, Any]:
    experiment = found.config.experiment(name)
    return {
        "name": name,
        "title": experiment.title or name,
        "process": experiment.process.name if experiment.process else "",
        "verdict": found.verdict(name),
        "saturation": found.saturation(name),
        "maps": found.map_list(name),
        "globals": found.global_parameters(name),
        "truth": truth.get(name, {}),
    }


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _number(value: Any, digits: int = 3) -> str:
    """A number with some significant digits; a dash for a missing one."""
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}g}"


def _fixed(value: Any) -> str:
    """A number with two decimals; a dash for a missing one."""
    return "–" if value is None or pd.isna(value) else f"{value:.2f}"
