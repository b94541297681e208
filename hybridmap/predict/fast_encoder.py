"""Models made ready to predict: their encoders in the fast form that they offer."""

from __future__ import annotations

import torch

from hybridmap.encoders.interface import as_encoder
from hybridmap.encoders.registry import encoders_with_fast_form
from hybridmap.errors import HybridmapError
from hybridmap.model import Model


def make_fast(model: Model, precision: str = "float32") -> Model:
    """Return `model` with an encoder for prediction, changed in place.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        In evaluation mode.
    precision : {"float32", "bfloat16"}
        Of the encoder; bounds and process model keep theirs.

    Returns
    -------
    Model
        The same.

    Raises
    ------
    HybridmapError
        If the encoder has no fast form and the precision is not float32.
    """
    fast = as_encoder(model.encoder).fast(getattr(torch, precision))
    if fast is not None:
        model.encoder = fast
    elif precision != "float32":
        kinds = " or ".join(encoders_with_fast_form())
        raise HybridmapError(
            f"predict.precision: {precision} is for encoders of kind {kinds}, not {type(model.encoder).__name__}; use"
            " float32."
        )
    return model
