"""How far a run of the workflow is and how long it will still take, from what Snakemake says and earlier runs took."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

JOB_COUNT = re.compile(r"^(\w+)\s+(\d+)\s*$")
FINISHED_JOB = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)")
STEPS = re.compile(r"^(\d+) of (\d+) steps \((\d+)%\) done")
SECONDS_COLUMN = "s"
"""Of Snakemake's benchmark files: wall-clock seconds of a job."""


def job_seconds(benchmarks: Path) -> dict[str, float]:
    """Mean seconds [s] of the jobs of each rule in an earlier run.

    Parameters
    ----------
    benchmarks : Path
        Folder of its benchmark files, ``RULE.tsv`` or ``RULE/JOB.tsv``; it need not exist.

    Returns
    -------
    dict of str to float
        Rule, as its folder or file is called → seconds.
    """
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for path in sorted(benchmarks.rglob("*.tsv")):
        name = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        with path.open(encoding="utf-8", newline="") as file:
            seconds[name] += [float(row[SECONDS_COLUMN]) for row in csv.DictReader(file, delimiter="\t")]
    return {name: sum(values) / len(values) for name, values in seconds.items() if values}


def spoken(seconds: float) -> str:
    """A duration [s] in words.

    Examples
    --------
    >>> spoken(20), spoken(400), spoken(9000)
    ('less than a minute', '7 min', '2 h 30 min')
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@dataclass
class RunProgress:
    """What Snakemake has said so far.

    Attributes
    ----------
    seconds : mapping of str to float
        Of an earlier run, see :func:`job_seconds`; empty without one.
    cores : int
        Jobs at a time at the most.
    planned, finished : Counter
        Jobs of each rule.
    """

    seconds: Mapping[str, float]
    cores: int
    planned: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)

    def note(self, line: str, elapsed_s: float) -> str | None:
        """What to say after a line of Snakemake.

        Parameters
        ----------
        line : str
            As Snakemake printed it.
        elapsed_s : float
            Seconds [s] since the run began.

        Returns
        -------
        str or None
            Before the first job what the run will take, after each how much is left; None at all other lines.
        """
        if count := JOB_COUNT.match(line):
            return self._note_count(count[1], int(count[2]))
        if job := FINISHED_JOB.match(line):
            self.finished[job[1]] += 1
        elif steps := STEPS.match(line):
            number, total, share = (int(value) for value in steps.groups())
            rest = f", about {spoken(self._left(elapsed_s))} left" if number < total else ""
            return f"hybridmap: {number} of {total} jobs ({share}%) in {spoken(elapsed_s)}{rest}"
        return None

    def _note_count(self, rule: str, count: int) -> str | None:
        if rule != "total":
            self.planned[rule] = count
            return None
        if not self.seconds:
            return f"hybridmap: {count} jobs; no earlier run of this region tells how long they take"
        whole = self._work(self.planned) / self.cores
        return f"hybridmap: {count} jobs, about {spoken(whole)} as in the earlier run"

    def _work(self, jobs: Counter[str]) -> float:
        """Seconds of some jobs one after the other; those of unknown rules take the mean."""
        seconds = {rule: self._of(rule) for rule in jobs}
        measured = [value for value in seconds.values() if value is not None]
        mean = sum(measured) / len(measured) if measured else 1.0
        return sum(count * (mean if seconds[rule] is None else seconds[rule] or 0.0) for rule, count in jobs.items())

    def _of(self, rule: str) -> float | None:
        """Seconds of a job: its benchmark is called as the rule is, or as it begins (`train` of `train_own`)."""
        names = [name for name in self.seconds if rule == name or rule.startswith(f"{name}_")]
        return self.seconds[max(names, key=len)] if names else None

    def _left(self, elapsed_s: float) -> float:
        """Seconds left at the pace so far."""
        past, rest = self._work(self.finished), self._work(self.planned - self.finished)
        return elapsed_s * rest / past if past > 0 else rest / self.cores
