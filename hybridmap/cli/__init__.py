"""The command line: one verb a stage, no logic of its own."""

from __future__ import annotations

import logging
import sys

from hybridmap.cli.log import start_log
from hybridmap.cli.parser import build_parser
from hybridmap.errors import HybridmapError, absent_package
from hybridmap.files.disk import problem_of_disk

LOG = logging.getLogger("hybridmap")
INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 with one sentence on standard error for bad input, 130 after Ctrl-C."""
    args = build_parser().parse_args(arguments)
    try:
        start_log(args.log)
        if args.threads:
            import torch

            torch.set_num_threads(args.threads)
        args.run(args)
    except HybridmapError as error:
        LOG.error("hybridmap %s: %s", args.verb, error)
        return 1
    except KeyboardInterrupt:
        LOG.error("hybridmap %s: interrupted; run it again to go on.", args.verb)
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if not (advice := absent_package(error)):
            raise
        LOG.error("hybridmap %s: %s", args.verb, advice)
        return 1
    except Exception as error:
        problem = problem_of_disk(error)
        if not problem:
            raise
        path = getattr(error, "filename", None) or getattr(args, "out", None) or "an output"
        LOG.error("hybridmap %s: %s: %s", args.verb, path, problem)
        return 1
    return 0


def entry() -> None:
    """Entry point of the ``hybridmap`` program."""
    sys.exit(main())
