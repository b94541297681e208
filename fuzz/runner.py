"""Runs campaigns within a time, counts outcomes, and stores what reproduces every fault."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fuzz.attempt import Attempt, Propose
from fuzz.execution import Executor
from fuzz.outcome import FAULTS, OUTCOMES, Ending, Outcome, judge_ending, judge_success

EXAMPLES = 2
"""Attempts that are stored of each distinct fault."""
DETAILS = 6
"""Examples that are printed of each distinct fault."""


@dataclass(frozen=True)
class Campaign:
    """One family of hostile input.

    Attributes
    ----------
    name : str
        Name on the command line.
    prepare : callable
        Makes what attempts share in a folder of all campaigns, and returns what proposes attempts.
    share : float
        Weight of its time among the campaigns.
    limit_s : float
        Time limit of one command [s].
    minimum_s : float
        Without that much time [s] the campaign is left out.
    """

    name: str
    prepare: Callable[[Path, Executor], Propose]
    share: float
    limit_s: float
    minimum_s: float = 0.0


@dataclass
class Tally:
    """Outcomes of one campaign: number by outcome, number by outcome and fault, and details of each fault."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    details: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one attempt."""
        self.outcomes[outcome.name] += 1
        if outcome.name in FAULTS:
            self.faults[outcome.name, outcome.fault] += 1
            self.details.setdefault((outcome.name, outcome.fault), set()).add(outcome.detail)


@dataclass(frozen=True)
class Plan:
    """What to run: seed, minutes of attempts in all, one attempt only (or None), scratch and fault folders."""

    seed: int
    minutes: float
    number: int | None
    scratch: Path
    faults: Path


def run_campaigns(campaigns: list[Campaign], plan: Plan, executor: Executor) -> list[Tally]:
    """Run campaigns one after the other; each has its share of the minutes, and preparation comes on top.

    Parameters
    ----------
    campaigns : list of Campaign
        What to run.
    plan : Plan
        Seed, time and folders.
    executor : Executor
        Runs the commands.

    Returns
    -------
    list of Tally
        One a campaign that had time.
    """
    campaigns, second_share = _with_time(campaigns, plan)
    (plan.scratch / "shared").mkdir()
    tallies = []
    for campaign in campaigns:
        (plan.scratch / campaign.name).mkdir()
        propose = campaign.prepare(plan.scratch / "shared", executor)
        tallies.append(_run_campaign(campaign, propose, plan, second_share * campaign.share, executor))
        sys.stderr.write(_row(tallies[-1]) + "\n")
    return tallies


def _with_time(campaigns: list[Campaign], plan: Plan) -> tuple[list[Campaign], float]:
    """Return the campaigns whose time is enough, and the seconds of one share."""
    second_share = 60.0 * plan.minutes / sum(campaign.share for campaign in campaigns)
    short = [c for c in campaigns if plan.number is None and second_share * c.share < c.minimum_s]
    if not short:
        return campaigns, second_share
    for campaign in short:
        sys.stderr.write(f"{campaign.name}: left out, its {second_share * campaign.share:.0f} s are too few\n")
    rest = [campaign for campaign in campaigns if campaign not in short]
    return _with_time(rest, plan) if rest else ([], 0.0)


def _run_campaign(campaign: Campaign, propose: Propose, plan: Plan, budget_s: float, executor: Executor) -> Tally:
    tally = Tally(campaign.name)
    start = time.monotonic()
    number = plan.number or 0
    while True:
        folder = plan.scratch / campaign.name / str(number)
        folder.mkdir()
        source = np.random.default_rng([plan.seed, zlib.crc32(campaign.name.encode()), number])
        attempt = propose(source, number, folder)
        outcome, endings = run_attempt(attempt, folder, campaign.limit_s, executor)
        tally.add(outcome)
        if outcome.name in FAULTS and tally.faults[outcome.name, outcome.fault] <= EXAMPLES:
            _store(plan.faults / campaign.name / f"{number}-{outcome.name}", attempt, folder, outcome, endings)
        shutil.rmtree(folder, ignore_errors=True)
        if plan.number is not None or time.monotonic() - start >= budget_s:
            return tally
        number += 1


def run_attempt(attempt: Attempt, folder: Path, limit_s: float, executor: Executor) -> tuple[Outcome, list[Ending]]:
    """Run the commands of an attempt and judge them.

    Parameters
    ----------
    attempt : Attempt
        What to run.
    folder : Path
        Its folder, with its input.
    limit_s : float
        Time limit of each command [s].
    executor : Executor
        Runs the commands.

    Returns
    -------
    Outcome
        How the attempt ended.
    list of Ending
        How its commands ended.
    """
    endings = []
    for step in attempt.steps:
        endings.append(executor.run(step, folder, limit_s))
        outcome = judge_ending(attempt, step, endings[-1], folder)
        if outcome:
            return outcome, endings
    return judge_success(attempt), endings


def _store(target: Path, attempt: Attempt, folder: Path, outcome: Outcome, endings: list[Ending]) -> None:
    """Copy the folder of an attempt, the commands as a script, and what they said."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target / "input", symlinks=True)
    lines = [shlex.join(("python", "-m", "hybridmap.cli", *step.command[1:]) if step.command[0] == "hybridmap" else
                        step.command) for step in attempt.steps]  # fmt: skip
    (target / "command.sh").write_text("\n".join(["cd input  # the folder as the commands left it", *lines, ""]))
    messages = [f"exit {ending.code}\n{ending.messages}" for ending in endings]
    head = f"{attempt.title}\n{outcome.name}: {outcome.fault}\n{outcome.detail}"
    (target / "outcome.txt").write_text("\n\n".join([head, *messages]))


def table(tallies: list[Tally]) -> str:
    """Return the counts a campaign, and below them every distinct fault with its number and examples."""
    lines = [f"{'campaign':12}{'attempts':>10}" + "".join(f"{name:>11}" for name in OUTCOMES)]
    lines += [*(_row(tally) for tally in tallies), ""]
    for tally in tallies:
        for (outcome, fault), count in tally.faults.most_common():
            examples = sorted(tally.details[outcome, fault] - {""}, key=len)[:DETAILS]
            lines.append(f"{tally.name}: {count} x {outcome}: {fault}" + "".join(f"\n    {text}" for text in examples))
    return "\n".join(lines)


def _row(tally: Tally) -> str:
    counts = "".join(f"{tally.outcomes[name]:>11}" for name in OUTCOMES)
    return f"{tally.name:12}{tally.outcomes.total():>10}{counts}"
