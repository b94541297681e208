"""What all verbs have in common: two options, where messages go, and how bad input ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from hybridmap.cli import options
from hybridmap.cli.words import single_values
from hybridmap.errors import HybridmapError, absent_package

LOG = logging.getLogger("hybridmap")
INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


class Verb(click.Command):
    """A verb of the command line; to run it gives its exit code."""

    first: tuple[click.Parameter, ...] = ()
    """Arguments before those of the function."""

    def __init__(self, name: str, params: Sequence[click.Parameter] = (), **settings: Any) -> None:
        super().__init__(name, params=[*self.first, *params, *options.COMMON], **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of a command; all absent options are said at once."""
        words = single_values(args, self, ctx)
        try:
            return super().parse_args(ctx, list(words))
        except click.MissingParameter as error:
            typed = {word.partition("=")[0] for word in words}
            required = [p for p in self.params if isinstance(p, click.Option) and p.required]
            absent = [f"'{p.opts[0]}'" for p in required if not typed & set(p.opts)]
            if len(absent) > 1 and isinstance(error.param, click.Option):
                raise click.UsageError(f"Missing options {', '.join(absent)}.", ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> int:
        """Run the verb; return 0, 1 with one sentence on standard error for bad input, 130 after Ctrl-C."""
        from hybridmap.cli.log import start_log

        try:
            start_log(ctx.params.pop("log"))
            _use_threads(ctx.params.pop("threads"))
            self.prepare(ctx)
            super().invoke(ctx)
        except KeyboardInterrupt:
            LOG.error("hybridmap %s: interrupted; run it again to go on.", self.name)
            return INTERRUPTED
        except Exception as error:
            problem = _problem(error, ctx.params.get("out"))
            if not problem:
                raise
            LOG.error("hybridmap %s: %s", self.name, problem)
            return 1
        return 0

    def prepare(self, ctx: click.Context) -> None:
        """Change the values that the function gets."""


class Stage(Verb):
    """A verb that takes the files of a configuration, and whose function gets the configuration."""

    first = (options.CONFIG,)

    def prepare(self, ctx: click.Context) -> None:
        """Read the configuration."""
        from hybridmap.config.reading import load_config

        ctx.params["config"] = load_config(*ctx.params["config"])


def verb(function: Callable[..., None]) -> Verb:
    """Make a verb of a function: ``_some_verb`` is ``hybridmap some-verb``, and its docstring the help."""
    return click.command(_name(function), cls=Verb)(function)


def stage(function: Callable[..., None]) -> Stage:
    """Make a verb that takes the files of a configuration, as :func:`verb` does."""
    return click.command(_name(function), cls=Stage)(function)


def _name(function: Callable[..., None]) -> str:
    return function.__name__.removeprefix("_").replace("_", "-")


def _use_threads(count: int) -> None:
    if count:
        import torch

        torch.set_num_threads(count)


def _problem(error: Exception, out: Path | None) -> str:
    """What to say of an error that is no defect of hybridmap; nothing of one that is."""
    from hybridmap.files.disk import problem_of_disk

    match error:
        case HybridmapError():
            return str(error)
        case ModuleNotFoundError():
            return absent_package(error)
    problem = problem_of_disk(error)
    return problem and f"{getattr(error, 'filename', None) or out or 'an output'}: {problem}"
