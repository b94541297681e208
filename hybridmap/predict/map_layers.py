"""What a store of maps holds: name, unit, meaning and encoding of every map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.model import Model

DIAGNOSTICS = ("moc_saturation", "margin_uptake", "margin_poc", "feasible")
"""Outputs that are mapped even where the process model has no steady state: they say why there is none."""
CLASSES = {"feasible": {0: "no steady state", 1: "steady state"}}
"""Outputs that are classes, with what their codes mean."""
SKIPPED = ("extinct", "respiration", "leaching")
CLASS_FILL = 255
PACKED_FILL, PACKED_LIMIT = -32768, 32767


@dataclass(frozen=True)
class MapLayer:
    """One map.

    Attributes
    ----------
    unit, description : str
        For metadata.
    kind : {"continuous", "class"}
        Classes are stored in 8 bits, and their overviews take the most frequent one.
    codes : mapping of int to str
        What the classes mean.
    step : float
        Resolution of a map stored in 16 bits, in its unit; 0 stores float32.
    about : mapping of str to Any
        Further attributes, such as where an interval comes from.
    """

    unit: str
    description: str
    kind: Literal["continuous", "class"] = "continuous"
    codes: Mapping[int, str] = field(default_factory=dict)
    step: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """Type in the store."""
        return "uint8" if self.kind == "class" else "int16" if self.step else "float32"

    @property
    def fill(self) -> float:
        """Value of cells without data in the store."""
        return CLASS_FILL if self.kind == "class" else PACKED_FILL if self.step else np.nan

    def attributes(self) -> dict[str, Any]:
        """CF attributes of the array."""
        found: dict[str, Any] = {"units": self.unit, "long_name": self.description, **self.about}
        if self.kind == "class" and self.codes:
            found["flag_values"] = list(self.codes)
            found["flag_meanings"] = " ".join(text.replace(" ", "_") for text in self.codes.values())
        if self.step:
            found |= {"scale_factor": self.step, "add_offset": 0.0}
        if self.dtype != "float32":
            found["_FillValue"] = int(self.fill)
        return found

    def encode(self, values: NDArray[np.float32], name: str) -> NDArray[Any]:
        """Values with NaN for no data as they are stored.

        Raises
        ------
        HybridmapError
            If a value is too large for 16 bits of the step.
        """
        if self.dtype == "float32":
            return values
        known = np.isfinite(values)
        steps = np.rint(np.where(known, values, 0.0) / (self.step or 1.0))
        limit = PACKED_LIMIT if self.step else CLASS_FILL - 1
        if np.abs(steps).max(initial=0.0) > limit:
            worst = float(values[known][np.abs(values[known]).argmax()])
            if self.kind == "class":
                steps = np.clip(steps, 0, limit)  # a count of covariates ends there
            else:
                raise HybridmapError(
                    f"map '{name}': {worst:g} {self.unit} does not fit into 16 bits with a step of {self.step:g};"
                    f" predict.packed.{name} must be at least {abs(worst) / PACKED_LIMIT:.2g}."
                )
        return np.where(known, steps, self.fill).astype(self.dtype)


def model_layers(model: Model) -> dict[str, tuple[str, MapLayer]]:
    """Map name → (output of the model, layer); parameters go by their plain name."""
    info = model.output_info()
    outputs = [name for name in info if not name.startswith("parameter.") and name not in SKIPPED]
    found = {}
    for key in [*outputs, *(f"parameter.{name}" for name in model.neural_names)]:
        name = key.removeprefix("parameter.")
        codes = CLASSES.get(name, {})
        found[name] = key, MapLayer(*info[key], "class" if codes else "continuous", codes)
    return found
