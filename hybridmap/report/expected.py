"""Which figures of an experiment the report surely draws, known before anything runs; torch is never imported."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from hybridmap.config import Config
from hybridmap.quantities import QUANTITIES

MAIN = next(iter(QUANTITIES))
"""Quantity that gets a figure of its own, and whose intervals and changes are drawn."""
CAPACITY = "capacity"
"""Attribute of a process model whose pool has a capacity, which a figure shows."""
PROCESSES = Path(__file__).parents[1] / "process"
"""Sources of the process models of the package."""


def with_main_map(config: Config) -> list[str]:
    """Names of the experiments that surely have that map: it is of a target, and no list of maps leaves it out."""
    is_listed = not config.predict.maps or MAIN in config.predict.maps
    return with_main_target(config) if is_listed else []


def with_main_target(config: Config) -> list[str]:
    """Names of the experiments that make maps and are trained on the main quantity, so that stocks follow."""
    return [e.name for e in config.experiments if e.map and MAIN in e.targets]


def with_stock(config: Config) -> list[str]:
    """Names of the experiments that make maps and are trained on a quantity that has a stock, so that totals follow."""
    summed = {name for name, quantity in config.all_quantities.items() if quantity.has_stock}
    return [e.name for e in config.experiments if e.map and summed & set(e.targets)]


def with_parameters(config: Config) -> list[str]:
    """Names of the experiments that have neural parameters."""
    return [e.name for e in config.experiments if e.process and e.neural not in ("none", [])]


def with_starts(config: Config) -> list[str]:
    """Names of the experiments whose verdict on parameters rests on trainings from random starts."""
    options = config.identifiability
    return [] if options is None else options.experiments or with_parameters(config)


def with_capacity(config: Config) -> list[str]:
    """Names of the experiments whose process model declares a capacity in its class."""
    processes = {e.name: e.process.name for e in config.experiments if e.process}
    capacity = {process: declares_capacity(process) for process in dict.fromkeys(processes.values())}
    return [name for name, process in processes.items() if capacity[process]]


def declares_capacity(process: str) -> bool:
    """Whether the class of a process model, of the package or of a file, assigns a capacity.

    Parameters
    ----------
    process : str
        As for :func:`hybridmap.process.get_process`.

    Returns
    -------
    bool
        False also where there is no such model: what runs it says so.

    Examples
    --------
    >>> declares_capacity("five_pool"), declares_capacity("respiration")
    (True, False)
    """
    try:
        tree = ast.parse(_source(process))
    except (OSError, SyntaxError, ValueError):
        return False
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return any(_assigns(statement) for node in classes for statement in node.body)


def _source(process: str) -> bytes:
    if process.endswith(".py"):
        return Path(process).read_bytes()
    module = _modules().get(process)
    return b"" if module is None else PROCESSES.joinpath(*module.split(".")).with_suffix(".py").read_bytes()


@cache
def _modules() -> dict[str, str]:
    """The table of process models, read from its source."""
    tree = ast.parse((PROCESSES / "__init__.py").read_bytes())
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign) and _assigned(node) == "MODULES"]
    return dict(ast.literal_eval(tables[0]))


def _assigned(statement: ast.Assign) -> str:
    return statement.targets[0].id if isinstance(statement.targets[0], ast.Name) else ""


def _assigns(statement: ast.stmt) -> bool:
    """Whether a statement of a class gives it a capacity that is not None."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value)
        ):
            return (
                name == CAPACITY and value is not None and not (isinstance(value, ast.Constant) and value.value is None)
            )
    return False
