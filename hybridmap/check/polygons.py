"""Files of polygons that a region names: mask, borders, regions of splits, totals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under
from hybridmap.grid.mask import read_named_polygons, read_polygons, region_mask
from hybridmap.grid.region_grid import RegionGrid


def polygon_checks(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    """A check for every file of polygons: its subject, and a function that says what it holds."""
    if config.grid.mask is not None:
        yield "grid.mask", partial(_mask, config)
    if config.boundaries is not None:
        yield "boundaries", partial(_boundaries, config)
    for split in config.splits:
        if split.polygons:
            regions = partial(_named, config, split.polygons, str(split.attribute), split.folds)
            yield f"split {split.name}", regions
    for total in config.totals:
        yield f"totals {total.name}", partial(_named, config, total.polygons, total.attribute, 1)


def _mask(config: Config) -> str:
    inside = region_mask(under(config.data_root, str(config.grid.mask)), RegionGrid.of(config.grid))
    return f"{int(inside.sum())} of {inside.size} cells"


def _boundaries(config: Config) -> str:
    path = under(config.data_root, str(config.boundaries))
    if not path.is_file():
        raise HybridmapError(f"no such file {path}; check the path and data_root.")
    if config.boundaries_attribute:
        return f"{len(read_named_polygons(path, config.boundaries_attribute, RegionGrid.of(config.grid)))} names"
    return f"{len(read_polygons(path, RegionGrid.of(config.grid)))} polygons in the region"


def _named(config: Config, polygons: str, attribute: str, least: int) -> str:
    """Check polygons that are told apart by an attribute; fewer than `least` are refused."""
    path = under(config.data_root, polygons)
    named = read_named_polygons(path, attribute, RegionGrid.of(config.grid))
    if len(named) < least:
        raise HybridmapError(
            f"{path}: {len(named)} values of '{attribute}' in the region, at least {least} are needed."
        )
    return f"{len(named)} polygons by '{attribute}'"
