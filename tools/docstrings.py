"""Public functions with three arguments or more say what each is, and what comes back. Run by ``make check``.

Ruff holds the form of a section and the names in it (numpy convention, D417); that a section is there is held here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MANY = 3
"""Arguments, self apart, from which a docstring has sections."""


def functions_in(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Public functions of a module, and public methods of its public classes, constructors apart."""
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        yield from (m for m in members if isinstance(m, ast.FunctionDef) and not m.name.startswith("_"))


def absent_sections(function: ast.FunctionDef) -> list[str]:
    """Sections that the docstring of a function should have and has not."""
    arguments = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    arguments = [name for name in arguments if name not in ("self", "cls")]
    if len(arguments) < MANY:
        return []
    text = ast.get_docstring(function) or ""
    nothing_back = function.returns is None or ast.unparse(function.returns) in ("None", "NoReturn")
    sections = ["Parameters"] if nothing_back else ["Parameters", "Returns"]
    alternatives = {"Returns": ("Returns\n---", "Yields\n---"), "Parameters": ("Parameters\n---",)}
    return [section for section in sections if not any(head in text for head in alternatives[section])]


def main(folders: list[str]) -> int:
    """Print every docstring that lacks a section and return how many there are."""
    count = 0
    for path in sorted(p for folder in folders for p in Path(folder).rglob("*.py")):
        for function in functions_in(ast.parse(path.read_text(encoding="utf-8"))):
            for section in absent_sections(function):
                count += 1
                sys.stdout.write(f"{path}:{function.lineno}: {function.name} has no section '{section}'\n")
    return count


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:] or ["hybridmap", "studies"]) else 0)
