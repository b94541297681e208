"""Every layer of a region on its grid, a file each: made in parallel, kept when another fails, renewed when changed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import distance_transform_edt

from hybridmap.config import Config, Raster
from hybridmap.covariates.derive import BIOCLIM, MONTHLY, TERRAIN, bioclim, check_function, terrain
from hybridmap.covariates.raster_source import is_remote, raster_name
from hybridmap.covariates.warp import STRIP, no_data, warp_strips
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.digest import sha256_of
from hybridmap.files.geotiff import is_cut_off
from hybridmap.files.tables import write_json
from hybridmap.grid.mask import region_mask
from hybridmap.grid.region_grid import RegionGrid

LOG = logging.getLogger("hybridmap")
VERSION = 1
"""Raised when the same settings give other numbers than before."""
BLOCK = 256
"""Edge of the blocks in the files."""
SEARCH = 100
"""Cells within which the nearest value is looked for."""
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """One layer on the grid.

    Attributes
    ----------
    path : Path
        GeoTIFF, float32, NaN where missing.
    about : dict
        Provenance and statistics.
    """

    path: Path
    about: dict[str, Any]


def prepare_layers(config: Config, folder: Path, workers: int = 0) -> dict[str, Prepared]:
    """Warp or derive every covariate, forcing and auxiliary layer into `folder`.

    Layers that are there already, made with the same settings from the same file, are kept.

    Parameters
    ----------
    config : Config
        The region.
    folder : Path
        Gets ``{name}.tif`` and, last, ``{name}.json``.
    workers : int
        Layers at a time; 0 takes all cores given to the process.

    Returns
    -------
    dict of str to Prepared
        By the keys of :func:`keyed_layers`.

    Raises
    ------
    HybridmapError
        Once, naming every layer that failed; the others are done and stay.
    """
    grid, inside = RegionGrid.of(config.grid), region_mask(config, RegionGrid.of(config.grid))
    layers = keyed_layers(config)
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[str, Prepared] = {}
    wrong: list[str] = []
    threads = workers or len(os.sched_getaffinity(0))
    plain = {key: layer for key, layer in layers.items() if layer.derive is None}
    derived = {key: layer for key, layer in layers.items() if layer.derive is not None}
    with rasterio.Env(GDAL_CACHEMAX=256), ThreadPoolExecutor(threads) as pool:
        for wave in (plain, derived):
            jobs = {k: pool.submit(_prepare, config, k, layer, grid, inside, folder, done) for k, layer in wave.items()}
            for key, job in jobs.items():
                try:
                    done[key] = job.result()
                except HybridmapError as error:
                    wrong.append(str(error))
    if wrong:
        kept = f" ({len(done)} of {len(layers)} layers are done and kept)" if len(layers) > 1 else ""
        raise HybridmapError(" ".join(wrong) + kept)
    return done


def keyed_layers(config: Config) -> dict[str, Raster]:
    """All layers of a region: auxiliary ones and covariates by their name, forcing as ``forcing.NAME``."""
    layers = {layer.name: layer for layer in (*config.auxiliary, *config.covariates)}
    return {**layers, **{f"forcing.{layer.name}": layer for layer in config.forcing}}


def inputs_of(config: Config, layer: Raster) -> dict[str, list[str]]:
    """Keys of the layers that a derived one is computed from, by the name of the argument.

    Raises
    ------
    HybridmapError
        If the function is unknown, or a layer that it needs is not declared or has not twelve months.
    """
    assert layer.derive is not None
    what = f"layer '{layer.name}'"
    known: dict[str, str] = {}
    groups: dict[tuple[str, bool], list[str]] = {}
    for key, other in reversed(keyed_layers(config).items()):  # a covariate goes before a forcing of the same name
        if other.derive is None:
            known[other.name] = key
    for key, other in keyed_layers(config).items():
        if other.group:
            groups.setdefault((other.group, key.partition(".")[0] == "forcing"), []).append(key)
    months = {name: keys for (name, _), keys in reversed(groups.items()) if len(keys) == 12}
    check_function(layer.derive.function, layer.derive.of, what)
    wanted = {"of": layer.derive.of} if isinstance(layer.derive.of, str) else layer.derive.of
    monthly = layer.derive.function not in TERRAIN
    found = {}
    for argument, name in wanted.items():
        if monthly and name in months:
            found[argument] = months[name]
        elif not monthly and name in known:
            found[argument] = [known[name]]
        else:
            kind = "monthly layer" if monthly else "layer"
            choices = list(months if monthly else known)
            raise HybridmapError(
                f"{what}: no {kind} '{name}' to derive it from{nearest(name, choices)}; there are {choices}. Declare it"
                " under covariates, forcing or auxiliary" + (" with 'months: true'." if monthly else ".")
            )
    return found


def _prepare(
    config: Config,
    key: str,
    layer: Raster,
    grid: RegionGrid,
    inside: NDArray[np.bool_],
    folder: Path,
    done: dict[str, Prepared],
) -> Prepared:
    path, receipt = folder / f"{key}.tif", folder / f"{key}.json"
    inputs: dict[str, list[str]] = {}
    if layer.derive is not None:
        inputs = inputs_of(config, layer)
        if lost := [n for ns in inputs.values() for n in ns if n not in done]:
            raise HybridmapError(f"layer '{layer.name}': cannot be derived, because '{lost[0]}' failed.")
    fingerprint = _fingerprint(config, layer, inputs, done)
    if path.is_file() and receipt.is_file():
        about = json.loads(receipt.read_text(encoding="utf-8"))
        if about["fingerprint"] == fingerprint:
            return Prepared(path, about)
    receipt.unlink(missing_ok=True)
    partial = folder / f"{key}.partial.tif"
    strips = warp_strips(config, layer, grid) if layer.derive is None else _derived(layer, inputs, done, grid)
    try:
        found = _write(partial, strips, layer, grid, inside)
        if not found["cells"]:
            raise no_data(f"layer '{layer.name}' ({layer.path or 'derived'})")
        if is_cut_off(partial):
            raise HybridmapError(f"{path}: cannot be written whole; is the disk full? Make room and run again.")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    about = {**_about(config, layer), **found, "inputs": inputs, "fingerprint": fingerprint}
    write_json(about, receipt)
    LOG.info(
        "layer %s: %d cells, %.4g to %.4g %s",
        layer.name,
        found["cells"],
        found["minimum"],
        found["maximum"],
        layer.unit,
    )
    return Prepared(path, about)


def _write(
    path: Path, strips: Iterator[tuple[int, Field]], layer: Raster, grid: RegionGrid, inside: NDArray[np.bool_]
) -> dict[str, Any]:
    """Write strips as they come; fill what is missing if the layer says how; return statistics inside the mask."""
    profile = {"driver": "GTiff", "width": grid.width, "height": grid.height, "count": 1, "dtype": "float32"}
    packed = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "zstd", "zstd_level": 1}
    low, high, cells, total = np.inf, -np.inf, 0, 0.0
    with rasterio.open(
        path,
        "w",
        crs=grid.crs.to_wkt(),
        transform=grid.transform(),
        nodata=np.nan,
        BIGTIFF="IF_SAFER",
        **profile,
        **packed,
    ) as file:
        file.set_band_description(1, layer.name)
        file.update_tags(1, units=layer.unit)
        if layer.missing != "drop":
            strips = _filled(strips, layer, grid, inside)
        for row, strip in strips:
            strip[~inside[row : row + len(strip)]] = np.nan
            file.write(strip, 1, window=Window(0, row, grid.width, len(strip)))
            known = strip[np.isfinite(strip)]
            if known.size:
                low, high = min(low, float(known.min())), max(high, float(known.max()))
                cells, total = cells + known.size, total + float(known.sum(dtype=np.float64))
    mean = total / cells if cells else float("nan")
    return {"minimum": low, "maximum": high, "mean": mean, "cells": cells, "missing_cells": int(inside.sum()) - cells}


def _filled(
    strips: Iterator[tuple[int, Field]], layer: Raster, grid: RegionGrid, inside: NDArray[np.bool_]
) -> Iterator[tuple[int, Field]]:
    """The whole layer with missing cells filled; it is in memory for this."""
    whole = np.concatenate([strip for _, strip in strips])
    lost = np.isnan(whole) & inside
    if lost.any() and not lost.all():
        if layer.missing == "median":
            whole[lost] = np.float32(np.nanmedian(whole[inside]))
        elif layer.missing == "nearest":
            away, at = distance_transform_edt(np.isnan(whole), return_indices=True)
            reached = lost & (away <= SEARCH)
            whole[reached] = whole[tuple(index[reached] for index in at)]
        else:
            whole[lost] = np.float32(layer.missing)
        LOG.info("layer %s: %d missing cells filled (%s)", layer.name, int(lost.sum()), layer.missing)
    for row in range(0, grid.height, STRIP):
        yield row, whole[row : row + STRIP]


def _derived(
    layer: Raster, inputs: dict[str, list[str]], done: dict[str, Prepared], grid: RegionGrid
) -> Iterator[tuple[int, Field]]:
    assert layer.derive is not None
    function = layer.derive.function
    opened = {argument: [rasterio.open(done[n].path) for n in names] for argument, names in inputs.items()}
    try:
        for row in range(0, grid.height, STRIP):
            rows = min(STRIP, grid.height - row)
            if function in TERRAIN:
                height = np.full((rows + 2, grid.width + 2), np.nan, dtype="float32")
                first, last = max(0, row - 1), min(grid.height, row + rows + 1)
                window = Window(0, first, grid.width, last - first)
                height[first - row + 1 : last - row + 1, 1:-1] = opened["of"][0].read(1, window=window)
                values = terrain(function, height, grid, row)
            else:
                window = Window(0, row, grid.width, rows)
                months = {a: np.stack([f.read(1, window=window) for f in files]) for a, files in opened.items()}
                values = bioclim(function, **months) if function in BIOCLIM else MONTHLY[function](months["of"])
            yield row, values.astype("float32")
    finally:
        for files in opened.values():
            for file in files:
                file.close()


def _fingerprint(config: Config, layer: Raster, inputs: dict[str, list[str]], done: dict[str, Prepared]) -> str:
    """Settings, grid and state of the file that a layer was made from."""
    if layer.derive is not None:
        state: Any = [done[n].about["fingerprint"] for names in inputs.values() for n in names]
    else:
        name = raster_name(config, layer)
        file = Path(name)
        state = [name] if is_remote(name) or not file.exists() else [file.stat().st_size, file.stat().st_mtime_ns]
    keep = layer.model_dump(mode="json", exclude={"description", "licence", "unit", "group"})
    return json.dumps([VERSION, keep, config.grid.model_dump(mode="json"), state], sort_keys=True)


def _about(config: Config, layer: Raster) -> dict[str, Any]:
    """What a layer is and where it comes from."""
    about = {
        "name": layer.name,
        "units": layer.unit,
        "long_name": layer.description or layer.name,
        "kind": layer.kind,
        "path": layer.path,
        "licence": layer.licence,
        "missing": layer.missing,
    }
    if layer.derive is not None:
        return {**about, "derived": layer.derive.function}
    name = raster_name(config, layer)
    return about if name.startswith("/vsi") else {**about, "sha256": sha256_of(Path(name))}
