"""Pages of the documentation site that are made while it is built, and the hooks of mkdocs that make them.

Errors come from the source (an ``ast`` walk, so nothing heavy is imported), the list of modules from the folders, the
citation from CITATION.cff. Links of the pages that lead out of docs/ become plain text: the site stands alone.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hybridmap"
ROOT_PAGES = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Page of the site → file of the repository."""
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
API_ROOMS = (
    "notebook", "model", "process", "encoders", "train", "evaluate", "samples", "observations", "covariates", "grid",
    "predict", "export", "plot", "diagnose", "testing",
)  # fmt: skip
"""Rooms with an API page, in the order of the navigation."""
COMMANDS = {
    "check": "check",
    "cli": "any",
    "config": "check, and every command that reads a region file",
    "covariates": "cube, clm5-forcing",
    "diagnose": "diagnose, identifiability, relationships",
    "encoders": "train",
    "evaluate": "evaluate, ladder, expected-error, applicability, proda",
    "experiment": "train",
    "export": "export, catalog, totals",
    "fetch": "fetch",
    "files": "any that reads or writes results",
    "grid": "cube, predict",
    "model": "train, predict, a notebook",
    "notebook": "a notebook",
    "observations": "ingest, build",
    "options": "check, train",
    "plot": "report",
    "predict": "predict",
    "process": "check, train",
    "report": "report, view",
    "samples": "sample, split",
    "testing": "inputs of the demo",
    "train": "train",
    "units": "check, ingest",
}
"""Room → commands that say its errors."""
FOREIGN_SCRIPT, SCRIPT = "https://unpkg.com/iframe-worker/shim", "javascripts/file_worker.js"
"""What the theme would load from another server, and what does its work here."""


class Sentence(NamedTuple):
    """An error as a user reads it: words with names in capitals for what is filled in, module, and line."""

    words: str
    module: str
    line: int


def error_sentences(package: Path = PACKAGE) -> list[Sentence]:
    """Every sentence that is raised as HybridmapError in the source, by module and line.

    Parameters
    ----------
    package : Path
        Folder of the source.
    """
    sentences = []
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package.parent).with_suffix("").as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "HybridmapError" and node.args:
                words = " ".join(words_of(node.args[0]).split())
                if re.search(r"[a-z]{3}", re.sub(r"…", "", words)):
                    sentences.append(Sentence(words, module, node.lineno))
    return sorted(sentences, key=lambda sentence: (sentence.module, sentence.line))


def words_of(node: ast.expr) -> str:
    """Text of an expression, with "…" where something is filled in.

    Examples
    --------
    >>> words_of(ast.parse("f'{path}: no ' + 'cube'", mode="eval").body)
    '…: no cube'
    """
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(words_of(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return words_of(node.left) + words_of(node.right)
    return "…"


def errors_page() -> str:
    """Every error, by room of the package, with the commands that say it."""
    lines = [
        "# Every error, and its cure", "",
        "Bad input ends with one sentence and exit code 1; nothing is left under a final name. The sentence names the",
        "file, column or layer and what was expected, and says the cure: which key, file or command settles it. Below",
        "are all of them, taken from the source when this site was built; … stands for what is filled in. Search for a",
        "few words of yours. A traceback is a defect of hybridmap, not of your input: please report it.", "",
        "`hybridmap check region.yaml` finds most of them before anything runs.",
    ]  # fmt: skip
    room = ""
    for sentence in error_sentences():
        name = sentence.module.split(".")[1]
        if name != room:
            room = name
            lines += ["", f"## {room}", "", f"Said by: {COMMANDS.get(room, 'any')}.", ""]
        escaped = re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", sentence.words)
        lines.append(f"- {escaped} <small>`{sentence.module.removeprefix('hybridmap.')}`</small>")
    return "\n".join([*lines, ""])


def citation_page() -> str:
    """How to cite, from CITATION.cff."""
    import yaml

    facts = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    authors = " and ".join(author["name"] for author in facts["authors"])
    bibtex = [
        "@software{hybridmap,", f"  title = {{{facts['title']}}},", f"  author = {{{{{authors}}}}},",
        f"  version = {{{facts['version']}}},", f"  license = {{{facts['license']}}}", "}",
    ]  # fmt: skip
    return "\n".join([
        "# How to cite", "", facts["message"], "", f"> {authors}: *{facts['title']}*. Version {facts['version']}.", "",
        "```bibtex", *bibtex, "```", "",
        "Cite the data too: `hybridmap crate results/REGION` gathers the licences and citations of the tables and",
        "rasters that a region was made from in one file.", "",
    ])  # fmt: skip


def api_pages() -> dict[str, str]:
    """A page a room: every public module, by its docstrings."""
    pages = {"api/index.md": "\n".join(["# Python", "", *(f"- [{r}]({r}.md)" for r in API_ROOMS), ""])}
    for room in API_ROOMS:
        modules = sorted(
            path for path in (PACKAGE / room).rglob("*.py") if "gpu" not in path.relative_to(PACKAGE).parts
        )
        names = [
            p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__") for p in modules
        ]
        pages[f"api/{room}.md"] = "\n".join([f"# {room}", "", *(f"::: {name}\n" for name in names)])
    return pages


def without_outer_links(text: str, page: str, pages: set[str]) -> str:
    """Text whose links to what is not on the site are their words alone.

    Parameters
    ----------
    text, page : str
        Markdown and the place of its page in the site.
    pages : set of str
        All files of the site.
    """

    def inner_link(match: re.Match[str]) -> str:
        target = match["target"].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        folder = (Path("/") / page).parent
        parts: list[str] = []
        for part in (folder / target).parts[1:]:
            parts = parts[:-1] if part == ".." else [*parts, part]
        is_inside = "/".join(parts) in pages and target.count("../") <= len(folder.parts) - 1
        return match[0] if is_inside else match["text"]

    return LINK.sub(inner_link, text)


def on_files(files: Any, config: Any) -> Any:
    """Hook of mkdocs: add the pages that are made."""
    from mkdocs.structure.files import File

    contents = {"errors.md": errors_page(), "cite.md": citation_page(), **api_pages()}
    for page, source in ROOT_PAGES.items():
        contents[page] = re.sub(r"\]\(docs/", "](", (ROOT / source).read_text(encoding="utf-8"))
    for name, content in contents.items():
        if name not in files.src_uris:
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Hook of mkdocs: links within the site alone."""
    return without_outer_links(markdown, page.file.src_uri, set(files.src_uris))


def on_post_build(config: Any) -> None:
    """Hook of mkdocs: no script comes from another server."""
    site = Path(config["site_dir"])
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        script = "../" * (len(page.relative_to(site).parts) - 1) + SCRIPT
        page.write_text(text.replace(FOREIGN_SCRIPT, script), encoding="utf-8")
