"""Maps of intervals: quantiles of draws, or calibrated on held-out blocks; and the spread that they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import pandas as pd
import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.strata import depth_class
from hybridmap.model import HybridModel
from hybridmap.model.draws import ends_for_another, within_bounds
from hybridmap.predict.calibration import MapRule, calibrated_rules
from hybridmap.predict.draws import central_interval
from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.kinds.derived import Stock, part_of, stock_to, stocks_of, stocks_to
from hybridmap.predict.map_layers import DENSITY, PARAMETER, MapLayer, label_of
from hybridmap.predict.portrayal import Portrayal


class IntervalMaps(MapKind):
    """Lower and upper ends of the maps in ``predict.interval_of``, and their standard deviation where there are draws.

    Raises
    ------
    HybridmapError
        If there is no map of such a name, or no calibration that fits it.
    """

    needs_extent: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.method = source.recipe.predict.intervals
        self.names = () if self.method == "none" else _names(source)
        self.has_heads = source.recipe.uncertainty.method == "head"
        if self.method == "spread" and not (source.has_spread or self.has_heads):
            self.names = ()
        elif self.method != "none":
            absent = [name for name in source.recipe.predict.interval_of if name not in source.model_maps]
            self.notes = tuple(f"no interval of '{name}': this model has no such map" for name in absent)
        self.rules: dict[str, MapRule] = {}
        if self.method == "conformal" and self.names:
            self.rules = self._calibrated()
        if self.has_heads:  # they are of targets alone
            self.names = tuple(name for name in self.names if name in source.model.target_names)
        self.drawn_outputs = () if self.has_heads else tuple(source.model_maps[name].output for name in self.names)

    def _calibrated(self) -> dict[str, MapRule]:
        """Rule of every map, as the evaluation found it."""
        recipe, interval, targets = self.source.recipe, self.source.interval, self.source.model.target_names
        if recipe.uncertainty.groups == "landcover":
            note = "intervals are not by land cover, which maps do not know: they take the factor of all samples"
            self.notes = (*self.notes, note)
        depth = depth_class(pd.Series([interval.top_cm]), pd.Series([interval.bottom_cm])).iloc[0]
        ruled = (n for n in self.names if not self._is_of_posterior(n))
        is_target = {name: name in targets for name in ruled}
        return calibrated_rules(recipe.calibration, recipe.uncertainty, is_target, depth)

    def layers(self) -> dict[str, MapLayer]:
        """Two or three maps for each name."""
        level = self.source.recipe.uncertainty.level
        layers: dict[str, MapLayer] = {}
        for name in self.names:
            layer = self.source.model_maps[name].layer
            about = {"interval_level": level, "interval_source": self._source_text(name)}
            title = f"Width of the {label_of(name, self.source.model.quantities)} interval"
            texts = {"sd": "standard deviation of"} if self.source.has_spread else {}
            texts |= {end: f"{end} end of the {100 * level:g} % interval of" for end in ("lower", "upper")}
            for role, text in texts.items():
                portrayal = Portrayal("interval", title, subject=name, role=role)  # type: ignore[arg-type]
                description = f"{text} {layer.description}"
                layers[f"{name}_{role}"] = MapLayer(
                    layer.unit, description, about=about, portrayal=portrayal, has_depth=layer.has_depth
                )
            layers |= {
                f"{to}_{end}": stock_to(f"{texts[end]} {stock.title}", bottom, about)
                for stock, to, bottom in self._stocks_of(name)
                for end in ("lower", "upper")
            }
        return layers

    def _stocks_of(self, name: str) -> list[tuple[Stock, str, int]]:
        """Stocks to 30 and 100 cm that a density makes, with the name of the map and its depth [cm]."""
        return [
            (stock, to, bottom)
            for stock_map, stock in stocks_of(self.source).items()
            if stock.output == name
            for to, bottom in stocks_to(stock_map, self.source).items()
        ]

    def values(self, batch: Batch) -> Maps:
        """Ends around the map that they belong to, farther from it where larger errors are expected."""
        maps: Maps = {}
        for name in self.names:
            output = self.source.model_maps[name].output
            if self.has_heads:
                maps |= self._head_interval(name, batch.outputs)
            else:
                maps |= self._interval(name, batch.outputs[output], batch.draws.get(output))
            if batch.extent is not None:
                ends, least = (f"{name}_lower", f"{name}_upper"), self._least(name)
                centre = batch.outputs[output].clamp(min=least)
                lower, upper = (_farther(maps[end], centre, batch.extent.interval_factor) for end in ends)
                maps |= dict(zip(ends, (lower.clamp(min=least), upper), strict=True))
            # Errors at several depths of a cell count as one error, so ends are added up.
            interval = self.source.interval
            for stock, to, bottom in self._stocks_of(name):
                for end in ("lower", "upper"):
                    density = maps[f"{name}_{end}"] * (stock.factor * interval.thickness_m)
                    maps[f"{to}_{end}"] = part_of(density, interval, bottom)
        return maps

    def _head_interval(self, target: str, outputs: Mapping[str, Tensor]) -> Maps:
        """Ends on the logarithm: the distances of the heads, by the factor of the calibration."""
        heads, rule = self.source.model.heads, self.rules.get(target, MapRule(1.0))
        distances = heads.distances(outputs, target, self.source.recipe.uncertainty.level)
        ends = rule.log_ends(outputs[target], distances, heads.offset_of(target))
        return {f"{target}_{end}": values for end, values in zip(("lower", "upper"), ends, strict=True)}

    def _interval(self, name: str, centre: Tensor, draws: list[Tensor] | None) -> Maps:
        maps: Maps = {}
        if draws is not None:
            maps[f"{name}_sd"] = torch.stack(draws).std(0)
        least = self._least(name)
        if self.method == "spread" or self._is_of_posterior(name):
            assert draws is not None
            lower, upper = self._ends_of(name, draws)
            lower = lower.clamp(min=least)
        else:
            lower, upper = self.rules[name].ends(centre, maps.get(f"{name}_sd"), least)
        return {**maps, f"{name}_lower": lower, f"{name}_upper": upper}

    def _is_of_posterior(self, name: str) -> bool:
        """Whether the range of draws is that of a posterior parameter, which no calibration on targets makes better."""
        return self.source.recipe.uncertainty.is_posterior and name not in self.source.model.target_names

    def _ends_of(self, name: str, draws: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Ends of the draws of a map, (site,)."""
        source, output = self.source.recipe.uncertainty, self.source.model_maps[name].output
        if not source.is_posterior:
            return central_interval(draws, source.level)
        return within_bounds(self.source.model, output, ends_for_another(torch.stack(draws), source.level))

    def _least(self, name: str) -> float:
        """What a map can be: a quantity that is not signed, and a density of carbon, at least 0."""
        output, layer = self.source.model_maps[name]
        quantity = self.source.model.quantities.get(output)
        is_positive = layer.unit == DENSITY if quantity is None else not quantity.is_signed
        return 0.0 if is_positive and not output.startswith(PARAMETER) else -math.inf

    def _source_text(self, name: str) -> str:
        """Where the intervals come from, for metadata."""
        source = self.source.recipe.uncertainty
        texts = {
            "head": "a spread that the encoder learned",
            "ensemble": f"{source.members} members",
            "mc_dropout": f"{source.passes} passes of dropout",
            "randomised_priors": f"{source.members} members with a random prior each",
            "laplace": f"{source.draws} draws of the last layer and global parameters",
            "smoother": f"{source.draws} draws of global parameters",
        }
        spread = texts.get(source.method, "the same width everywhere")
        if self.method == "conformal" and not self._is_of_posterior(name):
            if self.rules[name].is_log:
                spread = "the same ratio everywhere"
            return f"{spread}, calibrated on held-out blocks"
        return spread if self.has_heads else f"quantiles of {spread}"


def _farther(end: Tensor, centre: Tensor, factor: Tensor) -> Tensor:
    """An end of an interval whose distance from the centre is multiplied; as it is where the factor is 1."""
    return torch.where(factor > 1.0, centre + factor * (end - centre), end)


def _of_process(source: Source) -> list[str]:
    """Parameters of the process model: another experiment of the region may learn them for each cell."""
    process = source.model.process
    return [] if process is None else [p.name for p in process.parameters]


def _names(source: Source) -> tuple[str, ...]:
    """Maps that get an interval: targets, and what else has a spread."""
    names, maps = source.recipe.predict.interval_of, source.model_maps
    known_names = {*maps, *source.model.quantities, *_of_process(source)}
    is_hybrid = isinstance(source.model, HybridModel)
    if is_hybrid and (unknown := [name for name in names if name not in known_names]):
        raise HybridmapError(f"predict.interval_of: no map '{unknown[0]}'; there are {sorted(maps)}.")
    return tuple(n for n in names if n in source.model.target_names or (source.has_spread and n in maps))
