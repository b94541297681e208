"""Repeat a published experiment, or write the tables of all: ``python -m studies``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from hybridmap.cli.log import start_log
from hybridmap.errors import HybridmapError
from studies.tables import run_row, write_tables


def main(arguments: list[str] | None = None) -> int:
    """Run one row, write the tables, or draw a figure; return 0, or 1 with one sentence for bad input."""
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__)
    parser.add_argument("--name", help="name of the study")
    parser.add_argument("--row", help="row of its table")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0")
    parser.add_argument("--tables", nargs="+", type=Path, help="results to write as tables, instead of running")
    parser.add_argument("--shapley", action="store_true", help="draw available water against organic carbon instead")
    parser.add_argument("--out", type=Path, required=True, help="what to write")
    parser.add_argument("--threads", type=int, default=0, help="threads of the arithmetic; 0 leaves them alone")
    parser.add_argument("--log", type=Path, help="also write messages to this file")
    args = parser.parse_args(arguments)
    start_log(args.log)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if args.shapley:
            from studies.retention_figure import shapley_figure

            shapley_figure(args.out)
        elif args.tables:
            write_tables(args.tables, args.out)
        else:
            run_row(args.name, args.row, range(args.seeds), args.out)
    except HybridmapError as error:
        sys.stderr.write(f"studies: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
