"""Fingerprints of the code of a stage: a change in a module reruns the stages that import it, and no others.

Imports are read from the source, nothing is run, so that a dry run stays quick. A module depends on

* what it imports, at the top or inside a function, and on the packages that these lie in (but not on imports for type
  checkers alone, which never run);
* modules that it names in a string, as ``"hybridmap.predict.workers"``, and those in its table ``MODULES``, from which
  it loads by name; a package with ``__getattr__`` loads only the entries that others import from it;
* files at or below its folder that it names in a string, as ``"downloads.yaml"`` or ``"*.yaml"``.

A stage depends on what the function of its verb in :mod:`hybridmap.cli.verbs` uses. The command line itself, the
check and this module count for no stage.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = Path(__file__).parent
VERBS = "cli.verbs"
"""Package with the functions of the verbs, ``_some_verb`` for ``hybridmap some-verb``."""
IGNORED = ("cli", "check", "fingerprint")
"""Rooms, and this module, that count for no stage: no result depends on them."""
PROCESSES = "process"
"""Package whose table ``MODULES`` lists the process models."""
DOTTED = re.compile(r"[\w*?-]+(\.[\w*?-]+)+")
"""Form of names of modules and files, and of patterns of files."""


class Import(NamedTuple):
    """``from module import name``, or ``import module`` where the name is empty."""

    module: str
    name: str = ""


@dataclass(frozen=True)
class Source:
    """What one module says about others."""

    imports: list[Import] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    """Names of modules or files, as far as their form tells."""
    table: dict[str, str] = field(default_factory=dict)
    """Its ``MODULES``: name → module, relative to its package."""
    serves: bool = False
    """Whether it has ``__getattr__``, and so loads from the table only what others import from it."""


class Code:
    """The import graph of a package.

    Parameters
    ----------
    package : Path
        Its folder; the name of the folder is that of the package.
    """

    def __init__(self, package: Path = PACKAGE) -> None:
        self.package = package
        self.files = {
            file.relative_to(package.parent).as_posix(): file.read_bytes()
            for file in sorted(package.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts
        }
        self.modules = {_module_name(path): path for path in self.files if path.endswith(".py")}
        self._dependencies: dict[str, set[str]] = {}

    @cached_property
    def sources(self) -> dict[str, Source]:
        """What every module says about others; remembered beside the compiled modules, by the text of the module."""
        return _read_sources({module: self.files[path] for module, path in self.modules.items()}, self.package)

    @cached_property
    def _verbs(self) -> dict[str, ast.Module]:
        """Function of a verb, which is one with decorators → its module."""
        start = f"{self.package.name}.{VERBS}."
        trees = [ast.parse(self.files[path]) for module, path in self.modules.items() if module.startswith(start)]
        nodes = [(node, tree) for tree in trees for node in tree.body]
        return {node.name: tree for node, tree in nodes if isinstance(node, ast.FunctionDef) and node.decorator_list}

    def stage_modules(self, verb: str, process: str | None = None) -> set[str]:
        """Modules that a stage imports, directly or through others.

        Parameters
        ----------
        verb : str
            Of the command line.
        process : str, optional
            Of all process models count only this one, by its name or file; ``""`` counts none.

        Returns
        -------
        set of str
            Dotted names.
        """
        return {name for name in self._reached(self._roots(verb, process), process) if name in self.modules}

    def digest(self, verb: str, process: str | None = None) -> str:
        """Fingerprint of everything that a stage imports or reads; arguments as of :meth:`stage_modules`."""
        names = self._reached(self._roots(verb, process), process)
        total = hashlib.sha256(_user_file(process))
        for path in sorted(self.modules.get(name, name) for name in names):
            total.update(f"{path}:{hashlib.sha256(self.files[path]).hexdigest()}\n".encode())
        return total.hexdigest()[:16]

    def dependencies(self, module: str) -> set[str]:
        """Modules that a module imports or names, its table apart, and paths of other files that it names."""
        if module not in self._dependencies:
            source = self.sources[module]
            names = {name for entry in source.imports for name in self._imported(entry)}
            names |= {string for string in source.strings if string in self.modules}
            self._dependencies[module] = names | self._files_named(source.strings, self._package_of(module))
        return self._dependencies[module]

    def _loaded_by_table(self, module: str, process: str | None) -> set[str]:
        """Modules that a module loads by their names in its table."""
        source, is_processes = self.sources[module], module == f"{self.package.name}.{PROCESSES}"
        keys = source.table if process is None or not is_processes else source.table.keys() & {process}
        return set() if source.serves else {f"{self._package_of(module)}.{source.table[key]}" for key in keys}

    def _roots(self, verb: str, process: str | None) -> set[str]:
        function = f"_{verb.replace('-', '_')}"
        imports = [*_function_imports(self._verbs[function], function), *_user_imports(process)]
        return {name for entry in imports for name in self._imported(entry)}

    def _reached(self, roots: Iterable[str], process: str | None) -> set[str]:
        """Roots, what they depend on, and so on; packages count as imported by what lies in them."""
        reached: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in reached or name.split(".")[1:2] in ([room] for room in IGNORED):
                continue
            reached.add(name)
            if name in self.modules:
                waiting += self.dependencies(name) | self._loaded_by_table(name, process)
                waiting += [name.rpartition(".")[0]] if "." in name else []
        return reached

    def _imported(self, entry: Import) -> Iterator[str]:
        """Modules of the package that one import loads."""
        if entry.module not in self.modules:
            return
        submodule = f"{entry.module}.{entry.name}"
        yield submodule if submodule in self.modules else entry.module
        source = self.sources[entry.module]
        if source.serves and entry.name in source.table:
            yield f"{self._package_of(entry.module)}.{source.table[entry.name]}"

    def _files_named(self, strings: Iterable[str], package: str) -> set[str]:
        """Files at or below the folder of a package whose names match: modules by their dotted name, others by path."""
        folder = package.replace(".", "/") + "/"
        paths = [path for path in self.files if path.startswith(folder)]
        named = {path for text in strings for path in paths if fnmatch(path.rpartition("/")[2], text)}
        return {_module_name(path) if path.endswith(".py") else path for path in named}

    def _package_of(self, module: str) -> str:
        return module if self.modules[module].endswith("__init__.py") else module.rpartition(".")[0]


@cache
def installed_code() -> Code:
    """The graph of this package, read once."""
    return Code()


@cache
def stage_code(verb: str, process: str | None = None) -> str:
    """Fingerprint of the code that a stage runs.

    Parameters
    ----------
    verb : str
        Of the command line, such as ``predict``.
    process : str, optional
        Name or file of the process model that the stage uses; ``""`` where it uses none. Without it, all count.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return installed_code().digest(verb, process)


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _user_file(process: str | None) -> bytes:
    """Source of a process model of the user; empty for one of the package."""
    path = Path(process or "")
    return path.read_bytes() if path.suffix == ".py" and path.is_file() else b""


