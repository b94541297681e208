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


def same_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_prints_what_its_page_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for line, code, shown in blocks(page):
        assert same_lines(printed(code, line, page, names)) == same_lines(shown), f"{page}, line {line}"


@pytest.mark.parametrize("page", PAGES)
def test_every_shown_output_follows_a_block(page: str) -> None:
    languages = FENCE.findall((FOLDER / page).read_text(encoding="utf-8"))
    shown = [text for _, _, text in blocks(page) if text]
    assert languages.count("python") == len(blocks(page))
    assert languages.count("text") == len(shown) > 2


def test_there_are_three_tutorials() -> None:
    assert PAGES == ["own_data.md", "own_model.md", "reading_diagnostics.md"]
