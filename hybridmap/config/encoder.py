"""The section `encoder` of an experiment: one section a kind of encoder, built from the encoders' own declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, create_model

from hybridmap.encoders.declarations import Declaration, Option, declared_encoders
from hybridmap.errors import nearest
from hybridmap.options.encoder import ClipSd
from hybridmap.options.position import PositionWaves

DEFAULT_ENCODER = "mlp"
UNSAID = ("position_waves", "clip_sd")
"""Keys that a specification leaves out where they are null."""


class EncoderSection(BaseModel):
    """The network from covariates to parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    kind: ClassVar[str]

    def options(self) -> dict[str, Any]:
        """Name and options as :func:`hybridmap.encoders.registry.build_encoder` takes them."""
        options = self.model_dump(mode="json")
        return {key: value for key, value in options.items() if key not in UNSAID or value is not None}

    def leaves_units_out(self) -> bool:
        """Whether the network has dropout, which intervals by MC dropout need."""
        options = self.options()
        return bool(options.get("dropout") or options["positional"])


def section_of(declaration: Declaration) -> type[EncoderSection]:
    """Section of one kind of encoder, with the options that its constructor declares."""
    name: Any = Literal[declaration.name]
    options: dict[str, Any] = {"name": (name, Field(declaration.name, description="Kind of network."))}
    options |= {option.name: _field(option) for option in declaration.options}
    section: type[EncoderSection] = create_model(
        f"{declaration.name.capitalize()}Encoder",
        __base__=EncoderSection,
        __doc__=declaration.summary,
        **options,
        separate=(bool, Field(False, description="One network for each parameter instead of one for all.")),
        positional=(list[str], Field([], description="Longitude and latitude layers, to be seen as waves (BINN).")),
        position_waves=(
            PositionWaves | None,
            Field(None, description="The position of a site seen too, as smooth random waves; null does without."),
        ),
        clip_sd=(
            ClipSd | None,
            Field(
                None,
                description="Standard deviations from the training mean beyond which a numeric covariate counts as that"
                " far; null does without.",
            ),
        ),
    )
    section.kind = declaration.name
    return section


def _field(option: Option) -> tuple[Any, Any]:
    """Type and default of an option; sequences are lists in a file."""
    if get_origin(option.type) is Sequence:
        return GenericAlias(list, get_args(option.type)), Field(list(option.default), description=option.description)
    return option.type, Field(option.default, description=option.description)


def encoder_type(declarations: Mapping[str, Declaration]) -> Any:
    """Type of the section `encoder`: the section of the kind that its `name` says, :data:`DEFAULT_ENCODER` without."""
    sections = [Annotated[section_of(declaration), Tag(name)] for name, declaration in declarations.items()]

    def check_kind(block: Any) -> Any:
        kind = _kind(block)
        if kind is None:
            raise ValueError("expected a mapping with the name of an encoder and its options")
        if not isinstance(kind, str) or kind not in declarations:
            names = list(declarations)
            raise ValueError(f"no encoder '{kind}'{nearest(str(kind), names)}; there are {names}")
        return block

    return Annotated[reduce(or_, sections), Discriminator(_kind), BeforeValidator(check_kind)]


def _kind(block: Any) -> Any:
    if isinstance(block, EncoderSection):
        return block.kind
    return block.get("name", DEFAULT_ENCODER) if isinstance(block, Mapping) else None


if TYPE_CHECKING:
    Encoder = EncoderSection
else:
    Encoder = encoder_type(declared_encoders())
