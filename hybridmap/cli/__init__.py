"""The command line: one verb a stage, no logic of its own."""

from __future__ import annotations

import sys

from hybridmap.errors import absent_package


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 for bad input, 2 for words that make no command, 130 after Ctrl-C."""
    try:
        from hybridmap.cli.program import run_program
    except ModuleNotFoundError as error:  # the core is installed without click
        if not (advice := absent_package(error)):
            raise
        sys.stderr.write(f"hybridmap: {advice}\n")
        return 1
    return run_program(arguments)


def entry() -> None:
    """Entry point of the ``hybridmap`` program."""
    sys.exit(main())
