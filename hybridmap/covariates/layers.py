"""Every layer of a region on its grid, a file each: made in parallel, kept when another fails, renewed when changed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from hybridmap.config import Raster
from hybridmap.config.layer_years import RULES
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derived_layers import derived_strips, inputs_of
from hybridmap.covariates.layer_file import write_layer
from hybridmap.covariates.raster_source import raster_name
from hybridmap.covariates.warp import no_data, warp_strips
from hybridmap.errors import HybridmapError
from hybridmap.files.geotiff import is_cut_off
from hybridmap.files.reading import read_state
from hybridmap.files.sources import MEMORY, Digests
from hybridmap.files.sums import sum_of
from hybridmap.files.tables import write_state
from hybridmap.grid.lock import WriterLock
from hybridmap.grid.mask import region_mask
from hybridmap.grid.region_grid import RegionGrid

LOG = logging.getLogger("hybridmap")
VERSION = 3
"""Raised when the same settings give other numbers than before."""
CACHE_BYTES = 256 << 20
"""Decoded blocks of rasters that are kept, of all layers together; rasterio takes the number for bytes, not for MB."""
NO_MATTER = {"description", "licence", "unit", "group", "years", *RULES}
"""Keys of a layer that change none of its numbers; of one that has years, those of each year are another layer's."""
NOT_OF_THE_CUBE = ("fingerprint", "inputs", "sum")
"""What only the making of a layer needs of its record."""
Inputs = Mapping[str, list[str]]
"""Argument of a derived layer → keys of the layers that it is computed from."""


@dataclass(frozen=True)
class PreparedLayer:
    """One layer on the grid.

    Attributes
    ----------
    path : Path
        GeoTIFF, float32, NaN where missing.
    record : dict
        Provenance and statistics, and a fingerprint of what it was made from.
    """

    path: Path
    record: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """Provenance and statistics, without what only the making needs."""
        return {key: value for key, value in self.record.items() if key not in NOT_OF_THE_CUBE}


@dataclass(frozen=True)
class _Preparation:
    """What the making of each layer needs: the grid, its mask, the folder, and the layers that are ready."""

    layers: RegionLayers
    grid: RegionGrid
    inside: NDArray[np.bool_]
    mask: str
    folder: Path
    ready: dict[str, PreparedLayer]
    digests: Digests

    def digest(self, layer: Raster) -> str:
        """Digest of the files that a layer is read from."""
        return self.digests.of([raster_name(layer, self.layers.data_root)])


