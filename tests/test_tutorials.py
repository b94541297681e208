"""Every tutorial runs as a reader would run it, block by block, and prints what its page shows."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

FOLDER = ROOT / "docs" / "tutorials"
PAGES = sorted(path.name for path in FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```$)?", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+")
FENCE = re.compile(r"^```(?P<language>\w+)$", re.MULTILINE)


def blocks(page: str) -> list[tuple[int, str, str]]:
    """Line, code, and what the page says that it prints, of every block of Python."""
    text = (FOLDER / page).read_text(encoding="utf-8")
    return [(text[: m.start()].count("\n") + 2, m["code"], m["shown"] or "") for m in BLOCK.finditer(text)]


def printed(code: str, line: int, page: str, names: dict[str, Any]) -> str:
    """What a block prints; a traceback names the line of its page."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile("\n" * (line - 1) + code, f"docs/tutorials/{page}", "exec"), names)
    return out.getvalue()


def is_same(printed_word: str, shown_word: str) -> bool:
    """Whether two words are equal; of numbers with decimals the last digit may differ by one, as between machines."""
    if printed_word == shown_word:
        return True
    decimals = [word.partition(".")[2] for word in (printed_word, shown_word)]
    if not all(NUMBER.fullmatch(word) for word in (printed_word, shown_word)) or len(set(map(len, decimals))) > 1:
        return False
    return abs(float(printed_word) - float(shown_word)) < 1.5 * 10.0 ** -len(decimals[0])


def assert_same(printed_text: str, shown: str, place: str) -> None:
    lines = [[text.split() for text in block.rstrip().splitlines()] for block in (printed_text, shown)]
    assert [len(words) for words in lines[0]] == [len(words) for words in lines[1]], f"{place}:\n{printed_text}"
    pairs = [pair for words in zip(*lines, strict=True) for pair in zip(*words, strict=True)]
    assert not [pair for pair in pairs if not is_same(*pair)], f"{place} prints:\n{printed_text}"


@pytest.mark.filterwarnings("ignore::hybridmap.model.training_range.TableWarning")
@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_prints_what_its_page_shows(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for line, code, shown in blocks(page):
        assert_same(printed(code, line, page, names), shown, f"{page}, line {line}")


@pytest.mark.parametrize("page", PAGES)
def test_every_shown_output_follows_a_block(page: str) -> None:
    languages = FENCE.findall((FOLDER / page).read_text(encoding="utf-8"))
    shown = [text for _, _, text in blocks(page) if text]
    assert languages.count("python") == len(blocks(page))
    assert languages.count("text") == len(shown) > 2


def test_there_are_three_tutorials() -> None:
    assert PAGES == ["own_data.md", "own_model.md", "reading_diagnostics.md"]


@pytest.mark.parametrize(
    ("printed_text", "shown"),
    [
        ("nse 0.7", "nse 0.5"),
        ("12 sites", "13 sites"),
        ("a\nb", "a"),
        ("", "a"),
        ("0.70", "0.7"),
        ("soc 1.0", "poc 1.0"),
    ],
)
def test_a_page_that_shows_something_else_is_found(printed_text: str, shown: str) -> None:
    assert_same(shown, shown, "page")
    with pytest.raises(AssertionError):
        assert_same(printed_text, shown, "page")


def test_the_last_digit_may_differ_by_one() -> None:
    assert_same("nse  -0.0\n", "nse 0.1", "page")
