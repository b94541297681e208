"""Errors of a user's own process model, said with the line of its file."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hybridmap.errors import HybridmapError

USER_MODULE = "hybridmap_user_model_"
"""How the names of modules begin that are files of users."""


@contextmanager
def own_errors() -> Iterator[None]:
    """Run a process model; what the code of a user raises becomes one sentence, anything else goes on as it is.

    Raises
    ------
    HybridmapError
        Naming file, line and what was raised there.
    """
    try:
        yield
    except HybridmapError:
        raise
    except Exception as error:
        frames = [
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if str(frame.f_globals.get("__name__")).startswith(USER_MODULE)
        ]
        if not frames:
            raise
        file, line = frames[-1]
        message = (str(error).splitlines() or [""])[0].rstrip(".")
        raise HybridmapError(
            f"process model {file}, line {line}: {type(error).__name__}: {message}; correct the model."
        ) from error
