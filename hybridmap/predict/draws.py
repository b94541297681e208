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
Sampler = Callable[[Tensor, Forcing, Sequence[str]], Draws]
"""From covariates (site, covariate), forcing and names of outputs to their draws, each (site,)."""


def fast_members(
    folder: Path, source: UncertaintyOptions, precision: str, trust: bool = False, device: torch.device | None = None
) -> list[Model]:
    """The trained model ready to predict; of an ensemble or posterior all members, which are averaged.

    One by one: each fits the cache, where all together would not.

    Parameters
    ----------
    folder : Path
        Of the trained model.
    source : UncertaintyOptions
        Block of the experiment.
    precision : {"float32", "bfloat16"}
        Of the encoder.
    trust : bool
        As of :func:`hybridmap.model.storage.load_model`.
    device : torch.device, optional
        Where to predict; the CPU by default.

    Returns
    -------
    list of HybridModel or NetworkModel
        One, or each member.

    Raises
    ------
    HybridmapError
        If the model is no ensemble and the experiment asks for one.
    """
    if not source.has_members:
        return [make_fast(load_model(folder, trust).to(device), precision)]
    ensemble = load_members(folder, trust)
    if ensemble is None:
        raise HybridmapError(f"{folder}: only one member, the experiment asks for {source.draw_count}; train it again.")
    models = []
    for k in range(len(ensemble.standardise.mean)):
        model = load_model(folder, trust)
        model.load_state_dict(member_state(ensemble, k))
        models.append(make_fast(model.to(device), precision))
    return models


def dropout_sampler(folder: Path, model: Model, source: UncertaintyOptions, trust: bool = False) -> Sampler | None:
    """How to draw by dropout.

    Parameters
    ----------
    folder : Path
        Of the trained model.
    model : HybridModel or NetworkModel
        The same, made fast: its last call is the one that is drawn from.
    source : UncertaintyOptions
        Block of the experiment.
    trust : bool
        As of :func:`hybridmap.model.storage.load_model`.

    Returns
    -------
    Sampler or None
        None for another source of spread.
    """
    if source.method != "mc_dropout":
        return None
    plain = load_model(folder, trust).to(model.standardise.mean.device)
    last = source.layers == "last"
    if last and isinstance(model.encoder, FastEncoder):
        return _last_layer_sampler(model, model.encoder, plain, source.passes)

    def sample(covariates: Tensor, forcing: Forcing, names: Sequence[str]) -> Draws:
        draws = dropout_draws(plain, covariates, forcing, source.passes, last)
        return {name: list(draws[name]) for name in names}

    return sample


def _last_layer_sampler(model: Model, encoder: FastEncoder, plain: nn.Module, passes: int) -> Sampler:
    """Units of the last hidden layer left out: the trunk runs once, each pass is a head of its own."""
    dropout = [layer for layer in plain.encoder.modules() if isinstance(layer, Dropout)][-1]  # type: ignore[union-attr]
    heads = []
    for number in range(passes):
        dropout.step = number
        heads.append(encoder.weight * dropout.mask(1, encoder.weight.shape[1], encoder.weight.dtype))

    def sample(covariates: Tensor, forcing: Forcing, names: Sequence[str]) -> Draws:
        draws: Draws = {name: [] for name in names}
        for head in heads:
            outputs = model.decode(functional.linear(encoder.hidden, head, encoder.bias).float(), forcing).outputs
            for name in names:
                draws[name].append(outputs[name])
        return draws

    return sample


def central_interval(draws: Sequence[Tensor], level: float) -> tuple[Tensor, Tensor]:
    """Quantiles between which a share `level` of the draws lies, each (site,).

    Examples
    --------
    >>> lower, upper = central_interval([torch.tensor([float(k)]) for k in range(5)], 0.5)
    >>> float(lower), float(upper)
    (1.0, 3.0)
    """
    ordered = torch.stack(list(draws)).sort(dim=0).values
    quantiles = []
    for share in (0.5 * (1 - level), 0.5 * (1 + level)):
        position = share * (len(ordered) - 1)
        low = int(position)
        high = min(low + 1, len(ordered) - 1)
        quantiles.append(torch.lerp(ordered[low], ordered[high], position - low))
    return quantiles[0], quantiles[1]
