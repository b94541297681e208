"""Differentiable process models, one file each; torch only.

A module that defines one :class:`ProcessModel` is a model, called as :data:`MODULES` says: adding a model means adding
one file and its entry there. A file elsewhere is found by its path.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from hybridmap.process.base import Parameter, ProcessModel, Variable, check_inputs
from hybridmap.process.declarations import Capacity, Check
from hybridmap.process.own_code import USER_MODULE

__all__ = [
    "Capacity",
    "Check",
    "Parameter",
    "ProcessModel",
    "Variable",
    "check_inputs",
    "get_process",
    "list_processes",
]


MODULES = {
    "clm5": "clm5.matrix",
    "clm5_interval": "clm5.interval",
    "five_pool": "five_pool.model",
    "respiration": "respiration",
    "water_retention": "water_retention",
}
"""Name of every built-in model → its module in this package."""


def list_processes() -> list[str]:
    """Return the names that :func:`get_process` accepts, sorted."""
    return sorted(MODULES)


def get_process(name: str, **options: object) -> ProcessModel:
    """Build the process model called `name`.

    Parameters
    ----------
    name : str
        One of :func:`list_processes`, or the path of a Python file that defines one :class:`ProcessModel`. The file
        is run: use only files that you trust.
    **options
        Keyword options of that model, for example ``formulation="constrained"``.

    Raises
    ------
    ValueError
        If there is no such model, or it refuses an option.

    Examples
    --------
    >>> get_process("five_pool", formulation="constrained").parameters[0].name
    'cue'
    """
    if name.endswith(".py"):
        module = _load_file(Path(name))
    elif name in MODULES:
        module = importlib.import_module(f"{__name__}.{MODULES[name]}")
    else:
        raise ValueError(f"no process model '{name}'; there are {list_processes()}, or the path of a .py file.")
    defined = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ProcessModel) and value.__module__ == module.__name__
    ]
    if len(defined) != 1:
        raise ValueError(f"{name}: expected one class that derives from ProcessModel, found {len(defined)}.")
    try:
        return defined[0](**options)
    except TypeError as error:
        raise ValueError(f"process model '{name}': {error}.") from error


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{USER_MODULE}{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ValueError(f"no process model file {path}; check the path.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path}: cannot be imported ({type(error).__name__}: {error}).") from error
    return module
