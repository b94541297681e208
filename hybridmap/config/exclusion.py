"""Typed configuration of land that is left out by its class, and which layers tell where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hybridmap.config.layers import CODED, Raster
from hybridmap.config.section import Name, Section
from hybridmap.errors import nearest


def _code(value: Any) -> Any:
    """A code in quotes is a code; a switch of YAML is neither code nor name."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is no class; write a code, or a name in quotes")
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


class Exclusion(Section):
    """Classes of a layer whose cells are no part of the region: no samples, no map."""

    layer: Name = Field(
        description="A covariate or auxiliary layer that has 'classes', or is of kind categorical or mode."
    )
    classes: list[Annotated[float | str, BeforeValidator(_code)]] = Field(
        min_length=1, description="Names of its classes, as under 'classes' of the layer, or codes."
    )
    share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Of a layer that has the share of each class: that of a cell from which on it is left out, of the"
        " classes together.",
    )


@dataclass(frozen=True)
class ExcludedClass:
    """A class that is left out, and where it is read.

    Attributes
    ----------
    label : str
        Layer and class in words.
    key : str
        The layer on the grid that tells where it is.
    code : float or None
        Its code in that layer; None where the layer is the share of the class.
    """

    label: str
    key: str
    code: float | None


def excluded_classes(exclusion: Exclusion, layers: Sequence[Raster]) -> list[ExcludedClass]:
    """The classes of an exclusion on the layers of a region.

    Parameters
    ----------
    exclusion : Exclusion
        Layer and classes.
    layers : sequence of Raster
        Covariates and auxiliary layers.

    Returns
    -------
    list of ExcludedClass
        In the order of the exclusion.

    Raises
    ------
    ValueError
        If there is no such layer, it has years or no classes, or it has no such class.
    """
    name = exclusion.layer
    members = [layer for layer in layers if name in (layer.group, layer.name)]
    if not members:
        with_classes = sorted({layer.group or layer.name for layer in layers if layer.equals or layer.kind in CODED})
        raise ValueError(f"no layer '{name}'{nearest(name, with_classes)}; layers with classes are {with_classes}")
    if any(layer.years for layer in members):
        raise ValueError(f"layer '{name}' has years; name one of a single year, which may stand under auxiliary")
    if any(layer.derive or (layer.equals is None and layer.kind not in CODED) for layer in members):
        raise ValueError(
            f"layer '{name}' has no classes, its values are numbers; give it classes: {{80: water}}, or kind: mode"
        )
    if members[0].equals is None:
        return [_of_code(name, value) for value in exclusion.classes]
    return [_of_share(members, value) for value in exclusion.classes]


def _of_code(layer: str, value: float | str) -> ExcludedClass:
    if isinstance(value, str):
        raise ValueError(
            f"classes of layer '{layer}' have no names, so '{value}' is none of them; give codes, or the layer classes:"
            f" {{80: {value}}}"
        )
    return ExcludedClass(f"{layer} {value:g}", layer, value)


def _of_share(members: Sequence[Raster], value: float | str) -> ExcludedClass:
    """The share of a class, by its name or its code."""
    layer, names = members[0].group, {member.name.removeprefix(f"{member.group}_"): member for member in members}
    if isinstance(value, str):
        word = "".join(letter if letter.isalnum() else "_" for letter in value.lower()).strip("_")
        if word not in names:
            raise ValueError(f"layer '{layer}' has no class '{value}'{nearest(word, names)}; it has {list(names)}")
        return ExcludedClass(f"{layer} {word}", names[word].name, None)
    word = next((word for word, member in names.items() if value in (member.equals or [])), "")
    codes = [f"{code:g}" for member in members for code in member.equals or []]
    if not word:
        raise ValueError(f"layer '{layer}' has no class {value:g}; it has {', '.join(codes)}")
    if len(names[word].equals or []) > 1:
        raise ValueError(
            f"class {value:g} of layer '{layer}' is one of '{word}', of which the layer has one share; name '{word}'"
        )
    return ExcludedClass(f"{layer} {word}", names[word].name, None)
