"""Tables as people bring them: a mapping of columns, a data frame, a Dataset, or one row; results go back in kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.model.cube_table import layers_of_cube

Array = NDArray[np.float32]
Layer = tuple[str, str]
"""Kind, "covariate" or "forcing", and name."""


class Table(NamedTuple):
    """The columns that a model needs, and the way back.

    Attributes
    ----------
    columns : dict of Layer to array, shape (row,)
        In the order that was asked for.
    restore : callable
        From results by name, each (row,), to the kind of the table that came.
    """

    columns: dict[Layer, Array]
    restore: Callable[[dict[str, Array]], Any]


def read_table(table: Any, layers: Sequence[Layer]) -> Table:
    """Read what a model needs of a table.

    Parameters
    ----------
    table : mapping, DataFrame, Series, or Dataset
        Columns as ``covariate.NAME`` and ``forcing.NAME``, or by the plain name; of a Dataset its variables, or the
        bands of a cube. A Series, and a mapping of numbers, is one row.
    layers : sequence of Layer
        What is needed.

    Returns
    -------
    Table
        A frame comes back with the index, a Dataset with the coordinates of the table, one row as one row.

    Raises
    ------
    HybridmapError
        If a column is missing, has two names, holds no numbers, or is longer than others.

    Examples
    --------
    >>> rows = read_table({"clay": [1.0, 2.0]}, [("covariate", "clay")])
    >>> rows.columns["covariate", "clay"].tolist(), rows.restore({"soc": np.float32([3.0, 4.0])})["soc"].tolist()
    ([1.0, 2.0], [3.0, 4.0])
    """
    if not isinstance(table, Mapping) and not hasattr(table, "keys"):
        raise HybridmapError(
            f"a table has columns by name: a DataFrame, a Dataset, or one row as a Series or a dict; a"
            f" {type(table).__name__} has none."
        )
    table = layers_of_cube(table)
    keys = {layer: column_name(table, *layer) for layer in layers}
    if hasattr(table, "data_vars"):
        return _of_dataset(table, keys)
    columns = {layer: _numbers(table[key], layer) for layer, key in keys.items()}
    sizes = {layer: values.shape for layer, values in columns.items()}
    if len(set(sizes.values())) > 1 or any(len(shape) > 1 for shape in sizes.values()):
        words = ", ".join(f"'{name}' {shape}" for (_, name), shape in sizes.items())
        raise HybridmapError(f"the columns of the table must have one length, and one number a row; they have {words}.")
    is_row = () in sizes.values()
    return Table({layer: np.atleast_1d(v) for layer, v in columns.items()}, _way_back(table, is_row))


def column_name(table: Any, kind: str, name: str) -> str:
    """Name of the column of a layer; HybridmapError if there is none, or two.

    Parameters
    ----------
    table : mapping, DataFrame, Series or Dataset
        Whose names are asked.
    kind, name : str
        "covariate" or "forcing", and name.

    Returns
    -------
    str
    """
    present = [key for key in (f"{kind}.{name}", name) if key in table]
    if not present:
        raise HybridmapError(f"the table has no {kind} '{name}', which the model was trained with; add the column.")
    if len(present) > 1:
        raise HybridmapError(
            f"the table has both '{present[0]}' and '{present[1]}', and either could be the {kind} '{name}'; drop one."
        )
    return present[0]


def _numbers(values: Any, layer: Layer) -> Array:
    if (cells := np.asarray(values)).dtype.kind in "mMc":  # they would become some number, and no wrong one is said
        raise HybridmapError(f"{layer[0]} '{layer[1]}' of the table is {cells.dtype}, not a column of numbers.")
    try:
        return np.asarray(values, dtype="float32")
    except (TypeError, ValueError) as error:
        raise HybridmapError(f"{layer[0]} '{layer[1]}' of the table is not a column of numbers ({error}).") from None


def _way_back(table: Any, is_row: bool) -> Callable[[dict[str, Array]], Any]:
    kind: Any = type(table)
    if hasattr(table, "columns") and hasattr(table, "index"):
        return lambda results: kind(results, index=table.index)
    if is_row and hasattr(table, "index") and hasattr(table, "to_dict"):
        return lambda results: kind({name: values[0] for name, values in results.items()}, name=table.name)
    if is_row:
        return lambda results: {name: float(values[0]) for name, values in results.items()}
    return lambda results: results


def _of_dataset(table: Any, keys: dict[Layer, str]) -> Table:
    """Variables spread over all dimensions that any of them has, cell by cell."""
    stacked = table[list(keys.values())].to_array("layer")
    template = stacked.isel(layer=0, drop=True)
    columns = {layer: _numbers(stacked.sel(layer=key).values, layer).ravel() for layer, key in keys.items()}

    def restore(results: dict[str, Array]) -> Any:
        arrays = {name: template.copy(data=values.reshape(template.shape)) for name, values in results.items()}
        return type(table)(arrays)

    return Table(columns, restore)
