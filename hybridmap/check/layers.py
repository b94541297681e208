"""Values of rasters against the units that the region file and the process model give them."""

from __future__ import annotations

import math

import numpy as np

from hybridmap.config import Config, Raster
from hybridmap.covariates.raster_source import is_remote, open_source, raster_name, sampled_values
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.model import HybridModel, Model
from hybridmap.process import Variable

KELVIN = ("k", "kelvin", "degk")
CELSIUS = ("degc", "°c", "c", "celsius", "degrees celsius", "degree_celsius")
HOTTEST, COLDEST = 150.0, -90.0
"""Temperatures [degC] beyond those of any place: what is above is Kelvin, or scaled."""
MOST = 0.5
"""Share of the pixels that may lie outside the valid range of a forcing; more have another unit."""


def check_temperature(layer: Raster, grid: RegionGrid, data_root: str) -> None:
    """Refuse a layer in Kelvin with values of degrees Celsius, and the other way round.

    Parameters
    ----------
    layer : Raster
        A layer that is read from a file.
    grid : RegionGrid
        Of the region.
    data_root : str
        Folder that its path starts from.

    Raises
    ------
    HybridmapError
        Naming the layer, a value, and the keys that settle it.
    """
    unit = layer.unit.lower()
    if unit not in (*KELVIN, *CELSIUS) or layer.equals is not None or is_remote(raster_name(layer, data_root)):
        return
    values = _values(layer, grid, data_root)
    if not values.size:
        return
    middle, lowest = float(np.median(values)), float(values.min())
    place = f"layer '{layer.name}' ({raster_name(layer, data_root)})"
    if unit in KELVIN and lowest < 0:
        raise HybridmapError(
            f"{place}: unit {layer.unit}, but values down to {lowest:g}, which no temperature in Kelvin is; write unit:"
            " degC, or set scale and offset."
        )
    if unit in CELSIUS and not COLDEST < middle < HOTTEST:
        raise HybridmapError(
            f"{place}: unit {layer.unit}, but values around {middle:g}, which no place has; set scale and offset"
            " (offset: -273.15 from Kelvin), or give the unit that the values have."
        )


def check_forcing(config: Config, model: Model) -> None:
    """Hold forcing layers to the units and ranges that the process model declares.

    Parameters
    ----------
    config : Config
        Of the region.
    model : HybridModel or NetworkModel
        Untrained; one without a process takes any unit.

    Raises
    ------
    HybridmapError
        Naming the layer, and what the model expects.
    """
    if not isinstance(model, HybridModel) or model.process is None:
        return
    declared = {variable.name: variable for variable in model.process.forcing}
    is_made = config.demo is None or under(config.data_root, "made.json").is_file()
    for layer in config.forcing:
        variable = declared.get(layer.name)
        if variable is None:
            continue
        _check_unit(layer, variable)
        for raster in layer.rasters() if is_made and layer.derive is None else ():
            if not is_remote(raster_name(raster, config.data_root)):
                _check_range(raster, variable, RegionGrid.of(config.grid), config.data_root)


def check_scenarios(config: Config, model: Model) -> None:
    """Refuse a scenario that takes every possible value of a forcing out of the range that the model declares.

    Raises
    ------
    HybridmapError
        Naming the scenario, the forcing and the range.
    """
    if not isinstance(model, HybridModel) or model.process is None:
        return
    ranges = {v.name: (v.valid_range, v.unit) for v in model.process.forcing if v.valid_range is not None}
    for scenario, changes in config.predict.scenarios.items():
        for name, change in changes.items():
            (low, high), unit = ranges.get(name, ((-math.inf, math.inf), ""))
            lowest, highest = (change.multiply * value + change.add for value in (low, high))
            if name in ranges and (highest < low or lowest > high):
                raise HybridmapError(
                    f"scenarios.{scenario}.{name}: makes values from {lowest:g} to {highest:g}, the process model takes"
                    f" {low:g} to {high:g} {unit}; give a smaller change, in the unit of the forcing."
                )


def _check_unit(layer: Raster, variable: Variable) -> None:
    for of_layer, of_model in ((KELVIN, CELSIUS), (CELSIUS, KELVIN)):
        if layer.unit.lower() in of_layer and variable.unit.lower() in of_model:
            raise HybridmapError(
                f"forcing '{layer.name}' has unit {layer.unit}, the process model takes {variable.unit}; set scale and"
                f" offset of the layer, and unit: {variable.unit}."
            )


def _check_range(layer: Raster, variable: Variable, grid: RegionGrid, data_root: str) -> None:
    if variable.valid_range is None:
        return
    low, high = variable.valid_range
    try:
        values = _values(layer, grid, data_root)
    except HybridmapError:
        return  # its own check says what is wrong with the file
    if values.size and float(((values < low) | (values > high)).mean()) > MOST:
        raise HybridmapError(
            f"forcing '{layer.name}': values around {float(np.median(values)):g}, the process model expects {low:g} to"
            f" {high:g} {variable.unit}; set scale and offset of the layer."
        )


def _values(layer: Raster, grid: RegionGrid, data_root: str) -> np.ndarray:
    with open_source(layer, grid, data_root) as source:
        return sampled_values(source)
