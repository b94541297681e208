"""Published experiments, repeated: each module has its rows, what was published for them, and a function that runs one.

They answer two questions: does the software find what is known to be there, and does it do as well as the papers say.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Scores = dict[str, float]
"""Name of a score → value."""


@dataclass(frozen=True)
class Row:
    """One line of a published table.

    Attributes
    ----------
    title : str
        What it is.
    published : mapping of str to float
        Score → published number; none where nothing was published.
    settings : mapping
        What the study's `run` needs to know about it.
    """

    title: str
    published: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)


def encoder_row(
    scores: Sequence[str], title: str, encoder: Mapping[str, object], constraint: str | None,
    published: Sequence[float], **more: object,
) -> Row:  # fmt: skip
    """Make a row that differs in encoder and constraint.

    Parameters
    ----------
    scores : sequence of str
        Scores in the order of `published`.
    title : str
        Of the row.
    encoder : mapping
        Name and options of the encoder.
    constraint : str or None
        Name of the constraint; None is a network without a process.
    published : sequence of float
        Published numbers of the first of `scores`.
    **more
        Further settings.

    Returns
    -------
    Row
    """
    settings = {"encoder": encoder, "constraint": constraint, **more}
    return Row(title, dict(zip(scores, published, strict=False)), settings)


@dataclass(frozen=True)
class Study:
    """A table: rows, scores with their meaning, and how a row is run for several seeds.

    Attributes
    ----------
    title, source, note : str
        For the page of results.
    scores : mapping of str to str
        Name of a score → heading.
    rows : mapping of str to Row
        By name.
    run : callable
        (row name, seeds) → one dict of scores a seed.
    per_parameter : str
        Prefix of further scores, one a parameter, that make a second table; none if empty.
    """

    title: str
    source: str
    note: str
    scores: Mapping[str, str]
    rows: Mapping[str, Row]
    run: Callable[[str, Sequence[int]], list[Scores]]
    per_parameter: str = ""


MODULES = ("respiration", "clm5_recovery", "kan_starts", "clm5_coverage", "retention")


def studies() -> dict[str, Study]:
    """All studies by name."""
    modules = [importlib.import_module(f"{__name__}.{name}") for name in MODULES]
    return {name: study for module in modules for name, study in module.STUDIES.items()}
