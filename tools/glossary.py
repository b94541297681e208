"""The glossary: quantities, parameters, forcing and outputs of the process models with units, as the package has them.

``python tools/glossary.py > docs/glossary.md``; a test holds the page to the package.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from hybridmap.process import ProcessModel, get_process, list_processes
from hybridmap.quantities import QUANTITIES
from hybridmap.units import typeset

TERMS = {
    "area of applicability": "where covariates are like those of the sites, so that held-out scores are valid",
    "baseline": "an ordinary model of the same covariates and folds: linear, forest, boosted trees, the mean",
    "conformal interval": "an interval whose width is learned from errors at held-out blocks",
    "covariate": "a raster that the network sees",
    "cube": "all rasters of a region on one grid",
    "encoder": "the network from covariates to parameters",
    "experiment": "one process model, its roles, encoder and loss",
    "fold": "sites that are held out together",
    "forcing": "a raster that the process model sees, as litter input",
    "KGE": "Kling–Gupta efficiency: correlation, spread and bias in one number, 1 at best",
    "MOC": "mineral-associated organic carbon",
    "NSE": "Nash–Sutcliffe efficiency: share of variance explained, 0 for the mean, 1 at best",
    "POC": "particulate organic carbon",
    "quantity": "what is measured or modelled, with name and unit",
    "region": "one file: grid, data, layers, experiments",
    "SOC": "soil organic carbon",
}
"""Words of these pages."""
OF_A_TABLE = ("clm5_interval",)
"""Needs a table of forcing to be built; its names are those of clm5."""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a table."""
    heads = list(heads)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body, ""]


def in_print(unit: str) -> str:
    """A unit in print; a dash for none."""
    return typeset(unit) or "–"


def process_tables(process: ProcessModel) -> list[str]:
    """Parameters, forcing and outputs of a process model."""
    lines = [f"## {process.name}: parameters"]
    rows = [(f"`{p.name}`", in_print(p.unit), f"{p.lower:g} to {p.upper:g}", p.description) for p in process.parameters]
    lines += table(("name", "unit", "range", "meaning"), rows)
    for title, variables in (("forcing", process.forcing), ("outputs", process.outputs)):
        cells = [(f"`{v.name}`", in_print(v.unit), v.description) for v in variables]
        lines += [f"## {process.name}: {title}", *table(("name", "unit", "meaning"), cells)]
    return lines


def glossary() -> str:
    """The page."""
    lines = ["# Glossary", "", "Words, quantities, and every name of the process models with its unit.", "", "## Words"]
    lines += table(("word", "meaning"), TERMS.items())
    lines += ["## Quantities"]
    lines += table(("name", "unit", "meaning"), ((f"`{n}`", in_print(q.unit), q.title) for n, q in QUANTITIES.items()))
    for name in list_processes():
        if name not in OF_A_TABLE:
            lines += process_tables(get_process(name))
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(glossary())
