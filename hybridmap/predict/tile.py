"""Maps of one tile: complete cells through the model in batches of one shape."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.data.cube import Cube
from hybridmap.hybrid import HybridModel, Model
from hybridmap.predict.plan import Tile

DIAGNOSTICS = ("moc_saturation", "margin_uptake", "margin_poc", "feasible")
"""Outputs that are mapped even where the process model has no steady state: they say why there is none."""
BATCH = 8192
"""Cells that go through the model at once. Always as many, the last ones padded: a cell then gets the same bits
whatever tile it lies in, and activations stay in the cache."""
Field = NDArray[np.float32]


def mapped_names(model: Model) -> dict[str, tuple[str, str, str]]:
    """Map name → (output of the model, unit, description); parameters go by their plain name."""
    info = model.output_info()
    neural = [f"parameter.{name}" for name in model.neural_names]
    skip = ("extinct", "respiration", "leaching")
    outputs = [name for name in info if not name.startswith("parameter.") and name not in skip]
    return {name.removeprefix("parameter."): (name, *info[name]) for name in [*outputs, *neural]}


def predict_tile(model: Model, cube: Cube, tile: Tile) -> dict[str, Field]:
    """Maps of one tile, each of shape (row, column), NaN outside complete cells.

    Where the relaxed formulation has no steady state, pools are NaN: a number there would be an artefact of the
    algebra. Diagnostics and parameters are kept.
    """
    covariates, forcing, valid = cube.read_window(tile.row0, tile.row1, tile.col0, tile.col1)
    order = [cube.covariate_names.index(name) for name in model.covariate_names]
    if order != list(range(len(covariates))):
        covariates = covariates[order]
    cells = np.flatnonzero(valid)
    flat = covariates.reshape(len(covariates), -1)
    forced = {name: forcing[name].reshape(-1) for name in model.forcing_names}
    names = mapped_names(model)
    maps = {name: np.full(valid.size, np.nan, dtype="float32") for name in names}
    with torch.inference_mode():
        for start in range(0, len(cells), BATCH):
            here = cells[start : start + BATCH]
            # Repeating the last cell keeps the shape without another kind of number.
            padded = here if len(here) == BATCH else np.concatenate([here, np.repeat(here[-1:], BATCH - len(here))])
            inputs = torch.from_numpy(flat[:, padded].T.copy())
            out = model(inputs, {name: torch.from_numpy(values[padded]) for name, values in forced.items()})
            unsteady = _unsteady(model, out)
            for name, (key, _, _) in names.items():
                values = out[key].numpy()
                keep = name in DIAGNOSTICS or key.startswith("parameter.")
                kept = values if keep or unsteady is None else np.where(unsteady, np.nan, values)
                maps[name][here] = kept[: len(here)]
    return {name: values.reshape(valid.shape) for name, values in maps.items()}


def _unsteady(model: Model, out: Mapping[str, torch.Tensor]) -> NDArray[np.bool_] | None:
    relaxed = isinstance(model, HybridModel) and getattr(model.process, "formulation", "") == "relaxed"
    return (out["feasible"] <= 0).numpy() if relaxed else None
