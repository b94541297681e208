"""The CLM5 matrix as a model of the interval that was measured, with its forcing looked up by cell.

The forcing of :mod:`hybridmap.process.clm5.matrix` is some thousand numbers a site, on the grid of a land model. Here
a site gives the number of its cell in a table (``hybridmap clm5-forcing``): samples, cube and maps carry one layer.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hybridmap.process.base import Parameter, ProcessModel, Variable
from hybridmap.process.clm5 import matrix
from hybridmap.process.clm5.vertical import LAYER_INTERFACES, LAYERS, THICKNESS
from hybridmap.process.measured_interval import layer_mean

CELL = Variable("clm5_cell", ("site",), "1", "number of the cell in the forcing table", valid_range=(0.0, 1e7))
OUTPUTS = (
    Variable("soc", ("site", "layer"), "kg m-3", "soil organic carbon density"),
    Variable("soc_stock_1m", ("site",), "kg m-2", "soil organic carbon stock to 1 m"),
    Variable("soc_stock_30cm", ("site",), "kg m-2", "soil organic carbon stock to 30 cm"),
    Variable("litter_stock", ("site",), "kg m-2", "carbon of woody debris and litter in the whole column"),
)
TRACES = (
    Variable("input", ("site",), "g m-2 yr-1", "litter that enters, with its scale", label="Input"),
    Variable("allocation", ("site",), "1", "effective beta of the depths that litter enters, per cm", label="B"),
    Variable("transfer", ("site",), "1", "share of what decomposes that other pools receive", label="A"),
    Variable("decomposition", ("site",), "yr-1", "rate of decomposition without the environment", label="K"),
    Variable("environment", ("site",), "1", "scalar of temperature, water and depth on the rates", label="xi"),
    Variable("transport", ("site",), "yr-1", "rate at which carbon leaves its layer by mixing", label="V"),
    Variable("residence_time", ("site",), "yr", "soil organic carbon of the column over the litter that enters"),
)
"""The components of traceability (Xu et al. 2025), and what they make together."""
LITTER_SCALE = Parameter(
    "litter_scale", 1.0, math.exp(-2.0), math.exp(2.0), "1", "factor on the litter of the forcing table", "log"
)
KG_PER_G = 1e-3
PIECE = 1024
"""Cells that are computed at once where no gradient is asked for: 26 kB each."""
RunOfCells = Callable[[Mapping[str, Tensor], Tensor], dict[str, Tensor]]


class Clm5Interval(ProcessModel):
    """CLM5 soil carbon by layer, for cells of a forcing table.

    Parameters
    ----------
    table : str
        Numpy archive of ``hybridmap clm5-forcing --region``: each forcing of CLM5 as (cell, month) or
        (cell, layer, month).
    litter_scale : bool
        Whether there is a 22nd parameter, a factor of exp(-2) to exp(2) on the litter of the table: productivity from
        satellites is uncertain, and what of it reaches the soil more so.
    **options
        Of :class:`hybridmap.process.clm5.matrix.Clm5`.

    Raises
    ------
    ValueError
        If the table is missing, is something else, or lacks a forcing.
    """

    name: ClassVar[str] = "clm5_interval"
    outputs = OUTPUTS
    layer_interfaces = LAYER_INTERFACES
    traces = TRACES

    def __init__(self, table: str = "", litter_scale: bool = False, **options: object) -> None:
        self.clm5 = matrix.Clm5(**options)  # type: ignore[arg-type]
        self.parameters = (*self.clm5.parameters, *([LITTER_SCALE] if litter_scale else []))
        self.table = _read(table, [v.name for v in self.clm5.forcing if not v.optional])
        last = len(next(iter(self.table.values()))) - 1
        self.forcing = (replace(CELL, valid_range=(0.0, float(last))),)

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carbon of the layers and the column; a site whose cell is not in the table is NaN."""
        return self._in_pieces(self._run, parameters, forcing["clm5_cell"])

    def trace(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Components of traceability of the column, and its residence time."""
        outputs = self.traced(parameters, forcing)
        return {variable.name: outputs[variable.name] for variable in TRACES}

    def traced(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carbon and components of one solution, as of a call and of :meth:`trace`."""
        return self._in_pieces(self._run_traced, parameters, forcing["clm5_cell"])

    def _in_pieces(self, run: RunOfCells, parameters: Mapping[str, Tensor], cell: Tensor) -> dict[str, Tensor]:
        """Run some cells at a time, whose forcing fits the cache; gradients and a GPU want all at once."""
        if torch.is_grad_enabled() or cell.is_cuda or len(cell) <= PIECE:
            return run(parameters, cell)
        pieces = [slice(first, first + PIECE) for first in range(0, len(cell), PIECE)]
        parts = [run({n: v[rows] if v.ndim else v for n, v in parameters.items()}, cell[rows]) for rows in pieces]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _run(self, parameters: Mapping[str, Tensor], cell: Tensor) -> dict[str, Tensor]:
        return _scaled(self.clm5(self._of_matrix(parameters), self.driven(cell)), parameters)

    def _run_traced(self, parameters: Mapping[str, Tensor], cell: Tensor) -> dict[str, Tensor]:
        out = self.clm5.traced(self._of_matrix(parameters), self.driven(cell))
        out["input"] = out["input"] * _litter_factor(parameters, out["input"])
        return _scaled(out, parameters) | {variable.name: out[variable.name] for variable in TRACES}

    def _of_matrix(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value for name, value in parameters.items() if name != LITTER_SCALE.name}

    def driven(self, cell: Tensor) -> dict[str, Tensor]:
        """Forcing of the matrix in cells of the table (site,); NaN in a number that is not in it."""
        cells = len(next(iter(self.table.values())))
        in_table = torch.isfinite(cell) & (cell >= 0) & (cell < cells)
        index = torch.where(in_table, cell, 0.0).round().long()
        if self.table["input_cwd"].device != cell.device:
            self.table = {name: values.to(cell.device) for name, values in self.table.items()}  # once, then it stays
        driven = {name: values[index] for name, values in self.table.items()}
        # One missing number makes a site NaN and leaves the others alone.
        driven["input_cwd"] = torch.where(in_table[:, None], driven["input_cwd"], torch.nan)
        return driven


def _scaled(out: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Outputs of the interval from those of the matrix [g m-3], with the scale of litter."""
    soc = out["soc"]
    # A steady state is proportional to what enters.
    factor = _litter_factor(parameters, soc) * KG_PER_G
    thickness = THICKNESS[:LAYERS].to(soc)
    outputs = {
        "soc": soc * factor.reshape(-1, 1),
        "soc_stock_1m": _density(soc, 1.0) * factor,
        "soc_stock_30cm": _density(soc, 0.3) * 0.3 * factor,
        "litter_stock": (out["pools"][:, :4].sum(1) @ thickness) * factor,
    }
    return {name: value.to(soc) for name, value in outputs.items()}


def _litter_factor(parameters: Mapping[str, Tensor], like: Tensor) -> Tensor:
    """Factor on all litter, () or (site,)."""
    return torch.as_tensor(parameters.get(LITTER_SCALE.name, 1.0)).to(like)


def _density(soc: Tensor, bottom_m: float) -> Tensor:
    """Mean of layers (site, layer) from the surface to a depth, (site,)."""
    ends = torch.tensor(LAYER_INTERFACES)
    return layer_mean(soc, 1, ends, soc.new_zeros(()), soc.new_full((), bottom_m))


def _read(path: str, names: list[str]) -> dict[str, Tensor]:
    if not path or not Path(path).is_file():
        raise ValueError(
            f"clm5_interval: no forcing table '{path}'; make one with 'hybridmap clm5-forcing --region', and name it in"
            " process.options.table."
        )
    status = Path(path).stat()
    try:
        stored = dict(_stored(path, tuple(names), status.st_mtime_ns, status.st_size))
    except (OSError, ValueError) as error:
        raise ValueError(f"clm5_interval: {path} is no forcing table ({error}); make it again.") from None
    if missing := [name for name in names if name not in stored]:
        raise ValueError(f"clm5_interval: {path} has no '{missing[0]}'; make it again with 'hybridmap clm5-forcing'.")
    return stored


@functools.lru_cache(maxsize=1)
def _stored(path: str, names: tuple[str, ...], changed_ns: int, size: int) -> Mapping[str, Tensor]:
    """Forcing of a table, read once for all members of an ensemble while the file stays what it is."""
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name].astype("float32")) for name in file.files if name in names}
