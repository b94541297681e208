"""The program: its verbs by what they are for, its version, and the completion of a shell."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

import click

from hybridmap import __version__
from hybridmap.cli.verb import INTERRUPTED, Verb
from hybridmap.cli.verbs import covariates, evaluation, maps, observations, regions, report, training

NAME = "hybridmap"
VARIABLE = "_HYBRIDMAP_COMPLETE"
"""Environment variable by which the script of a shell asks for words."""
SHELLS = ("bash", "zsh", "fish")
SECTIONS = {
    "A region": regions,
    "Observations": observations,
    "Covariates": covariates,
    "Training": training,
    "Scores and diagnosis": evaluation,
    "Maps": maps,
    "Report": report,
}
"""Title in the help → module with its verbs."""


class Program(click.Group):
    """All verbs, listed by section.

    Parameters
    ----------
    sections : mapping of str to module
        Title → module whose :class:`~hybridmap.cli.verb.Verb` objects count, in their order.
    params : sequence of click.Parameter
        Options of the program itself.
    """

    def __init__(self, sections: Mapping[str, ModuleType], params: Sequence[click.Parameter]) -> None:
        super().__init__(
            NAME,
            params=list(params),
            help="Hybrid models of soil organic carbon.",
            subcommand_metavar="VERB ...",
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
        )
        self.sections = {
            title: [value for value in vars(module).values() if isinstance(value, Verb)]
            for title, module in sections.items()
        }
        for verb in (verb for verbs in self.sections.values() for verb in verbs):
            self.add_command(verb)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with their help in full."""
        for title, verbs in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(str(verb.name), verb.help or "") for verb in verbs])


def _write_version(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        sys.stdout.write(f"{NAME} {__version__}\n")
        ctx.exit()


def _write_completion(ctx: click.Context, option: click.Parameter, shell: str | None) -> None:
    """Print what a shell needs to complete words of this program, and stop."""
    if shell is None or ctx.resilient_parsing:
        return
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    sys.stdout.write(completion(ctx.command, {}, NAME, VARIABLE).source())
    ctx.exit()


PROGRAM = Program(
    SECTIONS,
    [
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_write_version,
            help="Show the version and exit.",
        ),
        click.Option(
            ["--completion"],
            type=click.Choice(SHELLS),
            is_eager=True,
            expose_value=False,
            callback=_write_completion,
            help="Print the completion of a shell and exit.",
        ),
    ],
)


def run_program(arguments: Sequence[str] | None) -> int:
    """Run one command; return the exit code of its verb, or 2 with one sentence where the words make no command."""
    try:
        return int(PROGRAM.main(arguments, NAME, VARIABLE, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else NAME
        sys.stderr.write(f"{path}: {error.format_message()} '{path} --help' lists what there is.\n")
        return error.exit_code
    except click.Abort as end:  # click's word for Ctrl-C, and for the end of a file
        if isinstance(end.__cause__, KeyboardInterrupt):
            return INTERRUPTED
        raise (end.__cause__ or end) from None
