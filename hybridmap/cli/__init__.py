"""The command line: one verb a stage, no logic of its own."""

from __future__ import annotations

import logging
import sys

from hybridmap.cli.log import start_log
from hybridmap.cli.parser import build_parser
from hybridmap.errors import HybridmapError
from hybridmap.files.disk import disk_is_full

LOG = logging.getLogger("hybridmap")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 with one sentence on standard error for bad input."""
    args = build_parser().parse_args(arguments)
    start_log(args.log)
    try:
        if args.threads:
            import torch

            torch.set_num_threads(args.threads)
        args.run(args)
    except HybridmapError as error:
        LOG.error("hybridmap %s: %s", args.verb, error)
        return 1
    except Exception as error:
        if not disk_is_full(error):
            raise
        path = getattr(error, "filename", None) or "an output"
        LOG.error("hybridmap %s: %s: the disk is full; make room and run again.", args.verb, path)
        return 1
    return 0


def entry() -> None:
    """Entry point of the ``hybridmap`` program."""
    sys.exit(main())
