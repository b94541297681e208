"""Numbers of a profile that no job can have: refused by name; Snakemake speaks of each rule or not at all."""

from __future__ import annotations

import re
from typing import Any

from hybridmap.errors import HybridmapError

AMOUNTS = ("mem", "mem_mb", "mem_mib", "mem_mb_per_cpu", "runtime", "cpus_per_task", "tasks", "nodes")
"""Resources of which every job needs some; of others, as ``gpu`` or ``disk_mb``, none is an amount too."""
THREADS = ("max-threads", "set-threads")
UNITS = {"mem_mb": " of megabytes", "mem": " of megabytes", "runtime": " of minutes"}
WORD = re.compile(r"[\d.]*\s*[^\W\d]\w*")
"""A word, or a number with a unit, which Snakemake takes for ``mem`` and ``runtime`` alone, and makes a number."""
EXPRESSIONS = ("attempt", "threads")
"""Words that Snakemake computes with."""


def refuse_amount(key: str, value: Any) -> None:
    """Refuse an amount that is 0, or a word in the place of a number.

    Parameters
    ----------
    key : str
        Of the profile, as a person finds it, such as ``set-resources: cube: mem_mb``.
    value : Any
        As it was given; texts of more than a word are expressions, which Snakemake judges.

    Raises
    ------
    HybridmapError
        If it is neither an expression nor a number above 0.

    Examples
    --------
    >>> refuse_amount("default-resources: mem_mb", "1000 * attempt")
    >>> refuse_amount("default-resources: gpu", 0)
    """
    name = key.rpartition(": ")[2]
    if (name in AMOUNTS or key.startswith(THREADS)) and not _is_amount(value):
        raise HybridmapError(
            f"profile: {key}: {value}: expected a number{UNITS.get(name, '')} above 0; change it, or leave it out for"
            " the number of workflow/resources.yaml."
        )


def _is_amount(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return value > 0
    return value is None or value in EXPRESSIONS or not WORD.fullmatch(str(value).strip())
