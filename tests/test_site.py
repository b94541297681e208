"""The documentation site: what is made for it holds what the source says, and no link is broken."""

import ast
import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from tools.glossary import glossary
from tools.site_pages import api_pages, citation_page, error_sentences, errors_page, without_outer_links, words_of

MKDOCS = Path(os.environ.get("HYBRIDMAP_MKDOCS", ROOT / ".venv/docs/bin/mkdocs"))


def test_the_glossary_is_that_of_the_package() -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert text == glossary(), "python tools/glossary.py > docs/glossary.md"


def test_every_error_of_the_source_is_on_the_page() -> None:
    raised = 0
    for path in (ROOT / "hybridmap").rglob("*.py"):
        raised += len(re.findall(r"raise HybridmapError\(\s*f?[\"']", path.read_text(encoding="utf-8")))
    sentences = error_sentences()
    assert len(sentences) >= 0.95 * raised > 300
    assert errors_page().count("\n- ") == len(sentences)
    assert any("either could be the" in sentence.words for sentence in sentences)


def test_sentences_are_read_from_any_source(tmp_path: Path) -> None:
    source = """
        def fail(path):
            raise HybridmapError(f"{path}: no <b>cube</b> " "here; build it.")
        raise ValueError("not for users")
        """
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "room.py").write_text(textwrap.dedent(source))
    (sentence,) = error_sentences(tmp_path / "package")
    assert sentence.words == "…: no <b>cube</b> here; build it."
    assert words_of(ast.parse("f'{a!r} ' + b", mode="eval").body) == "… …"


@pytest.mark.parametrize(
    ("link", "kept"),
    [("maps.md", True), ("maps.md#cog", True), ("https://x.org", True), ("#here", True), ("../LICENSE", False),
     ("../../maps.md", False), ("formats/README.md", True), ("none.md", False)],
)  # fmt: skip
def test_links_out_of_the_site_become_words(link: str, kept: bool) -> None:
    text = without_outer_links(f"see [it]({link})", "own.md", {"maps.md", "formats/README.md"})
    assert text == (f"see [it]({link})" if kept else "see it")


def test_the_citation_is_that_of_the_repository() -> None:
    facts = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert facts["title"] in citation_page()
    assert f"version = {{{facts['version']}}}" in citation_page()


def test_every_module_of_a_room_has_its_place() -> None:
    pages = api_pages()
    assert "::: hybridmap.notebook.experiment\n" in pages["api/notebook.md"]
    assert pages["api/plot.md"].count(":::") == len(list((ROOT / "hybridmap/plot").rglob("*.py")))


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f": {name}\n" in text or name.startswith("formats/"), name


@pytest.mark.nightly
@pytest.mark.skipif(not MKDOCS.exists(), reason="make site installs mkdocs")
def test_the_site_asks_for_nothing_elsewhere(tmp_path: Path) -> None:
    command = [str(MKDOCS), "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    for page in tmp_path.rglob("*.html"):
        outer = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not outer, page
