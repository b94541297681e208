"""What encoders there are and which options they take, read from their source: torch is never imported.

An encoder is a class that derives from ``Encoder`` and has a ``name``, in any module of this package. The signature of
its constructor and its numpydoc are the one declaration of its options: the configuration is built from them.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import hybridmap.encoders
from hybridmap.options import encoder, limits

BASE_CLASS = "Encoder"
SIZES = ("self", "n_inputs", "n_outputs")
"""Arguments of every constructor that are no options."""
NAMESPACE: dict[str, Any] = {
    **vars(builtins), **vars(limits), **vars(encoder),
    "Sequence": Sequence, "Annotated": Annotated, "Literal": Literal,
}  # fmt: skip
"""What the annotation of an option may name."""


@dataclass(frozen=True)
class Option:
    """One option of an encoder: name, type with its limits, default, and one line for the configuration reference."""

    name: str
    type: Any
    default: Any
    description: str


@dataclass(frozen=True)
class Declaration:
    """One encoder: its name in a configuration, where it is defined, what it is, and its options."""

    name: str
    class_name: str
    module: str
    summary: str
    options: tuple[Option, ...]


def declared_encoders() -> dict[str, Declaration]:
    """Every encoder of the package by its name in a configuration, sorted.

    Raises
    ------
    ValueError
        If an option has no default, no description, or a type that cannot be read without importing the module.
    """
    files = [file for folder in hybridmap.encoders.__path__ for file in sorted(Path(folder).glob("*.py"))]
    declarations = [declaration for file in files for declaration in _declarations(file)]
    return {declaration.name: declaration for declaration in sorted(declarations, key=lambda d: d.name)}


@cache
def _declarations(file: Path) -> tuple[Declaration, ...]:
    return tuple(_read(file))


def _read(file: Path) -> Iterator[Declaration]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        name = _encoder_name(node) if isinstance(node, ast.ClassDef) else None
        if isinstance(node, ast.ClassDef) and name is not None:
            text = ast.get_docstring(node) or ""
            module = f"{hybridmap.encoders.__name__}.{file.stem}"
            options = tuple(_options(node, descriptions(text), f"{file}: encoder '{name}'"))
            yield Declaration(name, node.name, module, text.partition("\n\n")[0], options)


def _encoder_name(node: ast.ClassDef) -> str | None:
    """Value of ``name`` in the body of an encoder class."""
    if not any(isinstance(base, ast.Name) and base.id == BASE_CLASS for base in node.bases):
        return None
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="name")], value=ast.Constant(value=str(name))):
                return name
    return None


def _options(node: ast.ClassDef, texts: dict[str, str], owner: str) -> Iterator[Option]:
    constructor = next((f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
    if constructor is None:
        return
    arguments = [*constructor.args.args, *constructor.args.kwonlyargs]
    positional = constructor.args.defaults
    absent = [None] * (len(constructor.args.args) - len(positional))
    for argument, default in zip(arguments, [*absent, *positional, *constructor.args.kw_defaults], strict=True):
        if argument.arg in SIZES:
            continue
        if default is None or argument.annotation is None or argument.arg not in texts:
            raise ValueError(f"{owner}: option '{argument.arg}' needs a type, a default and a line under Parameters.")
        yield Option(argument.arg, _type(argument, owner), ast.literal_eval(default), texts[argument.arg])


def _type(argument: ast.arg, owner: str) -> Any:
    assert argument.annotation is not None
    annotation = ast.unparse(argument.annotation)
    try:
        return eval(annotation, dict(NAMESPACE))
    except NameError as error:
        raise ValueError(
            f"{owner}: the type '{annotation}' of option '{argument.arg}' cannot be read ({error}); use those of"
            " hybridmap.options.encoder and hybridmap.options.limits, Sequence, Literal or Annotated."
        ) from None


def descriptions(docstring: str) -> dict[str, str]:
    r"""Text of every parameter in the section Parameters of a numpydoc docstring.

    Examples
    --------
    >>> descriptions("A network.\n\nParameters\n----------\nunits : int\n    Of each\n    layer.\n")
    {'units': 'Of each layer.'}
    """
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}$|\Z)", docstring, re.DOTALL | re.MULTILINE)
    entry = re.compile(r"^(\w[^:\n]*?) *:[^\n]*\n((?:[ \t]+[^\n]*\n?|\n)*)", re.MULTILINE)
    texts: dict[str, str] = {}
    for names, text in entry.findall(section[1] if section else ""):
        texts |= dict.fromkeys(re.split(" *, *", names), " ".join(text.split()))
    return texts
