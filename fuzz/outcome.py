"""How an attempt ended, and the kind of its fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fuzz.attempt import Attempt, Step

OUTCOMES = ("clean", "refused", "unfair", "traceback", "hang", "silent")
"""Right with exit 0; one sentence with exit 1; the same for sound input; a crash; the time limit; exit 0 and wrong."""
LONGEST = 10_000
"""Characters from which a message is no sentence any more."""
GAP = "[...]"
"""Stands for the middle of long messages."""
FAULTS = ("unfair", "traceback", "hang", "silent")


@dataclass(frozen=True)
class Ending:
    """Exit code (None: stopped at the time limit) and messages of one command."""

    code: int | None
    messages: str


@dataclass(frozen=True)
class Outcome:
    """One of :data:`OUTCOMES`, the kind of its fault, and what is special about this one."""

    name: str
    fault: str = ""
    detail: str = ""


def judge_ending(attempt: Attempt, step: Step, ending: Ending, folder: Path) -> Outcome | None:
    """Judge one command of an attempt.

    Parameters
    ----------
    attempt : Attempt
        What the command belongs to.
    step : Step
        The command.
    ending : Ending
        How it ended.
    folder : Path
        Folder of the attempt.

    Returns
    -------
    Outcome or None
        None where the command ended with 0, so that the next one may run.
    """
    kind, _, detail = attempt.title.partition(": ")
    verb = _verb(step)
    if ending.code is None:
        return Outcome("hang", f"{verb}: {kind}", detail)
    if ending.code == 0:
        return None
    if not _is_sentence(ending):
        return Outcome("traceback", f"{verb}: {_crash(ending)}", attempt.title)
    remains = [name for name in step.outputs if (folder / name).exists()]
    if remains:
        return Outcome("silent", f"{verb}: refused, but {remains[0]} remains", attempt.title)
    if attempt.must_work:
        return Outcome("unfair", f"{verb}: {kind}", f"{detail}: {shape(_sentence(ending))}")
    return Outcome("refused")


def judge_success(attempt: Attempt) -> Outcome:
    """Judge an attempt whose commands all ended with 0."""
    kind, _, detail = attempt.title.partition(": ")
    verb = _verb(attempt.steps[-1])
    if attempt.must_refuse:
        return Outcome("silent", f"{verb}: accepted: {kind}", detail)
    fault, _, more = attempt.wrong().partition(": ")
    return Outcome("silent", f"{verb}: {kind}: {fault}", f"{detail} {more}".strip()) if fault else Outcome("clean")


def shape(message: str) -> str:
    """Return a message without what differs between attempts: numbers, paths and quoted words."""
    text = re.sub(r"\b0x[0-9a-f]+\b", "N", message)
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", text)
    text = re.sub(r"\S*/\S*", "PATH", text)
    return re.sub(r"-?\d[\d.e+]*", "N", text)[:160]


def shortened(messages: str) -> str:
    """Return the first and the last of long messages."""
    if len(messages) < 40_000:
        return messages
    return f"{messages[:5_000]}\n{GAP}\n{messages[-30_000:].partition(chr(10))[2]}"


def _verb(step: Step) -> str:
    return " ".join(step.command[:2]) if step.command[0] == "hybridmap" else Path(step.command[0]).name


def _is_sentence(ending: Ending) -> bool:
    """Whether the command said what is wrong, and nothing broke."""
    broken = ("Traceback (most recent call last)", "Error in rule ", "Exception in rule ")
    sayable = 0 < len(ending.messages.strip()) < LONGEST
    return ending.code == 1 and sayable and not any(word in ending.messages for word in broken)


def _sentence(ending: Ending) -> str:
    lines = [line.strip() for line in ending.messages.strip().splitlines()]
    return next((line for line in lines if line.startswith("hybridmap ")), lines[-1])


def _crash(ending: Ending) -> str:
    """Return the error of a crash and the innermost line of hybridmap that it passed."""
    places = re.findall(r'File "[^"]*/(hybridmap/[^"]+)", line \d+, in (\S+)', ending.messages)
    place = f" in {places[-1][0]}::{places[-1][1]}" if places else ""
    jobs = re.findall(r"^\w*(?:Error|Exception) in rule (\w+)", ending.messages, re.MULTILINE)
    _, traceback, last = ending.messages.rpartition("Traceback (most recent call last):")
    errors = [line for line in last.splitlines() if line and not line[0].isspace() and line != GAP] if traceback else []
    if jobs or errors:
        return f"{f'rule {jobs[0]}' if jobs else shape(errors[0])}{place}"
    return f"exit {ending.code} with {'a flood of words' if ending.messages else 'no word'}"
