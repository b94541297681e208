"""From covariates and forcing of some cells to every map of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hybridmap.config import Change, Predict
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.model import HybridModel, Model
from hybridmap.model.draws import SMALLEST_SPREAD, mean_of
from hybridmap.options import UncertaintyOptions
from hybridmap.predict.draws import dropout_drawing, ends, fast_members
from hybridmap.predict.map_layers import DIAGNOSTICS, MapLayer, model_layers
from hybridmap.predict.worker_start import passes_of

DENSITY = "kg m-3"
Maps = dict[str, Tensor]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the maps hold, besides the cube.

    Attributes
    ----------
    model : Path
        Folder of a trained model.
    predict : Predict
        Block of the configuration.
    uncertainty : UncertaintyOptions
        Block of the experiment.
    depth_m : float
        Thickness of the modelled layer [m].
    calibration : Path or None
        ``conformal.json`` of the evaluation.
    applicability : Path or None
        File of ``hybridmap applicability``.
    keep_draws : bool
        Also keep every draw of the SOC stock, which intervals of totals need.
    """

    model: Path
    predict: Predict
    uncertainty: UncertaintyOptions
    depth_m: float
    calibration: Path | None = None
    applicability: Path | None = None
    keep_draws: bool = False

    @property
    def passes(self) -> int:
        """How often a cell is predicted."""
        return passes_of(self.uncertainty, self.predict)

    def absolute(self) -> Recipe:
        """The same with absolute paths, for workers that run elsewhere."""
        paths = {name: getattr(self, name) for name in ("model", "calibration", "applicability")}
        return replace(self, **{name: path.absolute() for name, path in paths.items() if path is not None})


