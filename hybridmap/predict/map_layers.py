"""What a store of maps holds: name, unit, meaning and encoding of every map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.predict.portrayal import Portrayal
from hybridmap.process import Variable
from hybridmap.process.base import LAYER
from hybridmap.quantities import QUANTITIES, Quantity

DENSITY = QUANTITIES["soc"].unit
PARAMETER = "parameter."
"""Begins the name of an output that is a parameter of the process model."""
OF_QUALITY = ("interval", "trust")
"""Groups of maps that say how good others are."""
CELL_METHODS = {DENSITY: "area: depth: mean"}
"""What the outputs of a unit are of a cell and an interval, by CF."""
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
    portrayal : Portrayal
        How figures and styles draw it.
    needs_steady_state : bool
        Whether it has no value where the process model has no steady state: a pool there would be an artefact of the
        algebra.
    has_depth : bool
        Whether it differs between depths, where several are mapped.
    is_sum : bool
        Whether its values of all depths are added up.
    """

    unit: str
    description: str
    kind: Literal["continuous", "class"] = "continuous"
    codes: Mapping[int, str] = field(default_factory=dict)
    step: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)
    portrayal: Portrayal = field(default_factory=Portrayal)
    needs_steady_state: bool = True
    has_depth: bool = True
    is_sum: bool = False

    @property
    def dtype(self) -> str:
        """Type in the store."""
        return "uint8" if self.kind == "class" else "int16" if self.step else "float32"

    @property
    def fill(self) -> float:
        """Value of cells without data in the store."""
        return CLASS_FILL if self.kind == "class" else PACKED_FILL if self.step else np.nan

    def attributes(self) -> dict[str, Any]:
        """CF attributes of the array, and how it is drawn."""
        content = "qualityInformation" if self.portrayal.group in OF_QUALITY else "modelResult"
        words = {"units": self.unit, "long_name": self.description, "coverage_content_type": content}
        attributes: dict[str, Any] = {**words, **self.about}
        if self.kind == "class" and self.codes:
            attributes["flag_values"] = list(self.codes)
            attributes["flag_meanings"] = " ".join(text.replace(" ", "_") for text in self.codes.values())
        if self.step:
            attributes |= {"scale_factor": self.step, "add_offset": 0.0}
        if self.dtype != "float32":
            attributes["_FillValue"] = int(self.fill)
        return attributes | self.portrayal.attributes()

    def encode(self, values: NDArray[np.float32], name: str) -> NDArray[Any]:
        """Values with NaN for no data as they are stored.

        Raises
        ------
        HybridmapError
            If a value is too large for 16 bits of the step.
        """
        if self.dtype == "float32":
            return values
        valid = np.isfinite(values)
        steps = np.rint(np.where(valid, values, 0.0) / (self.step or 1.0))
        limit = PACKED_LIMIT if self.step else CLASS_FILL - 1
        if np.abs(steps).max(initial=0.0) > limit:
            if self.kind == "class":
                steps = np.clip(steps, 0, limit)  # a count of covariates ends there
            else:
                worst = float(values[valid][np.abs(values[valid]).argmax()])
                raise HybridmapError(
                    f"map '{name}': {worst:g} {self.unit} does not fit into 16 bits with a step of {self.step:g};"
                    f" predict.packed.{name} must be at least {abs(worst) / PACKED_LIMIT:.2g}."
                )
        return np.where(valid, steps, self.fill).astype(self.dtype)


class ModelMap(NamedTuple):
    """A map that a model gives as it is: the output that it shows, and its layer."""

    output: str
    layer: MapLayer


def model_maps(model: Model) -> dict[str, ModelMap]:
    """Maps of outputs and neural parameters by name; parameters go by their plain name."""
    units = model.output_info()
    outputs = {name: _declared(model, name) for name in units if not name.startswith(PARAMETER)}
    # What is compared with observations is always mapped.
    mapped = [name for name, declared in outputs.items() if declared.mapped or name in model.target_names]
    maps = {name: ModelMap(name, _output_layer(model, outputs[name], *units[name])) for name in mapped}
    for rank, name in enumerate(model.neural_names):
        portrayal = Portrayal("parameter", name, rank=rank)
        has_depth = model.process is None or not model.process.has_layers
        layer = MapLayer(*units[PARAMETER + name], portrayal=portrayal, needs_steady_state=False, has_depth=has_depth)
        maps[name] = ModelMap(PARAMETER + name, layer)
    return maps


def _declared(model: Model, output: str) -> Variable:
    """What the process model declares of an output; of any other output, nothing in particular."""
    declared = {} if model.process is None else {v.name: v for v in model.process.outputs}
    return declared.get(output, Variable(output, ("site",), "", ""))


def _output_layer(model: Model, declared: Variable, unit: str, description: str) -> MapLayer:
    name, quantities = declared.name, model.quantities
    if name in quantities:
        rank, quantity = list(quantities).index(name), quantities[name]
        portrayal = Portrayal("quantity", quantity.label, quantity.colours, rank=rank, subject=name)
    else:
        is_diagnostic = declared.label or declared.classes or not declared.needs_steady_state
        portrayal = Portrayal("diagnostic" if is_diagnostic else "", declared.label)
    return MapLayer(
        unit,
        description,
        "class" if declared.classes else "continuous",
        declared.classes,
        about={"cell_methods": CELL_METHODS[unit]} if unit in CELL_METHODS else {},
        portrayal=portrayal,
        needs_steady_state=declared.needs_steady_state,
        has_depth=model.process is None or not model.process.has_layers or LAYER in declared.dims,
    )


def steady_state_of(model: Model) -> str | None:
    """Output that is 0 where a model has no steady state; None where it has one everywhere, or no process."""
    return None if model.process is None else model.process.steady_state


def label_of(name: str, quantities: Mapping[str, Quantity] = QUANTITIES) -> str:
    """Short name of a map in figures.

    Examples
    --------
    >>> label_of("soc"), label_of("cue")
    ('SOC', 'cue')
    """
    return quantities[name].label if name in quantities else name