def prepare_layers(layers: RegionLayers, folder: Path, workers: int = 0) -> dict[str, PreparedLayer]:
    """Warp or derive every covariate, forcing and auxiliary layer into `folder`.

    Layers that are there already, made with the same settings from files of the same content, are kept.

    Parameters
    ----------
    layers : RegionLayers
        The layers and their grid.
    folder : Path
        Gets ``{name}.tif`` and, last, ``{name}.json``.
    workers : int
        Layers at a time; 0 takes all cores given to the process.

    Returns
    -------
    dict of str to PreparedLayer
        By the keys of :meth:`RegionLayers.by_key`.

    Raises
    ------
    HybridmapError
        Once, naming every layer that failed; the others are ready and stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with WriterLock(folder / "layers.lock", folder).hold():
        return _prepare_all(layers, folder, workers)


def _prepare_all(layers: RegionLayers, folder: Path, workers: int) -> dict[str, PreparedLayer]:
    grid, digests = RegionGrid.of(layers.grid), Digests(folder.parent / MEMORY)
    mask = digests.of([str(layers.mask)] if layers.mask else [])
    preparation = _Preparation(layers, grid, region_mask(layers.mask, grid), mask, folder, {}, digests)
    by_key, errors = layers.by_key(), []
    read = {key: layer for key, layer in by_key.items() if layer.derive is None}
    derived = {key: layer for key, layer in by_key.items() if layer.derive is not None}
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for wave in (read, derived):
            jobs = {key: pool.submit(_prepare, preparation, key, layer) for key, layer in wave.items()}
            for key, job in jobs.items():
                try:
                    preparation.ready[key] = job.result()
                except HybridmapError as error:
                    errors.append(str(error))
    if errors:
        rest = f" ({len(preparation.ready)} of {len(by_key)} layers are done and kept)" if len(by_key) > 1 else ""
        raise HybridmapError(" ".join(errors) + rest)
    return preparation.ready


def _prepare(preparation: _Preparation, key: str, layer: Raster) -> PreparedLayer:
    """The layer as it is in the folder, if it was made from the same, else made."""
    path, receipt = preparation.folder / f"{key}.tif", preparation.folder / f"{key}.json"
    inputs = {} if layer.derive is None else inputs_of(layer, preparation.layers)
    if failed := [name for names in inputs.values() for name in names if name not in preparation.ready]:
        raise HybridmapError(f"layer '{layer.name}': cannot be derived, because '{failed[0]}' failed.")
    fingerprint = _fingerprint(preparation, layer, inputs)
    provenance = _provenance(layer, preparation)
    noted = _noted(receipt)
    if noted.get("fingerprint") == fingerprint and path.is_file() and sum_of(path) == noted.get("sum"):
        record = {**noted, **provenance}
        if record != noted:  # a unit, a description or a licence was changed
            write_state(record, receipt)
        return PreparedLayer(path, record)
    receipt.unlink(missing_ok=True)
    statistics = _make(preparation, path, layer, inputs)
    record = {**provenance, **statistics, "inputs": inputs, "fingerprint": fingerprint, "sum": sum_of(path)}
    write_state(record, receipt)
    low, high = statistics["minimum"], statistics["maximum"]
    LOG.info("layer %s: %d cells, %.4g to %.4g %s", layer.name, statistics["cells"], low, high, layer.unit)
    return PreparedLayer(path, record)


def _noted(receipt: Path) -> dict[str, Any]:
    """The record of a layer that is there; empty if there is none that is whole."""
    try:
        return read_state(receipt)
    except HybridmapError:
        return {}


def _make(preparation: _Preparation, path: Path, layer: Raster, inputs: Inputs) -> dict[str, Any]:
    """Write the file of a layer, whole or not at all; returns its statistics."""
    partial = path.with_suffix(".partial.tif")
    if layer.derive is None:
        strips = warp_strips(layer, preparation.grid, preparation.layers.data_root)
    else:
        paths = {argument: [preparation.ready[name].path for name in names] for argument, names in inputs.items()}
        strips = derived_strips(layer.derive.function, paths, preparation.grid)
    try:
        statistics = write_layer(partial, strips, layer, preparation.grid, preparation.inside)
        if not statistics["cells"]:
            raise no_data(f"layer '{layer.name}' ({layer.path or 'derived'})")
        if is_cut_off(partial):
            raise HybridmapError(f"{path}: cannot be written whole; is the disk full? Make room and run again.")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return statistics


def _fingerprint(preparation: _Preparation, layer: Raster, inputs: Inputs) -> str:
    """Settings, grid, and digests of mask and files that a layer was made from."""
    if layer.derive is not None:
        state: Any = [preparation.ready[name].record["fingerprint"] for names in inputs.values() for name in names]
    else:
        state = preparation.digest(layer)
    settings = layer.model_dump(mode="json", exclude=NO_MATTER)
    if settings["year"] is None:  # as it was before there were any
        del settings["year"]
    grid = preparation.layers.grid.model_dump(mode="json")
    return json.dumps([VERSION, settings, grid, preparation.mask, state], sort_keys=True)


def _provenance(layer: Raster, preparation: _Preparation) -> dict[str, Any]:
    """What a layer is and where it comes from."""
    provenance = {
        "name": layer.name,
        "units": layer.unit,
        "long_name": layer.description or layer.name,
        "kind": layer.kind,
        "path": layer.path,
        "licence": layer.licence,
        "missing": layer.missing,
    }
    if layer.derive is not None:
        return {**provenance, "derived": layer.derive.function}
    name = raster_name(layer, preparation.layers.data_root)
    return provenance if name.startswith("/vsi") else {**provenance, "sha256": preparation.digests.of_path(Path(name))}