def _user_imports(process: str | None) -> list[Import]:
    try:
        return _parse(_user_file(process)).imports
    except SyntaxError:  # said by what runs the file
        return []


def _read_sources(texts: dict[str, bytes], package: Path) -> dict[str, Source]:
    """Parse modules, or take what a former run wrote about the same text."""
    reader = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    memory = package / "__pycache__" / f"imports.{reader}.json"
    try:
        remembered = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        remembered = {}
    keys = {module: hashlib.sha256(module.encode() + text).hexdigest()[:32] for module, text in texts.items()}
    sources = {
        module: _from_json(remembered[key]) if key in remembered else _parse(texts[module])
        for module, key in keys.items()
    }
    if keys.values() - remembered.keys():
        _remember({keys[module]: asdict(source) for module, source in sources.items()}, memory)
    return sources


def _from_json(values: dict[str, Any]) -> Source:
    return Source(**{**values, "imports": [Import(*entry) for entry in values["imports"]]})


def _remember(content: dict[str, Any], path: Path) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)
    except OSError:  # a package that cannot be written to is parsed each time
        with contextlib.suppress(OSError):  # a read-only file system refuses even that
            partial.unlink(missing_ok=True)


def _parse(text: bytes) -> Source:
    tree = ast.parse(text)
    nodes = list(_running(tree))
    return Source(
        imports=[entry for node in nodes for entry in _imports(node)],
        strings=sorted({name for node in nodes if (name := _name_text(node))}),
        table=_table(tree),
        serves=any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body),
    )


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node`, but for what only type checkers see, and for docstrings."""
    yield node
    for child in ast.iter_child_nodes(node):
        is_typing = isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_typing and not is_text:
            yield from _running(child)


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (Import(node.module or "", alias.name) for alias in node.names)


def _name_text(node: ast.AST) -> str:
    """A string that could name a module or a file, else an empty one."""
    text = node.value if isinstance(node, ast.Constant) else None
    return text if isinstance(text, str) and DOTTED.fullmatch(text) else ""


def _table(tree: ast.Module) -> dict[str, str]:
    """The literal ``MODULES`` of a module."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="MODULES")], value=ast.Dict() as table):
                return dict(ast.literal_eval(table))
            case ast.AnnAssign(target=ast.Name(id="MODULES"), value=ast.Dict() as table):
                return dict(ast.literal_eval(table))
    return {}


def _function_imports(tree: ast.Module, name: str) -> Iterator[Import]:
    """What a function imports, and what it uses of the functions and imports at the top of its module."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imports = {alias.asname or alias.name: node for node in tree.body for alias in getattr(node, "names", ())}
    waiting, visited = [name], set()
    while waiting:
        current = waiting.pop()
        visited.add(current)
        for node in (inner for statement in functions[current].body for inner in _running(statement)):
            yield from _imports(node)
            if isinstance(node, ast.Name) and node.id in imports:
                yield from (entry for entry in _imports(imports[node.id]) if entry.name in (node.id, ""))
            if isinstance(node, ast.Name) and node.id in functions and node.id not in visited:
                waiting.append(node.id)
