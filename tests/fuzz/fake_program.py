"""Stands for hybridmap's command line: the verb says how it ends."""

import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    match arguments[0]:
        case "work":
            Path("out").write_text("right")
        case "lie":
            Path("out").write_text("wrong")
        case "refuse":
            sys.stderr.write("hybridmap refuse: t.csv: the file is empty.\n")
            return 1
        case "litter":
            Path("out").write_text("half")
            sys.stderr.write("hybridmap litter: t.csv: the file is empty.\n")
            return 1
        case "crash":
            raise ValueError("no such thing as '7'")
        case "die":
            import os

            os._exit(139)
        case "silence":
            return 1
        case "sleep":
            time.sleep(60)
    return 0
