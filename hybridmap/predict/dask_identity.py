"""Who may take part in a map by dask: workers of the same code that see the same files."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Mapping
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybridmap.fingerprint import stage_code

SEEN_S = 30.0
"""Seconds that a file may take to be seen on another machine: network file systems remember what was not there."""
UNSEEN = "files it does not see"
"""What a worker answers beside its code."""


@cache
def code_identity() -> dict[str, str]:
    """What has to be equal on client and workers for tiles to be equal: code of the prediction, and versions."""
    return {
        "hybridmap": f"{version('hybridmap')} (code {stage_code('predict')})",
        "torch": torch.__version__,
        "numpy": np.__version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
    }


async def worker_identity(marks: Mapping[str, str], seconds: float) -> dict[str, str]:
    """What a worker answers.

    Parameters
    ----------
    marks : mapping of str to str
        Text of files that the client has written or read, by their absolute path.
    seconds : float
        How long a file may take to be seen.

    Returns
    -------
    dict of str to str
        Its code, and which of these files it sees not, or with another text.
    """
    deadline = time.monotonic() + seconds
    while (unseen := _unseen(marks)) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)  # the worker goes on answering its scheduler
    return code_identity() | {UNSEEN: unseen}


def verdicts(client: Any, addresses: set[str], marks: Mapping[str, str]) -> dict[str, str]:
    """Ask workers who they are.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    addresses : set of str
        Workers to ask.
    marks : mapping of str to str
        As of :func:`worker_identity`.

    Returns
    -------
    dict of str to str
        Why each may not take part, by address; "" if it may. One that has not answered, as it is about to end or busy,
        is not among them.
    """
    identity = code_identity() | {UNSEEN: ""}
    question = partial(worker_identity, dict(marks), SEEN_S)
    answers = client.run(question, workers=sorted(addresses), on_error="return")
    return {
        address: _reason(answer, identity) for address, answer in answers.items() if not isinstance(answer, OSError)
    }


def _reason(answer: object, identity: Mapping[str, str]) -> str:
    """Why a worker of this answer may not take part; "" if it may."""
    if not isinstance(answer, dict):
        # What an older release, or an environment without hybridmap, answers.
        return f"its hybridmap is none of this release ({answer})"
    if answer.get(UNSEEN):
        return f"it does not see {answer[UNSEEN]} as it is here; results lie in a folder that all machines share"
    unequal = [name for name, text in identity.items() if answer.get(name) != text]
    return "; ".join(f"{name} {answer.get(name, '?')} instead of {identity[name]}" for name in unequal)


def _unseen(marks: Mapping[str, str]) -> str:
    """The first of the files that is not there with its text; "" if all are."""
    return next((path for path, text in marks.items() if _text(Path(path)) != text), "")


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
