"""A synthetic region before its inputs are made: what it reads must be among what will be made, or be there."""

from __future__ import annotations

from pathlib import Path

from hybridmap.config import Config, ObservationSource, Raster
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derived_layers import inputs_of
from hybridmap.covariates.raster_source import is_remote, raster_name
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.paths import under
from hybridmap.observations.sources.opened_source import names_in
from hybridmap.testing.files import COLUMNS, RASTERS, TABLE


def check_demo_table(source: ObservationSource, data_root: str) -> str:
    """Check that a table, and the columns that are mapped, will be made.

    Raises
    ------
    HybridmapError
        With every column that will not, a line each.
    """
    path = under(data_root, source.path)
    if path.exists() or source.joins:
        return "a table beside those that are made"
    if path != under(data_root, TABLE):
        raise HybridmapError(f"path: no such table {path}; the synthetic region makes '{TABLE}'.")
    maps = source.layers or [{}]
    names = {name for layer in maps for column in {**source.columns, **layer}.values() for name in names_in(column)}
    names |= {*source.where, *source.exclude}
    if unknown := sorted(names - set(COLUMNS)):
        raise HybridmapError(
            "\n".join(
                f"no column '{name}'{nearest(name, COLUMNS)}; the table that is made has {list(COLUMNS)}."
                for name in unknown
            )
        )
    return "made by 'hybridmap demo'"


def check_demo_layer(layer: Raster, config: Config) -> str:
    """Check that the raster of a layer will be made; HybridmapError if not."""
    if layer.derive is not None:
        inputs_of(layer, RegionLayers.of(config))
        return f"{layer.derive.function} of a layer that is made"
    name = raster_name(layer, config.data_root)
    if is_remote(name) or (layer.path and Path(name).exists()):
        return "a raster beside those that are made"
    if layer.path not in RASTERS:
        raise HybridmapError(
            f"no such raster {name}{nearest(layer.path, RASTERS)}; the synthetic region makes {list(RASTERS)}."
        )
    return "made by 'hybridmap demo'"
