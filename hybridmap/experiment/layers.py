"""What a model must know of the layers of its region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from hybridmap.config import Build, Raster
from hybridmap.config.layers import CODED
from hybridmap.experiment.site_data import COVARIATE, FORCING, names_in
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.quantities import QUANTITIES, Quantity


@dataclass(frozen=True)
class ModelLayers:
    """What a model sees, and what it is compared with.

    Attributes
    ----------
    span_m : tuple of float
        Ends of the interval that is modelled, or that layers are taken from [m].
    root_beta : float or None
        Shape of the root profile where observations are layers of several depths, None for one interval.
    covariates, forcing : list of str
        Names, in the order of the table that the model learns from.
    categorical : dict of str to list of float
        Class codes of the covariates that are classes.
    units : dict of str to str
        Unit of every layer, so that a map from other units is refused.
    quantities : mapping of str to Quantity
        What the region measures, by name.
    """

    span_m: tuple[float, float]
    root_beta: float | None
    covariates: list[str]
    forcing: list[str]
    categorical: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=lambda: QUANTITIES)

    @classmethod
    def of_region(
        cls,
        build: Build,
        covariates: Sequence[Raster],
        forcing: Sequence[Raster],
        quantities: Mapping[str, Quantity] = QUANTITIES,
    ) -> ModelLayers:
        """Take the layers from a configuration.

        Parameters
        ----------
        build : Build
            With the target interval.
        covariates, forcing : sequence of Raster
            Layers of the cube.
        quantities : mapping of str to Quantity
            What the region measures, by name.

        Returns
        -------
        ModelLayers
            With one class of each categorical covariate, which stands for those that the sites will show.
        """
        ends = [] if build.layers is None else list(LAYER_INPUTS)
        return cls(
            (build.span_cm[0] / 100.0, build.span_cm[1] / 100.0),
            None if build.layers is None else build.layers.root_beta,
            [layer.name for layer in covariates],
            [*(layer.name for layer in forcing), *ends],
            {name: [0.0] for name in _categorical(covariates)},
            {**{layer.name: layer.unit for layer in (*covariates, *forcing)}, **dict.fromkeys(ends, "m")},
            quantities,
        )

    def at_sites(self, samples: pd.DataFrame) -> ModelLayers:
        """The same layers in the order of the samples, with the classes that occur at the sites."""
        return replace(
            self,
            covariates=names_in(samples, COVARIATE),
            forcing=names_in(samples, FORCING),
            categorical=_codes(self.categorical, samples),
        )


def class_codes(covariates: Sequence[Raster], samples: pd.DataFrame) -> dict[str, list[float]]:
    """Class codes at the sites of every categorical covariate."""
    return _codes(_categorical(covariates), samples)


def _categorical(covariates: Sequence[Raster]) -> list[str]:
    return [layer.name for layer in covariates if layer.kind in CODED]


def _codes(names: Sequence[str] | dict[str, list[float]], samples: pd.DataFrame) -> dict[str, list[float]]:
    return {name: sorted(float(v) for v in samples[COVARIATE + name].dropna().unique()) for name in names}
