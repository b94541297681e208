"""What organic matter does to the mass and the pores of a soil: volumes of mineral and organic matter add up."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

OM_PER_OC = 1.724
"""Mass of organic matter per mass of organic carbon, the factor of van Bemmelen."""
MINERAL_PARTICLES, ORGANIC_PARTICLES = 2.65, 1.4
"""Density [g cm-3] of the particles of quartz, and of organic matter."""


class Mixture(NamedTuple):
    """A soil of mineral and organic matter.

    Attributes
    ----------
    bulk_density : Tensor, shape (site,)
        Mass per volume [g cm-3].
    organic_matter : Tensor, shape (site,)
        Organic matter as a share of the mass.
    """

    bulk_density: Tensor
    organic_matter: Tensor

    @property
    def organic_mass(self) -> Tensor:
        """Mass of organic matter per volume [g cm-3], (site,)."""
        return self.bulk_density * self.organic_matter

    @property
    def porosity(self) -> Tensor:
        """Volume that particles leave free as a share of the soil, (site,)."""
        mineral_mass = self.bulk_density - self.organic_mass
        return 1.0 - mineral_mass / MINERAL_PARTICLES - self.organic_mass / ORGANIC_PARTICLES


def mixture_of_content(oc: Tensor, mineral: Tensor, organic: Tensor) -> Mixture:
    """Mixture at a content of organic carbon.

    Adams (1973, doi 10.1111/j.1365-2389.1973.tb00737.x), Federer et al. (1993, doi 10.1139/x93-131):
    1 / bulk density = om / organic + (1 - om) / mineral.

    Parameters
    ----------
    oc : Tensor, shape (site,)
        Organic carbon of the fine earth [g kg-1].
    mineral, organic : Tensor, shape (site,) or ()
        Bulk density [g cm-3] of matter that is all mineral, and all organic.

    Returns
    -------
    Mixture

    Examples
    --------
    >>> soil = mixture_of_content(torch.tensor([0.0, 20.0]), torch.tensor(1.45), torch.tensor(0.11))
    >>> soil.bulk_density.round(decimals=3), soil.porosity.round(decimals=3)
    (tensor([1.4500, 1.0210]), tensor([0.4530, 0.6030]))
    """
    share = (OM_PER_OC * 1e-3 * oc).clamp(max=1.0)
    return Mixture(1.0 / (share / organic + (1.0 - share) / mineral), share)


def mixture_of_density(soc: Tensor, mineral: Tensor, organic: Tensor) -> Mixture:
    """Mixture at a density of organic carbon: the same law, solved for the mass per volume.

    Parameters
    ----------
    soc : Tensor, shape (site,)
        Organic carbon per volume [kg m-3]; what is more than in matter that is all organic counts as that.
    mineral, organic : Tensor, shape (site,) or ()
        As for :func:`mixture_of_content`.

    Returns
    -------
    Mixture

    Examples
    --------
    >>> ends = torch.tensor(1.45), torch.tensor(0.11)
    >>> by_content = mixture_of_content(torch.tensor([20.0]), *ends)
    >>> by_density = mixture_of_density(20.0 * by_content.bulk_density, *ends)
    >>> torch.testing.assert_close(by_density.organic_matter, by_content.organic_matter)
    """
    mass = torch.minimum(OM_PER_OC * 1e-3 * soc, organic)
    bulk_density = mass + mineral * (1.0 - mass / organic)
    return Mixture(bulk_density, mass / bulk_density)