class Predictor:
    """A trained model made ready to map.

    Parameters
    ----------
    recipe : Recipe
        What to map.

    Raises
    ------
    HybridmapError
        If something that the recipe asks for cannot be mapped.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.members = fast_members(recipe.model, recipe.uncertainty, recipe.predict.precision)
        self.model: Model = self.members[0]
        self.source = model_layers(self.model)
        self.outputs = {name: key for name, (key, _) in self.source.items()}
        self.draw = dropout_drawing(recipe.model, self.model, recipe.uncertainty)
        self.spread = self.draw is not None or len(self.members) > 1
        process = self.model.process if isinstance(self.model, HybridModel) else None
        self.relaxed = getattr(process, "formulation", "") == "relaxed"
        self.scenarios = self._scenarios(recipe.predict.scenarios)
        self.applicability = self._applicability()
        self.factors = self._factors()
        self.layers = self._chosen()

    def __call__(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Maps:
        """Map some cells.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            Physical units, in the order of the model.
        forcing : mapping of str to Tensor, shape (site,)
            In the units of the process model.

        Returns
        -------
        dict of str to Tensor, shape (site,), float32
            An entry for each of `layers`. NaN where the relaxed formulation has no steady state: a pool there would be
            an artefact of the algebra. Diagnostics and parameters are kept.
        """
        with torch.inference_mode():
            out, draws = self._run(covariates, forcing)
            found = {name: out[key] for name, key in self.outputs.items()}
            found |= self._derived(out)
            found |= {name: out[name] for name in self.changes}
            for name in self.kept_draws:
                found |= {f"draws/{name}_stock_{k:02}": v * self.recipe.depth_m for k, v in enumerate(draws[name])}
            for name in self.interval_names:
                found |= self._interval(name, out[self.outputs[name]], draws.get(self.outputs[name]))
            if self.relaxed:
                lost = out["feasible"] <= 0
                found = {n: v if self._kept(n) else v.masked_fill(lost, torch.nan) for n, v in found.items()}
            if self.applicability is not None:
                index = self.applicability.dissimilarity(covariates)
                found["dissimilarity"] = index
                found["applicable"] = (index <= self.applicability.threshold).float()
                found["out_of_range"] = self.applicability.out_of_range(covariates).float()
        return {name: found[name] for name in self.layers}

    def _run(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Maps, dict[str, list[Tensor]]]:
        """Outputs and changes under scenarios, mean of all members; and the draws of what has an interval."""
        drawn = sorted({self.outputs[name] for name in (*self.interval_names, *self.kept_draws)})
        if len(self.members) == 1:
            out = self._one(self.model, covariates, forcing)
            return out, {} if self.draw is None or not drawn else self.draw(covariates, forcing, drawn)
        every = [self._one(model, covariates, forcing) for model in self.members]
        draws = {name: [one[name] for one in every] for name in drawn}
        mean = {name: mean_of(torch.stack([one[name] for one in every])) for name in every[0]}
        if "feasible" in mean:  # a steady state is one of all members: a pool without is no number to average
            mean["feasible"] = (mean["feasible"] > 1.0 - 1e-6).float()
        return mean, draws

    def _one(self, model: Model, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Maps:
        features, encoded = model.encode(covariates, forcing)
        out = {**model.decode(encoded, forcing).outputs, **model.extrapolation(features)}
        for name, changes in self.scenarios.items():
            other = model.decode(encoded, changed(forcing, changes)).outputs
            lost = other["feasible"] <= 0 if self.relaxed else torch.zeros((), dtype=torch.bool)
            out |= {f"{t}_change_{name}": (other[t] - out[t]).masked_fill(lost, torch.nan) for t in model.target_names}
        return out

    def _kept(self, name: str) -> bool:
        return name in DIAGNOSTICS or self.outputs.get(name, "").startswith("parameter.")

    def _derived(self, out: Mapping[str, Tensor]) -> Maps:
        found = {}
        if "soc_stock" in self.layers_possible:
            found["soc_stock"] = out["soc"] * self.recipe.depth_m
        if "turnover_time" in self.layers_possible:
            found["turnover_time"] = out["soc"] / (out["respiration"] + out["leaching"])
        return found

    def _interval(self, name: str, centre: Tensor, draws: list[Tensor] | None) -> Maps:
        how = self.recipe.predict.intervals
        found: Maps = {}
        sd = torch.ones_like(centre)
        if draws is not None:
            sd = found[f"{name}_sd"] = torch.stack(draws).std(0)
        if how == "spread":
            if draws is None:
                return found
            lower, upper = ends(draws, self.recipe.uncertainty.level)
        else:
            width = self._factor(name) * sd.clamp(min=SMALLEST_SPREAD)
            lower, upper = centre - width, centre + width
        if self.source[name][1].unit == DENSITY and not self.outputs[name].startswith("parameter."):
            lower = lower.clamp(min=0.0)
        return {**found, f"{name}_lower": lower, f"{name}_upper": upper}

    @cached_property
    def kept_draws(self) -> list[str]:
        """Maps whose draws are kept."""
        wanted = self.recipe.keep_draws and self.spread and "soc_stock" in self.layers_possible
        return ["soc"] if wanted else []

    def _factor(self, name: str) -> float:
        """Of a target its own; of a parameter, which is not observed, the mean of the targets'."""
        return self.factors.get(name, sum(self.factors.values()) / len(self.factors))

    @cached_property
    def changes(self) -> list[str]:
        """Maps of changes under scenarios."""
        return [f"{target}_change_{name}" for name in self.scenarios for target in self.model.target_names]

    @cached_property
    def interval_names(self) -> list[str]:
        """Maps that get an interval."""
        if self.recipe.predict.intervals == "none":
            return []
        asked = self.recipe.predict.interval_of
        if unknown := [name for name in asked if name not in self.source and name != "soc"]:
            raise HybridmapError(f"predict.interval_of: no map '{unknown[0]}'; there are {sorted(self.source)}.")
        return [n for n in asked if n in self.model.target_names or (self.spread and n in self.source)]

    @cached_property
    def layers_possible(self) -> dict[str, MapLayer]:
        """Every map that the recipe can make, with its meaning."""
        found = {name: layer for name, (_, layer) in self.source.items()}
        info = self.model.output_info()
        if info.get("soc", ("",))[0] == DENSITY:
            depth = f"to {100 * self.recipe.depth_m:g} cm"
            found["soc_stock"] = MapLayer("kg m-2", f"soil organic carbon stock {depth}")
        if {"soc", "respiration", "leaching"} <= set(info):
            found["turnover_time"] = MapLayer("yr", "soil organic carbon over its inputs at steady state")
        found |= self._interval_layers()
        for name, changes in self.scenarios.items():
            told = ", ".join(f"{f} {_told(c)}" for f, c in changes.items())
            for target in self.model.target_names:
                of = self.source[target][1]
                found[f"{target}_change_{name}"] = MapLayer(of.unit, f"change of {of.description} with {told}")
        if (area := self.applicability) is not None:
            about = area.summary()
            found["dissimilarity"] = MapLayer("1", "dissimilarity index to the training sites", about=about)
            codes = {0: "outside", 1: "inside"}
            found["applicable"] = MapLayer("1", "area of applicability of the model", "class", codes, about=about)
            found["out_of_range"] = MapLayer("1", "number of covariates outside their range in training", "class")
        return found

    def _interval_layers(self) -> dict[str, MapLayer]:
        found: dict[str, MapLayer] = {}
        how, source = self.recipe.predict.intervals, self.recipe.uncertainty
        if how == "none" or (how == "spread" and not self.spread):
            return found
        drawn = {"ensemble": f"{source.members} members", "mc_dropout": f"{source.passes} passes of dropout"}
        spread = drawn.get(source.method, "the same width everywhere")
        told = f"{spread}, calibrated on held-out blocks" if how == "conformal" else f"quantiles of {spread}"
        for name in self.interval_names:
            of = self.source[name][1]
            about = {"interval_level": source.level, "interval_source": told}
            if self.spread:
                found[f"{name}_sd"] = MapLayer(of.unit, f"standard deviation of {of.description}", about=about)
            for end in ("lower", "upper"):
                text = f"{end} end of the {100 * source.level:g} % interval of {of.description}"
                found[f"{name}_{end}"] = MapLayer(of.unit, text, about=about)
        return found

    def _chosen(self) -> dict[str, MapLayer]:
        predict = self.recipe.predict
        for key, names in (("maps", predict.maps), ("packed", predict.packed)):
            if unknown := [name for name in names if name not in self.layers_possible]:
                have = sorted(self.layers_possible)
                raise HybridmapError(f"predict.{key}: this model has no map '{unknown[0]}'; it has {have}.")
        found = {
            name: replace(layer, step=predict.packed.get(name, 0.0))
            for name, layer in self.layers_possible.items()
            if not predict.maps or name in predict.maps
        }
        count = self.recipe.uncertainty.members if self.recipe.uncertainty.method == "ensemble" else 0
        for k in range(count or self.recipe.uncertainty.passes if self.kept_draws else 0):
            found[f"draws/soc_stock_{k:02}"] = MapLayer("kg m-2", f"draw {k} of the soil organic carbon stock")
        return found

    def _scenarios(self, scenarios: Mapping[str, Mapping[str, Change]]) -> Mapping[str, Mapping[str, Change]]:
        if scenarios and not isinstance(self.model, HybridModel):
            return {}  # without a process model forcing is one more covariate, and there are no parameters to hold
        for name, changes in scenarios.items():
            for forcing in changes:
                if forcing not in self.model.forcing_names:
                    raise HybridmapError(
                        f"predict.scenarios.{name}: the model has no forcing '{forcing}'; it has"
                        f" {list(self.model.forcing_names)}."
                    )
        return scenarios

    def _applicability(self) -> Applicability | None:
        path = self.recipe.applicability
        if path is None:
            return None
        area = Applicability.load(path)
        if list(area.names) != list(self.model.covariate_names):
            raise HybridmapError(
                f"{path}: made for a model of other covariates; run 'hybridmap applicability' for this one."
            )
        return area

    def _factors(self) -> dict[str, float]:
        recipe = self.recipe
        if recipe.predict.intervals != "conformal" or not self.interval_names:
            return {}
        if recipe.calibration is None:
            raise HybridmapError(
                "predict.intervals: conformal intervals need --calibration, the conformal.json of 'hybridmap evaluate';"
                " or set predict.intervals to spread or none."
            )
        try:
            stored: dict[str, Any] = json.loads(recipe.calibration.read_text(encoding="utf-8"))
            factors = stored["factors"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HybridmapError(
                f"{recipe.calibration}: not a conformal.json of 'hybridmap evaluate' ({error})."
            ) from None
        told = recipe.uncertainty
        if (stored["method"], stored["level"]) != (told.method, told.level):
            raise HybridmapError(
                f"{recipe.calibration}: calibrated for {stored['method']} at level {stored['level']}, the experiment"
                f" asks for {told.method} at {told.level}; run 'hybridmap evaluate' again."
            )
        for name in self.interval_names:
            own = name in self.model.target_names
            if (own and factors.get(name) is None) or not any(factors.values()):
                raise HybridmapError(
                    f"{recipe.calibration}: {stored['blocks']} blocks are too few for an interval of '{name}' at level"
                    f" {told.level:g}; set predict.intervals to spread or none, or lower uncertainty.level."
                )
        return {name: value for name, value in factors.items() if value is not None}


def changed(forcing: Mapping[str, Tensor], changes: Mapping[str, Change]) -> dict[str, Tensor]:
    """Forcing with the changes of a scenario."""
    return {**forcing, **{name: forcing[name] * c.multiply + c.add for name, c in changes.items()}}


def _told(change: Change) -> str:
    parts = [f"x {change.multiply:g}"] if change.multiply != 1.0 else []
    return " ".join([*parts, *([f"{change.add:+g}"] if change.add or not parts else [])])
