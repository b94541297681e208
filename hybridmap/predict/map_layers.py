"""What a store of maps holds: name, unit, meaning and encoding of every map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model
from hybridmap.predict.portrayal import Portrayal
from hybridmap.quantities import QUANTITIES

DENSITY = QUANTITIES["soc"].unit
PARAMETER = "parameter."
"""Begins the name of an output that is a parameter of the process model."""
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
    """

    unit: str
    description: str
    kind: Literal["continuous", "class"] = "continuous"
    codes: Mapping[int, str] = field(default_factory=dict)
    step: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)
    portrayal: Portrayal = field(default_factory=Portrayal)
    needs_steady_state: bool = True

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
        attributes: dict[str, Any] = {"units": self.unit, "long_name": self.description, **self.about}
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


@dataclass(frozen=True)
class OutputTraits:
    """What is particular about an output of a process model.

    Attributes
    ----------
    is_mapped : bool
        Whether there is a map of it; else it only serves others.
    needs_steady_state : bool
        As :class:`MapLayer`.
    codes : mapping of int to str
        What its classes mean, if it is one.
    label : str
        Title in figures.
    """

    is_mapped: bool = True
    needs_steady_state: bool = True
    codes: Mapping[int, str] = field(default_factory=dict)
    label: str = ""


STEADY_STATE = "feasible"
"""Output that is 1 where there is a steady state and 0 where there is none."""
LOSSES = "respiration", "leaching"
"""Outputs that add up to what leaves the soil; carbon over them is its turnover time."""
TRAITS: dict[str, OutputTraits] = {
    # Mapped even where there is no steady state: they say why there is none.
    "moc_saturation": OutputTraits(needs_steady_state=False, label="MOC / Qmax"),
    "margin_uptake": OutputTraits(needs_steady_state=False),
    "margin_poc": OutputTraits(needs_steady_state=False),
    STEADY_STATE: OutputTraits(needs_steady_state=False, codes={0: "no steady state", 1: "steady state"}),
    # Internal; the losses only serve the turnover time.
    "extinct": OutputTraits(is_mapped=False),
    **dict.fromkeys(LOSSES, OutputTraits(is_mapped=False)),
}
"""Outputs that are not mapped as they are. With the two names above, all that maps know of a process model."""


def may_lack_steady_state(model: Model) -> bool:
    """Whether there may be cells without a steady state: in the closed form of the five pools, which has no leaks."""
    return isinstance(model, HybridModel) and getattr(model.process, "formulation", "") == "relaxed"


class ModelMap(NamedTuple):
    """A map that a model gives as it is: the output that it shows, and its layer."""

    output: str
    layer: MapLayer


def model_maps(model: Model) -> dict[str, ModelMap]:
    """Maps of outputs and neural parameters by name; parameters go by their plain name."""
    units = model.output_info()
    traits = {name: TRAITS.get(name, OutputTraits()) for name in units if not name.startswith(PARAMETER)}
    maps = {name: ModelMap(name, _output_layer(name, *units[name])) for name, t in traits.items() if t.is_mapped}
    for rank, name in enumerate(model.neural_names):
        portrayal = Portrayal("parameter", name, rank=rank)
        layer = MapLayer(*units[PARAMETER + name], portrayal=portrayal, needs_steady_state=False)
        maps[name] = ModelMap(PARAMETER + name, layer)
    return maps


def _output_layer(name: str, unit: str, description: str) -> MapLayer:
    traits = TRAITS.get(name, OutputTraits())
    if name in QUANTITIES:
        rank, quantity = list(QUANTITIES).index(name), QUANTITIES[name]
        portrayal = Portrayal("quantity", quantity.label, quantity.colours, rank=rank, subject=name)
    else:
        portrayal = Portrayal("diagnostic" if name in TRAITS else "", traits.label)
    return MapLayer(
        unit,
        description,
        "class" if traits.codes else "continuous",
        traits.codes,
        portrayal=portrayal,
        needs_steady_state=traits.needs_steady_state,
    )


def label_of(name: str) -> str:
    """Short name of a map in figures.

    Examples
    --------
    >>> label_of("soc"), label_of("cue")
    ('SOC', 'cue')
    """
    return QUANTITIES[name].label if name in QUANTITIES else name
