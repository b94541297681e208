"""The first screen of the report as lines for a terminal: at the end of a run, and of ``hybridmap status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hybridmap.config import Config
from hybridmap.config.reading import load_config
from hybridmap.errors import HybridmapError
from hybridmap.files.results import RegionFiles
from hybridmap.report.completeness import finished_part
from hybridmap.report.first_screen import first_screen
from hybridmap.report.results import Results

TG_OF_PG = 2000.0
"""From there on masses [Tg] are said in Pg, as in the report."""


def region_of(folder: Path) -> Config:
    """Configuration that a folder of results was made with; HybridmapError if it is none.

    Parameters
    ----------
    folder : Path
        ``results/REGION``.
    """
    settings = RegionFiles(folder).settings("report")
    if not settings.is_file():
        raise HybridmapError(
            f"{folder}: no folder of results, as it has no {settings.relative_to(folder)}; name one as results/demo."
        )
    return load_config(settings)


def summary_lines(config: Config, folder: Path) -> list[str]:
    """What there is of a region.

    Parameters
    ----------
    config : Config
        Its whole configuration.
    folder : Path
        Its results.

    Returns
    -------
    list of str
        Best experiment, its skill, intervals and meaning, the stock, what to beware of, what is missing, where the
        report is.
    """
    finished = finished_part(config, folder)
    title = config.title or config.region
    if finished.config is None:
        return [title, *finished.missing]
    screen = first_screen(Results(finished.config, folder), finished.missing)
    lines = [f"{title}: {screen['title']}" if screen["best"] else title, *screen["sentences"]]
    lines += [_stock(stock) for stock in screen["stocks"][:1]]
    lines += [f"beware: {warning}" for warning in screen["warnings"]]
    page = RegionFiles(folder).report
    return [*lines, f"report: {page}" if page.is_file() else "the report is not made yet"]


def _stock(stock: dict[str, Any]) -> str:
    """Stock of the region with its interval.

    Examples
    --------
    >>> sizes = {"stock_Tg": 3210.0, "lower_Tg": 3000.0, "upper_Tg": 3500.0, "level": 0.9}
    >>> _stock({"label": "SOC", "depth": "0–20 cm", **sizes})
    'SOC stock 0–20 cm: 3.21 Pg (90% interval 3 to 3.5)'
    """
    unit, scale = ("Pg", 1e-3) if stock["stock_Tg"] >= TG_OF_PG else ("Tg", 1.0)
    mass = f"{stock['label']} stock {stock['depth']}: {scale * stock['stock_Tg']:.4g} {unit}"
    if stock["lower_Tg"] is None:
        return f"{mass}, without an interval"
    lower, upper = scale * stock["lower_Tg"], scale * stock["upper_Tg"]
    return f"{mass} ({stock['level']:.0%} interval {lower:.4g} to {upper:.4g})"
