"""The parser of the command line, made from the tables of verbs and options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hybridmap import __version__
from hybridmap.cli.options import Arguments, argument, option
from hybridmap.cli.tools import TOOLS
from hybridmap.cli.verbs import STAGES, Stage
from hybridmap.errors import absent_package

CONFIG = argument("config", nargs="+", type=Path, help="configuration files, later ones laid over earlier ones")
COMMON = (
    argument("--log", type=Path, help="also write messages to this file"),
    argument("--threads", type=int, default=0, help="threads for computing; 0 leaves the default"),
)


class _Completion(argparse.Action):
    """Print what a shell needs to complete words of this command, and stop."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, choices=("bash", "zsh", "tcsh"), metavar="SHELL", help=help)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        try:
            import shtab
        except ModuleNotFoundError as error:
            parser.error(absent_package(error))
        sys.stdout.write(shtab.complete(parser, str(values)) + "\n")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Parser whose result has ``run``, a function of that result."""
    parser = argparse.ArgumentParser(prog="hybridmap", description="Hybrid models of soil organic carbon.")
    parser.add_argument("--version", action="version", version=f"hybridmap {__version__}")
    parser.add_argument("--completion", action=_Completion, help="print the completion of a shell, then stop")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, stage in STAGES.items():
        verb = verbs.add_parser(name, help=stage.help, description=stage.help)
        _add(verb, (CONFIG, *map(option, stage.options.split()), *COMMON))
        verb.set_defaults(run=_with_config(stage))
    for name, tool in TOOLS.items():
        verb = verbs.add_parser(name, help=tool.help)
        _add(verb, (*tool.arguments, *COMMON))
        verb.set_defaults(run=tool.run)
    return parser


def _add(verb: argparse.ArgumentParser, arguments: Arguments) -> None:
    group = verb.add_mutually_exclusive_group(required=True) if any(a.alternative for a in arguments) else verb
    for entry in arguments:
        (group if entry.alternative else verb).add_argument(entry.name, **entry.settings)


def _with_config(stage: Stage) -> Callable[[argparse.Namespace], None]:
    def run(args: argparse.Namespace) -> None:
        from hybridmap.config.reading import load_config

        stage.run(load_config(*args.config), args)

    return run
