"""Options that take several words."""

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.cli.words import Remainder, Several, single_values

COMMAND = click.Command(
    "try",
    params=[
        click.Argument(["files"], nargs=-1),
        Several(["--folds"], required=True),
        Several(["--baselines"], type=click.Path(path_type=Path)),
        click.Option(["--out"]),
        click.Option(["--plan"], is_flag=True),
        Remainder(["--rest"]),
    ],
)
LETTERS = st.characters(codec="utf-8", exclude_characters="\0") | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]
)
"""What a system passes to a program: no null byte, but bytes that are no UTF-8, as surrogates."""
WORDS = st.text(LETTERS, min_size=1).filter(lambda word: not word.startswith("--"))


def values(*words: str) -> dict[str, object]:
    """What click reads of a command."""
    context = click.Context(COMMAND)
    COMMAND.parse_args(context, single_values(words, COMMAND, context))
    return context.params


@given(st.lists(WORDS, min_size=1), st.lists(WORDS), WORDS)
def test_each_word_reaches_its_option(folds: list[str], baselines: list[str], out: str) -> None:
    read = values("--folds", *folds, "--out", out, "--baselines", *baselines, "--plan")
    assert read["folds"] == tuple(folds)
    assert read["baselines"] == tuple(Path(name) for name in baselines)
    assert read["out"] == out
    assert read["plan"] is True
    assert read["files"] == ()


def test_words_before_the_first_option_and_after_two_dashes_are_files() -> None:
    read = values("one", "two", "--folds", "a", "b", "--", "--three", "--folds")
    assert read["folds"] == ("a", "b")
    assert read["files"] == ("one", "two", "--three", "--folds")


def test_a_remainder_takes_options_too() -> None:
    read = values("--folds", "a", "--rest", "fit", "--out", "b", "--unknown", "--", "-n")
    assert read["rest"] == ("fit", "--out", "b", "--unknown", "--", "-n")
    assert read["out"] is None


def test_a_value_may_stand_behind_an_equals_sign_or_begin_with_a_dash() -> None:
    read = values("--folds=a", "--out", "-2")
    assert (read["folds"], read["out"]) == (("a",), "-2")


@pytest.mark.parametrize("words", [["--folds"], ["--folds", "--out", "b"], ["--out", "--folds", "a"], ["--out"]])
def test_an_option_is_no_value_of_another(words: list[str]) -> None:
    with pytest.raises(click.BadOptionUsage, match=f"Option '{words[0]}' requires an argument"):
        values(*words)
