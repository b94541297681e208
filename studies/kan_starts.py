"""How a KAN depends on the start of its weights and on its settings; announced in ScIReN and not shown there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from studies import Row, Scores, Study
from studies.clm5_recovery import OUR_KAN, PUBLISHED_KAN, SCORES, Fold, run_folds
from studies.parallel import run_in_processes

PLAIN = {"encoder": {"name": "kan"}}
OUR_START = {"published_start": False}


def run(rows: Mapping[str, Row], name: str, seeds: Sequence[int]) -> list[Scores]:
    """Train the first fold of the first seed's sites from several starts.

    Parameters
    ----------
    rows : mapping of str to Row
        Rows of the study.
    name : str
        Row to run.
    seeds : sequence of int
        Starts, one result each.

    Returns
    -------
    list of dict of str to float
        Scores of each start.
    """
    settings = dict(rows[name].settings)
    folds = [Fold(0, 0, start) for start in seeds]
    if settings.get("as_published"):
        return run_folds(settings, folds)
    return [scores for (scores,) in run_in_processes(run_folds, [(settings, [fold]) for fold in folds])]


ROWS = {
    "published": Row("as published: a factor on every edge, slopes up to 1 over the root of inputs", {}, PUBLISHED_KAN),
    "our_start": Row("a factor on every edge, slopes a tenth as steep at the start", {}, PUBLISHED_KAN | OUR_START),
    "no_factor": Row("no factor, slopes as published", {}, PUBLISHED_KAN | PLAIN),
    "neither": Row("no factor, slopes a tenth as steep", {}, PUBLISHED_KAN | PLAIN | OUR_START),
    "coarse": Row(
        "as published, 10 grid cells", {}, PUBLISHED_KAN | {"encoder": {"name": "kan", "affine": True, "intervals": 10}}
    ),
    "ours": Row("ours: no factor, slopes a tenth as steep, L-BFGS on log SOC", {}, OUR_KAN),
}
STUDIES = {
    "kan_starts": Study(
        "What the start and the settings of a KAN do",
        "announced in ScIReN (arXiv 2506.14054), no numbers",
        "The first fold of the four CLM5 parameters from several starts of the weights, all else the same: mean and"
        " standard deviation over starts.",
        {key: title for key, title in SCORES.items() if key != "seconds"},
        ROWS,
        partial(run, ROWS),
    )
}
