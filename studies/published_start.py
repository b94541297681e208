"""The start of a KAN's weights in the published programs."""

from __future__ import annotations

import math

import torch
from torch import nn

from hybridmap.encoders.kan_layer import KANLayer

NOISE = 0.3
"""Range of the curves at the start, in grid cells (the published programs' `noise_scale`)."""


@torch.no_grad()
def start_as_published(encoder: nn.Module) -> None:
    """Draw the weights of every KAN layer anew in the size of pykan's, which ScIReN's programs use.

    Slopes are uniform up to 1 over the root of the number of inputs, ten times ours; curves begin near zero.

    Parameters
    ----------
    encoder : Module
        Changed in place.
    """
    for layer in encoder.modules():
        if not isinstance(layer, KANLayer):
            continue
        root = math.sqrt(layer.n_inputs)
        size = 0.5 * NOISE / layer.intervals / root
        layer.coefficients.uniform_(-size, size)
        if layer.base_weight is not None:
            layer.base_weight.uniform_(-1.0 / root, 1.0 / root)
