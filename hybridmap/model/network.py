"""The pure multi-task network, the baseline without a process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from hybridmap.encoders import MixedInputs, Standardise
from hybridmap.model.spread_head import SpreadHead
from hybridmap.model.table_model import Run, TableModel
from hybridmap.process import ProcessModel


class NetworkModel(TableModel):
    """Pure multi-task network: covariates (and forcing) straight to the targets; the baseline without a process.

    Parameters
    ----------
    encoder : nn.Module
        Standardised inputs (site, covariate + forcing) → raw targets (site, target).
    covariate_names, forcing_names, target_names : sequence of str
        Input columns in order, the position last if it is seen, and outputs.
    inputs : MixedInputs, optional
        Treatment of classes and coordinates.
    signed : collection of str
        Targets that may be negative: linear in what the encoder gives, instead of positive.
    heads : sequence of str
        Further outputs of the encoder, see :class:`~hybridmap.model.spread_head.SpreadHead`.
    """

    process: ProcessModel | None = None
    neural_names: tuple[str, ...] = ()
    shared_names: tuple[str, ...] = ()
    scale: Tensor
    middle: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        covariate_names: Sequence[str],
        forcing_names: Sequence[str],
        target_names: Sequence[str],
        inputs: MixedInputs | None = None,
        signed: Collection[str] = (),
        heads: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.inputs = inputs
        self.covariate_names = tuple(covariate_names)
        self.forcing_names = tuple(forcing_names)
        self.target_names = tuple(target_names)
        self.heads = SpreadHead(heads, self.target_names)
        self.standardise = Standardise(len(self.covariate_names) + len(self.forcing_names))
        self.register_buffer("scale", torch.ones(len(self.target_names)))
        self.is_signed = torch.tensor([name in signed for name in self.target_names])
        if self.is_signed.any():
            self.register_buffer("middle", torch.zeros(len(self.target_names)))

    def encoder_inputs(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Covariates and forcing side by side, (..., site, covariate + forcing): what a hybrid model sees too."""
        return torch.cat([covariates, *(forcing[n][..., None] for n in self.forcing_names)], dim=-1)

    def fit_outputs(self, targets: Mapping[str, Tensor]) -> None:
        """Take the scale of the outputs from the observed targets (site,), NaN where not measured.

        Their mean; of targets that may be negative their spread, around their mean.
        """
        self.heads.fit(targets)
        means = torch.stack([targets[name].nanmean() for name in self.target_names])
        if not self.is_signed.any():
            self.scale.copy_(means)
            return
        spreads = torch.stack([_spread(targets[name]) for name in self.target_names])
        self.middle.copy_(means)
        self.scale.copy_(torch.where(self.is_signed.to(means.device), spreads, means))

    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature), forcing included, and what it makes of it (..., site, target)."""
        features = self.features(self.encoder_inputs(covariates, forcing))
        return features, self.encoder(features)

    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From the encoder's output (..., site, target) to the targets; the encoder has seen the forcing."""
        heads = self.heads.outputs(encoded[..., len(self.target_names) :])
        encoded = encoded[..., : len(self.target_names)]
        # softplus(0.5413) = 1: the untrained network predicts the training mean.
        values = nn.functional.softplus(encoded + 0.5413) * self.scale[..., None, :]
        if self.is_signed.any():
            linear = self.middle[..., None, :] + encoded * self.scale[..., None, :]
            values = torch.where(self.is_signed.to(encoded.device), linear, values)
        outputs = {name: values[..., i] for i, name in enumerate(self.target_names)}
        return Run(outputs | heads, encoded[..., :0], encoded[..., :0])

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every target."""
        quantities = self.quantities
        info = {
            name: (quantities[name].unit, quantities[name].title) if name in quantities else ("1", name)
            for name in self.target_names
        }
        return info | self._range_info()


def _spread(values: Tensor) -> Tensor:
    """Standard deviation of the known values (site,); 1 where they are all equal, or none is known."""
    numbers = values[~torch.isnan(values)]
    spread = numbers.std(correction=0) if len(numbers) else values.new_zeros(())
    return torch.where(spread > 0, spread, torch.ones_like(spread))
