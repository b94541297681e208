"""Encoders by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import torch

from hybridmap.encoders.declarations import declared_encoders
from hybridmap.encoders.interface import EmptyEncoder, Encoder
from hybridmap.encoders.separate import Separate

MOST_WEIGHTS = 10**9
"""Weights of a network, 4 GB of memory and four times as much in training; soils need some thousand."""
INPUT_KEYS = ("name", "separate", "positional", "position_waves", "clip_sd")
"""Keys of an encoder's block that its constructor does not take."""


def list_encoders() -> list[str]:
    """Return the names that :func:`get_encoder` accepts, sorted.

    Examples
    --------
    >>> list_encoders()
    ['kan', 'linear', 'mlp', 'nam']
    """
    return list(declared_encoders())


def get_encoder(name: str) -> type[Encoder]:
    """Return the class of the encoder called `name`; ValueError if there is none."""
    declarations = declared_encoders()
    if name not in declarations:
        raise ValueError(f"no encoder '{name}'; there are {list(declarations)}.")
    declaration = declarations[name]
    encoder_class: type[Encoder] = getattr(importlib.import_module(declaration.module), declaration.class_name)
    return encoder_class


def encoders_with(regulariser: str) -> list[str]:
    """Names of the encoders that offer a penalty, sorted."""
    return [name for name in list_encoders() if regulariser in get_encoder(name).regularisers]


def encoders_with_fast_form() -> list[str]:
    """Names of the encoders that have a form for prediction alone, sorted."""
    return [name for name in list_encoders() if get_encoder(name).fast is not Encoder.fast]


def build_encoder(block: Mapping[str, Any], n_inputs: int, n_outputs: int) -> Encoder:
    """Build an encoder from its block of a specification.

    Parameters
    ----------
    block : mapping
        Name, options, and optionally ``separate`` (one network an output), ``positional``, ``position_waves`` and
        ``clip_sd`` (not used here).
    n_inputs, n_outputs : int
        Numbers of features and of raw outputs; without outputs there is nothing to build.

    Returns
    -------
    Encoder

    Raises
    ------
    ValueError
        If there is no such encoder, it refuses an option, or its weights would fill any memory.
    """
    encoder_class = get_encoder(block["name"])
    options = {key: value for key, value in block.items() if key not in INPUT_KEYS}
    if not n_outputs:
        return EmptyEncoder()

    def build() -> Encoder:
        if block.get("separate"):
            return Separate([encoder_class(n_inputs, 1, **options) for _ in range(n_outputs)])
        return encoder_class(n_inputs, n_outputs, **options)

    try:
        with torch.device("meta"):  # shapes alone, without memory
            weights = sum(weight.numel() for weight in build().parameters())
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"encoder '{block['name']}': {weights:.1e} weights; at most {MOST_WEIGHTS:.0e}, so give fewer units."
            )
        return build()
    except TypeError as error:
        raise ValueError(f"encoder '{block['name']}': {error}.") from error
