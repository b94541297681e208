"""Draws of the predictions of a map, from the members of an ensemble or from dropout, at the least cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from hybridmap.encoders.interface import FastEncoder
from hybridmap.encoders.layers import Dropout
from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.model.draws import dropout_draws
from hybridmap.model.members import member_state
from hybridmap.options import UncertaintyOptions
from hybridmap.predict.fast_encoder import make_fast
from hybridmap.train import load_members, load_model

Forcing = Mapping[str, Tensor]
Draws = dict[str, list[Tensor]]
Draw = Callable[[Tensor, Forcing, Sequence[str]], Draws]
"""From covariates (site, covariate), forcing and names of outputs to their draws, each (site,)."""


def fast_members(folder: Path, source: UncertaintyOptions, precision: str) -> list[Model]:
    """The trained model of `folder` ready to predict; of an ensemble all members, which are averaged.

    One by one: each fits the cache, where all together would not.
    """
    if source.method != "ensemble":
        return [make_fast(load_model(folder), precision)]
    together = load_members(folder)
    if together is None:
        raise HybridmapError(f"{folder}: only one member, the experiment asks for {source.members}; train it again.")
    models = []
    for k in range(len(together.standardise.mean)):
        one = load_model(folder)
        one.load_state_dict(member_state(together, k))
        models.append(make_fast(one, precision))
    return models


def dropout_drawing(folder: Path, model: Model, source: UncertaintyOptions) -> Draw | None:
    """How to draw by dropout, None for another source of spread.

    Parameters
    ----------
    folder : Path
        Of the trained model.
    model : Model
        The same, made fast: its last call is the one that is drawn from.
    source : UncertaintyOptions
        Block of the experiment.
    """
    if source.method != "mc_dropout":
        return None
    plain = load_model(folder)
    if source.layers == "last" and isinstance(model.encoder, FastEncoder):
        return _last_layer(model, model.encoder, plain, source.passes)
    last = source.layers == "last"

    def draw(covariates: Tensor, forcing: Forcing, names: Sequence[str]) -> Draws:
        drawn = dropout_draws(plain, covariates, forcing, source.passes, last)
        return {name: list(drawn[name]) for name in names}

    return draw


def _last_layer(model: Model, encoder: FastEncoder, plain: nn.Module, passes: int) -> Draw:
    """Units of the last hidden layer left out: the trunk runs once, each pass is a head of its own."""
    dropout = [layer for layer in plain.encoder.modules() if isinstance(layer, Dropout)][-1]  # type: ignore[union-attr]
    heads = []
    for number in range(passes):
        dropout.step = number
        heads.append(encoder.weight * dropout.mask(1, encoder.weight.shape[1], encoder.weight.dtype))

    def draw(covariates: Tensor, forcing: Forcing, names: Sequence[str]) -> Draws:
        found: Draws = {name: [] for name in names}
        for head in heads:
            out = model.decode(functional.linear(encoder.hidden, head, encoder.bias).float(), forcing).outputs
            for name in names:
                found[name].append(out[name])
        return found

    return draw


def ends(draws: Sequence[Tensor], level: float) -> tuple[Tensor, Tensor]:
    """Quantiles between which a share `level` of the draws lies, each (site,)."""
    ordered = torch.stack(list(draws)).sort(dim=0).values
    found = []
    for share in (0.5 * (1 - level), 0.5 * (1 + level)):
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        found.append(torch.lerp(ordered[low], ordered[high], place - low))
    return found[0], found[1]
