"""Names that say nothing: pronouns, adverbs of place and bare verbs as names of values. Run by ``make check``.

A name is judged whole: ``kept`` says nothing, ``kept_rows`` says what. Functions may be verbs, but not pronouns.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

PRONOUNS = """
it its itself this that these those one ones other others another each every everything everyone some
something someone any anything both none nothing all such same what whatever which whichever who whom whose
mine ours theirs own thing things stuff
"""
ADVERBS = "here there where why how when then now away ahead before after again soon later"
VERBS = """
found find told tell said say seen see shown show made make done do kept keep given give taken take got get
gone go went put lost lose held hold wanted want asked ask needed need used use tried try heard thought known
know begun went came come became become stood stand lay lies dealt deal drawn chosen choose picked pick
"""
PARTICIPLES = "found told said seen shown made done kept given taken lost"
BANNED = {
    "variable": frozenset(f"{PRONOUNS} {ADVERBS} {VERBS}".split()),
    "function": frozenset(f"{PRONOUNS} {ADVERBS} {PARTICIPLES}".split()),
}
CONTRACT = {
    "hybridmap/train/losses.py": {"known"},
    "hybridmap/train/log_losses.py": {"known"},
    "hybridmap/process/five_pool/penalties.py": {"known"},
}
"""Names that users pass by keyword, so they stay: file → names."""
FOLDERS = ("hybridmap", "studies", "tools", "benchmarks")


def is_key(node: ast.AST) -> TypeGuard[ast.AnnAssign]:
    """Whether a node declares a key of the configuration: such names are the user's words."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.value, ast.Call):
        return False
    return ast.unparse(node.value.func) == "Field"


def names_in(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, kind (a key of :data:`BANNED`) and name of everything that is given a name."""
    keys = {id(node.target) for node in ast.walk(tree) if is_key(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Name() if id(node) in keys:
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, "variable", name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, "variable", name
            case ast.arg(arg=name):
                yield node.lineno, "variable", name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, "function", name
            case ast.ImportFrom() | ast.Import():
                yield from ((node.lineno, "variable", alias.asname) for alias in node.names if alias.asname)


def faults(source: str) -> list[tuple[int, str]]:
    """Line and name of every banned name in a Python source text, in order."""
    named = names_in(ast.parse(source))
    plain = [(line, kind, name) for line, kind, name in named if not name.startswith("__")]
    return sorted({(line, name) for line, kind, name in plain if name.strip("_").lower() in BANNED[kind]})


def main(folders: list[str]) -> int:
    """Print every fault as ``path:line: name`` and return how many files have one."""
    count = 0
    for path in sorted(p for folder in folders for p in Path(folder).rglob("*.py")):
        settled = CONTRACT.get(path.as_posix(), set())
        lines = [fault for fault in faults(path.read_text(encoding="utf-8")) if fault[1] not in settled]
        count += bool(lines)
        for line, name in lines:
            sys.stdout.write(f"{path}:{line}: the name '{name}' says nothing; say what it holds\n")
    return count


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:] or list(FOLDERS)) else 0)
