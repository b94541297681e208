"""Differentiable process models, one file each; torch only.

A module of this package that defines a :class:`ProcessModel` subclass whose ``name`` equals the module's name
is found by that name: adding a model means adding one file.
"""

from __future__ import annotations

import importlib
import pkgutil

from hybridmap.process.base import Parameter, ProcessModel, Variable

__all__ = ["Parameter", "ProcessModel", "Variable", "get_process", "list_processes"]


def list_processes() -> list[str]:
    """Return the names that :func:`get_process` accepts, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base" and not m.name.startswith("_"))


def get_process(name: str, **options: object) -> ProcessModel:
    """Build the process model called `name`.

    Parameters
    ----------
    name : str
        One of :func:`list_processes`.
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
    if name not in list_processes():
        raise ValueError(f"no process model '{name}'; there are {list_processes()}.")
    module = importlib.import_module(f"{__name__}.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, ProcessModel) and getattr(value, "name", None) == name:
            try:
                return value(**options)
            except TypeError as error:
                raise ValueError(f"process model '{name}': {error}.") from error
    raise ValueError(f"module hybridmap.process.{name} defines no ProcessModel with name = '{name}'.")
