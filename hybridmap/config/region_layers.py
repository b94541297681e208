"""The raster layers of a region and the grid that they are put on: what the cube is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridmap.config.exclusion import Exclusion
from hybridmap.config.grid import Grid
from hybridmap.config.layers import Raster
from hybridmap.config.region import Config
from hybridmap.files.paths import under


@dataclass(frozen=True)
class RegionLayers:
    """Layers of a region.

    Attributes
    ----------
    region, title : str
        Name of the region, and its title for people.
    data_root : str
        Folder that relative paths start from.
    grid : Grid
        Cells and mask.
    covariates, auxiliary, forcing : sequence of Raster
        What the network sees, what only other layers are derived from, and what drives the process model.
    exclude : sequence of Exclusion
        Land that is left out by its class.
    """

    region: str
    title: str
    data_root: str
    grid: Grid
    covariates: Sequence[Raster]
    auxiliary: Sequence[Raster]
    forcing: Sequence[Raster]
    exclude: Sequence[Exclusion] = ()

    @classmethod
    def of(cls, config: Config) -> RegionLayers:
        """Layers of a configuration."""
        title = config.title or config.region
        return cls(
            config.region, title, config.data_root, config.grid, config.covariates, config.auxiliary, config.forcing,
            config.exclude,
        )  # fmt: skip

    @property
    def mask(self) -> Path | None:
        """File of the polygons that the region is cut out by, if there is one."""
        return None if self.grid.mask is None else under(self.data_root, self.grid.mask)

    def by_key(self) -> dict[str, Raster]:
        """All rasters: auxiliary ones and covariates by their name, forcing as ``forcing.NAME``, each year by itself.

        Of a layer that changes, the key is that of the layer with the year behind, ``landcover@2006``.
        """
        return {
            f"{prefix}{raster.name}": raster
            for prefix, layers in (("", (*self.auxiliary, *self.covariates)), ("forcing.", self.forcing))
            for layer in layers
            for raster in layer.rasters()
        }

    def dated(self) -> dict[str, Raster]:
        """Covariates and forcing that change with time, by the keys of :meth:`by_key` without a year."""
        layers = {layer.name: layer for layer in self.covariates}
        layers |= {f"forcing.{layer.name}": layer for layer in self.forcing}
        return {key: layer for key, layer in layers.items() if layer.years}
