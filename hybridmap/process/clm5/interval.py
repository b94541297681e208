"""The CLM5 matrix as a model of the soil layer that was measured, with its forcing looked up by cell.

The forcing of :mod:`hybridmap.process.clm5.matrix` is some thousand numbers a site, on the grid of a land model. Here
a site gives the number of its cell in a table (``hybridmap clm5-forcing``): samples, cube and maps carry one layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hybridmap.process.base import ProcessModel, Variable, widest
from hybridmap.process.clm5 import matrix
from hybridmap.process.clm5.vertical import LAYERS, THICKNESS

FORCING = (
    Variable("clm5_cell", ("site",), "1", "number of the cell in the forcing table", valid_range=(0.0, 1e7)),
    Variable("depth", ("site",), "m", "thickness of the layer from the surface, 0.20 if absent", True, (0.01, 8.0)),
)
OUTPUTS = (
    Variable("soc", ("site",), "kg m-3", "soil organic carbon density of the layer"),
    Variable("soc_stock_1m", ("site",), "kg m-2", "soil organic carbon stock to 1 m"),
    Variable("litter_stock", ("site",), "kg m-2", "carbon of woody debris and litter in the whole column"),
)
DEFAULT_DEPTH = 0.20
"""Thickness [m] of the layer where the forcing has no `depth`."""


class Clm5Interval(ProcessModel):
    """CLM5 soil carbon of the layer from the surface to `depth`, for cells of a forcing table.

    Parameters
    ----------
    table : str
        Numpy archive of ``hybridmap clm5-forcing --region``: each forcing of CLM5 as (cell, month) or
        (cell, layer, month).
    **options
        Of :class:`hybridmap.process.clm5.matrix.Clm5`.

    Raises
    ------
    ValueError
        If the table is missing, is something else, or lacks a forcing.
    """

    name: ClassVar[str] = "clm5_interval"
    outputs = OUTPUTS

    def __init__(self, table: str = "", **options: object) -> None:
        self.clm5 = matrix.Clm5(**options)  # type: ignore[arg-type]
        self.parameters = self.clm5.parameters
        self.table = _read(table, [v.name for v in self.clm5.forcing if not v.optional])
        last = len(next(iter(self.table.values()))) - 1
        self.forcing = (replace(FORCING[0], valid_range=(0.0, float(last))), *FORCING[1:])

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carbon of the layer and the column; a site whose cell is not in the table is NaN."""
        cell = forcing["clm5_cell"]
        cells = len(next(iter(self.table.values())))
        in_table = torch.isfinite(cell) & (cell >= 0) & (cell < cells)
        index = torch.where(in_table, cell, 0.0).round().long()
        if self.table["input_cwd"].device != cell.device:
            self.table = {name: values.to(cell.device) for name, values in self.table.items()}  # once, then it stays
        driven = {name: values[index] for name, values in self.table.items()}
        # One missing number makes a site NaN and leaves the others alone.
        driven["input_cwd"] = torch.where(in_table[:, None], driven["input_cwd"], torch.nan)
        out = self.clm5(parameters, driven)
        soc = out["soc"]
        depth = forcing.get("depth", soc.new_tensor(DEFAULT_DEPTH)).to(soc)
        outputs = {
            "soc": self._stock_above(soc, depth) / depth * 1e-3,
            "soc_stock_1m": self._stock_above(soc, soc.new_tensor(1.0)) * 1e-3,
            "litter_stock": (out["pools"][:, :4].sum(1) @ THICKNESS[:LAYERS].to(soc)) * 1e-3,
        }
        shape = widest(outputs.values())
        return {name: value.expand(shape).to(soc) for name, value in outputs.items()}

    @staticmethod
    def _stock_above(soc: Tensor, depth: Tensor) -> Tensor:
        """Stock [g m-2] from the surface to `depth` [m] of layers (site, layer) [g m-3], each of one density."""
        thickness = THICKNESS[:LAYERS].to(soc)
        top = thickness.cumsum(0) - thickness
        inside = (depth.reshape(-1, 1) - top).clamp(min=0.0).minimum(thickness)
        return (soc * inside).sum(1)


def _read(path: str, names: list[str]) -> dict[str, Tensor]:
    if not path or not Path(path).is_file():
        raise ValueError(
            f"clm5_interval: no forcing table '{path}'; make one with 'hybridmap clm5-forcing --region', and name it in"
            " process.options.table."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: torch.from_numpy(file[name].astype("float32")) for name in file.files if name in names}
    except (OSError, ValueError) as error:
        raise ValueError(f"clm5_interval: {path} is no forcing table ({error}); make it again.") from None
    if missing := [name for name in names if name not in stored]:
        raise ValueError(f"clm5_interval: {path} has no '{missing[0]}'; make it again with 'hybridmap clm5-forcing'.")
    return stored
