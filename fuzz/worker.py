"""A warm process that runs commands one after the other: ``python -m fuzz.worker MODULE:FUNCTION``.

Reads a line of JSON a command (``{"folder": ..., "arguments": [...]}``) and answers with one
(``{"code": ..., "messages": ...}``).
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import IO

from fuzz.outcome import shortened

MEMORY = 12 << 30
"""Bytes of address space, so that an absurd size ends as a MemoryError and not in the death of the machine."""
Target = Callable[[list[str]], int]


def serve(target: Target, requests: IO[str], answers: IO[str]) -> None:
    """Run commands until there are no more requests.

    Parameters
    ----------
    target : callable
        Takes the arguments of a command and returns its exit code.
    requests : text file
        A line a command.
    answers : text file
        Gets a line a command.
    """
    for line in requests:
        request = json.loads(line)
        os.chdir(request["folder"])
        code, messages = run(target, request["arguments"])
        answers.write(json.dumps({"code": code, "messages": shortened(messages)}) + "\n")
        answers.flush()


def run(target: Target, arguments: list[str]) -> tuple[int, str]:
    """Return exit code and all that a command writes to its standard streams."""
    with tempfile.TemporaryFile() as capture:
        for stream in (1, 2):
            os.dup2(capture.fileno(), stream)
        try:
            code = target(arguments)
        except SystemExit as stop:
            code = _exit_code(stop.code)
        except BaseException:
            code = 70
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        capture.seek(0)
        return code, capture.read().decode(errors="replace")


def _exit_code(code: object) -> int:
    """Return what Python makes of the argument of sys.exit: none is success, a text is printed."""
    if code is None or isinstance(code, int):
        return int(code or 0)
    sys.stderr.write(f"{code}\n")
    return 1


def main(target: str) -> None:
    """Serve the standard streams, which the commands themselves do not see."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module, name = target.split(":")
    serve(getattr(importlib.import_module(module), name), requests, answers)


if __name__ == "__main__":
    main(sys.argv[1])
