"""Words of options: counts, and several words of one option, as ``--folds one two``, where click repeats the option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click


class Several(click.Option):
    """An option with as many words as follow it; each is a value."""

    def __init__(self, *names: Any, **settings: Any) -> None:
        super().__init__(*names, **{**settings, "multiple": True})

    def make_metavar(self, ctx: click.Context) -> str:
        """As of one value, and dots."""
        return f"{super().make_metavar(ctx)}..."


class WholeNumber(click.ParamType[int]):
    """A count above 0, also as 6e9."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a count.

        Parameters
        ----------
        value : Any
            As it was typed, or the default.
        param : click.Parameter, optional
            Whose value it is.
        ctx : click.Context, optional
            Of the command.

        Returns
        -------
        int
            Not below 0.

        Examples
        --------
        >>> WholeNumber().convert("6e9", None, None)
        6000000000
        """
        try:
            number = float(value)
            whole = int(number)
        except (ValueError, OverflowError):
            number, whole = 0.5, 0
        if whole != number or whole < 0:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return whole


class Remainder(Several):
    """An option that takes all words after it, options among them."""


def single_values(words: Sequence[str], command: click.Command, context: click.Context) -> list[str]:
    """Words with each value in that of its option: ``--folds one two`` → ``--folds=one --folds=two``.

    Parameters
    ----------
    words : sequence of str
        As they were typed.
    command : click.Command
        Whose options count.
    context : click.Context
        Of the command; a completion, unlike a run, is content with an option that lacks its value.

    Returns
    -------
    list of str
        Words for click.

    Raises
    ------
    click.BadOptionUsage
        Where the name of an option, or nothing, stands in the place of a value.
    """
    options = {name: p for p in command.get_params(context) if isinstance(p, click.Option) for name in p.opts}
    spread: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*spread, word, *rest]
        option = options.get(word)
        if option is None or option.is_flag:
            spread.append(word)
            continue
        values = list(_values(option, rest, options))
        del rest[: len(values)]
        if not values and (option.required or not isinstance(option, Several)) and not context.resilient_parsing:
            raise click.BadOptionUsage(word, f"Option '{word}' requires an argument.", context)
        spread += [f"{word}={value}" for value in values]
    return spread


def _values(option: click.Option, words: Sequence[str], options: Mapping[str, click.Option]) -> Iterator[str]:
    """Those of the next words that are values of an option."""
    for word in words:
        if not isinstance(option, Remainder) and (word in options or word.startswith("--")):
            return
        yield word
        if not isinstance(option, Several):
            return
