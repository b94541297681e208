"""What every block of the configuration is, and the kinds of words and numbers in it."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_NAME = 64
"""Letters of a name: folders, files and columns are named after it, with more behind."""
LONGEST_STEP, LONGEST_PATH = 255, 4000
"""Bytes of a name in a folder, and of a whole path, that file systems take."""
WILDCARD = re.compile(r"(?<!\$)\{\s*\w+\s*(,[^}]*)?\}")
"""What snakemake fills in; ``${VARIABLE}`` is expanded before."""
ROOM = 250
"""Bytes that names below a folder may need."""


def _text_of_number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _folder(text: str) -> str:
    """Refuse what can be no folder on any system, or never a good one."""
    if not text.strip():
        raise ValueError("expected a folder, found no letter")
    if odd := next((letter for letter in text if ord(letter) < 32 or ord(letter) == 127), ""):
        raise ValueError(f"has the control character {odd!r}, which folders should not have")
    if wildcard := WILDCARD.search(text):
        raise ValueError(f"has '{wildcard.group()}', which snakemake takes for a wildcard; leave out the braces")
    _check_steps(text)
    return text


def _check_steps(text: str) -> None:
    try:
        longest = max(len(step.encode()) for step in text.split("/"))
        length = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("has letters that are no Unicode") from None
    if longest > LONGEST_STEP:
        raise ValueError(f"has a name of {longest} bytes; file systems take {LONGEST_STEP}")
    if length > LONGEST_PATH - ROOM:
        raise ValueError(f"has {length} bytes, too many for the files below it; file systems take {LONGEST_PATH}")


def _results(text: str) -> str:
    if os.path.normpath(_folder(text)).strip("/") == "":
        raise ValueError("is the root of the file system; name a folder")
    return text


def check_file(text: str) -> str:
    """Return a path; ValueError if it can be no file. Empty is left to who needs one."""
    if odd := next((letter for letter in text if ord(letter) < 32 or ord(letter) == 127), ""):
        raise ValueError(f"has the control character {odd!r}, which names of files should not have")
    _check_steps(text)
    return text


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=LONGEST_NAME)]
Unit = Annotated[str, BeforeValidator(_text_of_number)]  # unit: 1
Folder = Annotated[str, AfterValidator(_folder)]
"""Folder that is read from."""
Results = Annotated[str, AfterValidator(_results)]
"""Folder that is written to."""
File = Annotated[str, AfterValidator(check_file)]
"""File that is read."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""Seed of random numbers, as torch and numpy take it."""


class Section(BaseModel):
    """A block of the configuration: unknown keys are errors, values never change, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
