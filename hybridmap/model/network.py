"""The pure multi-task network, the baseline without a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hybridmap.encoders import MixedInputs, Standardise
from hybridmap.model.table_model import Run, TableModel
from hybridmap.process import ProcessModel
from hybridmap.quantities import QUANTITIES


class NetworkModel(TableModel):
    """Pure multi-task network: covariates (and forcing) straight to the targets; the baseline without a process.

    Parameters
    ----------
    encoder : nn.Module
        Standardised inputs (site, covariate + forcing) → raw targets (site, target).
    covariate_names, forcing_names, target_names : sequence of str
        Input columns in order, and outputs.
    """

    process: ProcessModel | None = None
    neural_names: tuple[str, ...] = ()
    shared_names: tuple[str, ...] = ()
    scale: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        covariate_names: Sequence[str],
        forcing_names: Sequence[str],
        target_names: Sequence[str],
        inputs: MixedInputs | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.inputs = inputs
        self.covariate_names = tuple(covariate_names)
        self.forcing_names = tuple(forcing_names)
        self.target_names = tuple(target_names)
        self.standardise = Standardise(len(self.covariate_names) + len(self.forcing_names))
        self.register_buffer("scale", torch.ones(len(self.target_names)))

    def encoder_inputs(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Covariates and forcing side by side, (..., site, covariate + forcing): what a hybrid model sees too."""
        return torch.cat([covariates, *(forcing[n][..., None] for n in self.forcing_names)], dim=-1)

    def fit_outputs(self, targets: Mapping[str, Tensor]) -> None:
        """Take the means of the observed targets (site,), NaN where not measured, as the scale of the outputs."""
        self.scale.copy_(torch.stack([targets[name].nanmean() for name in self.target_names]))

    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature), forcing included, and what it makes of it (..., site, target)."""
        features = self.features(self.encoder_inputs(covariates, forcing))
        return features, self.encoder(features)

    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From the encoder's output (..., site, target) to the targets; the encoder has seen the forcing."""
        # softplus(0.5413) = 1: the untrained network predicts the training mean.
        values = nn.functional.softplus(encoded + 0.5413) * self.scale[..., None, :]
        outputs = {name: values[..., i] for i, name in enumerate(self.target_names)}
        return Run(outputs, encoded[..., :0], encoded[..., :0])

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every target."""
        info = {
            name: (QUANTITIES[name].unit, QUANTITIES[name].title) if name in QUANTITIES else ("1", name)
            for name in self.target_names
        }
        return info | self._range_info()
