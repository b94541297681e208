"""Names that sections of a region use of each other: each once, and each declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hybridmap.config.baselines import OF_LAYERS
from hybridmap.config.exclusion import excluded_classes
from hybridmap.config.layer_years import RULES
from hybridmap.config.search import FEWEST_FOLDS, with_values
from hybridmap.errors import nearest
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.options.position import POSITION
from hybridmap.units import same_unit

if TYPE_CHECKING:
    from hybridmap.config.experiment import Experiment
    from hybridmap.config.region import Config

Place = tuple[str | int, ...]


class MisplacedNameError(ValueError):
    """A name that is used twice or refers to nothing, and where it stands."""

    def __init__(self, sentence: str, place: Place) -> None:
        super().__init__(sentence)
        self.place = place


NAMED = ("quantities", "observations", "auxiliary", "covariates", "forcing", "splits", "experiments", "totals")
"""Sections whose entries have names."""


def check_names(config: Config) -> None:
    """Raise :class:`MisplacedNameError` for a name that is used twice, or refers to nothing."""
    for section in NAMED:
        _each_once(section, [entry.name for entry in getattr(config, section)])
    for section in ("downloads", "baselines"):
        _each_once(section, getattr(config, section))
    of_layers = next((name for name in OF_LAYERS if name in config.baselines), "")
    if of_layers and config.build.layers is None:
        raise MisplacedNameError(
            f"baselines: '{of_layers}' has nothing to go by, observations are of one interval; take it off the list, or"
            " set build.layers",
            ("baselines",),
        )
    if config.boundaries_attribute and not config.boundaries:
        raise MisplacedNameError(
            "boundaries_attribute names the polygons of 'boundaries', and there are none; give their file",
            ("boundaries_attribute",),
        )
    covariates, auxiliary = ({layer.name for layer in layers} for layers in (config.covariates, config.auxiliary))
    if shared := sorted(covariates & auxiliary):
        raise MisplacedNameError(
            f"the name {shared[0]!r} is used by a covariate and an auxiliary layer", ("auxiliary",)
        )
    _check_experiments(config)
    _check_search(config)
    _check_identifiability(config)
    _check_proda(config)
    _check_layers(config)
    _check_exclusions(config)
    _check_shared_names(config)
    _check_years(config)
    _check_measured_forcing(config)


def _each_once(section: str, names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        last = len(names) - 1 - names[::-1].index(repeated[0])
        raise MisplacedNameError(f"{section}: the name {repeated[0]!r} is used twice", (section, last))


def _check_experiments(config: Config) -> None:
    schemes = [split.name for split in config.splits]
    for number, experiment in enumerate(config.experiments):
        place = ("experiments", number)
        _check_targets(config, experiment, place)
        _known(f"experiment '{experiment.name}'", experiment.splits, schemes, (*place, "splits"), "split scheme")
        # The settings of some stages have no layers; what has none cannot be held to them.
        positional = experiment.encoder.options()["positional"] if config.covariates else []
        _known(
            f"experiment '{experiment.name}': encoder.positional",
            positional,
            [c.name for c in config.covariates],
            (*place, "encoder", "positional"),
        )
        reserved = sorted({layer.name for layer in config.forcing} & set(POSITION))
        if reserved and experiment.encoder.options().get("position_waves"):
            raise MisplacedNameError(
                f"experiment '{experiment.name}': encoder.position_waves reads the position as {POSITION}, and"
                f" a forcing is called '{reserved[0]}'; give that another name",
                (*place, "encoder", "position_waves"),
            )


def _check_search(config: Config) -> None:
    """Every value of a search is one that its experiments can have, and they have folds enough."""
    if config.search is None:
        return
    experiments = {experiment.name: experiment for experiment in config.experiments}
    _known("search", config.search.experiments, list(experiments), ("search", "experiments"), "experiment")
    for name in config.search.experiments:
        _check_search_folds(config, experiments[name])
        for key, values in config.search.over.items():
            for value in values:
                _check_value(config, experiments[name], key, value)


def _check_identifiability(config: Config) -> None:
    """What is trained from random starts exists, and has parameters."""
    if config.identifiability is None:
        return
    names, place = config.identifiability.experiments, ("identifiability", "experiments")
    experiments = {experiment.name: experiment for experiment in config.experiments}
    _known("identifiability", names, list(experiments), place, "experiment")
    for name in names:
        if experiments[name].process is None or experiments[name].neural in ("none", []):
            raise MisplacedNameError(f"identifiability: experiment '{name}' has no neural parameters", place)


def _check_proda(config: Config) -> None:
    """What is calibrated site by site exists, and has parameters."""
    if config.proda is None:
        return
    names, place = config.proda.experiments, ("proda", "experiments")
    experiments = {experiment.name: experiment for experiment in config.experiments}
    _known("proda", names, list(experiments), place, "experiment")
    for name in names:
        experiment = experiments[name]
        if experiment.process is None or all(role in ("none", []) for role in (experiment.neural, experiment.global_)):
            raise MisplacedNameError(f"proda: experiment '{name}' learns no parameters", place)


def _check_search_folds(config: Config, experiment: Experiment) -> None:
    for split in config.splits:
        # How many regions there are, the polygons or the column say.
        is_counted = split.kind != "region" or not (split.polygons or split.column)
        if split.name == experiment.splits[0] and is_counted and split.folds < FEWEST_FOLDS:
            raise MisplacedNameError(
                f"search: split '{split.name}' of experiment '{experiment.name}' has {split.folds} folds, and"
                f" {FEWEST_FOLDS} are needed: one tests, one scores, one stops, one trains",
                ("search",),
            )


def _check_value(config: Config, experiment: Experiment, key: str, value: Any) -> None:
    place = ("search", "over", key)
    try:
        candidate = with_values(experiment, {key: value})
    except ValueError as error:
        raise MisplacedNameError(
            f"search: experiment '{experiment.name}' cannot have {key} {value!r}: {error}", place
        ) from None
    _check_targets(config, candidate, place)
    target = (config.search and config.search.target) or experiment.targets[0]
    if target not in candidate.targets:
        raise MisplacedNameError(
            f"search: all combinations are scored by '{target}', which is no target of experiment '{experiment.name}'"
            f" with {key} {value!r}; set 'target' to another",
            place,
        )


def _check_targets(config: Config, experiment: Experiment, place: Place) -> None:
    quantities, subject = list(config.all_quantities), f"experiment '{experiment.name}'"
    _known(f"{subject}: targets", experiment.targets, quantities, (*place, "targets"), "quantity")
    for key, names in experiment.loss.named_targets().items():
        _known(f"{subject}: loss.{key}", names, quantities, (*place, "loss", key), "target")


def _check_layers(config: Config) -> None:
    forcing = [layer.name for layer in config.forcing]
    for section in ("covariates", "forcing"):
        for number, layer in enumerate(getattr(config, section)):
            if layer.name in LAYER_INPUTS:
                raise MisplacedNameError(
                    f"{section}: the name {layer.name!r} is that of an end of measured layers (build.layers); give"
                    " another",
                    (section, number),
                )
    if forcing:
        for name, changes in config.predict.scenarios.items():
            _known(f"predict.scenarios.{name}", changes, forcing, ("predict", "scenarios", name), "forcing")
    layers = [*(layer.name for layer in config.covariates), *forcing]
    if layers:
        for number, split in enumerate(config.splits):
            if split.kind == "strata":
                _known(f"split '{split.name}'", [str(split.layer)], layers, ("splits", number))


def _check_exclusions(config: Config) -> None:
    """What is left out is a class of a layer; the settings of some stages have no layers."""
    layers = [*config.covariates, *config.auxiliary]
    for number, exclusion in enumerate(config.exclude if layers else []):
        try:
            excluded_classes(exclusion, layers)
        except ValueError as error:
            place = ("exclude", number) if len(config.exclude) > 1 else ("exclude",)
            raise MisplacedNameError(f"exclude: {error}", place) from None


def _check_shared_names(config: Config) -> None:
    """A model knows the unit of a layer by its name."""
    units = {layer.name: layer.unit for layer in config.forcing}
    for number, layer in enumerate(config.covariates):
        unit = units.get(layer.name, layer.unit)
        if layer.unit != unit:
            raise MisplacedNameError(
                f"covariate '{layer.name}' is in '{layer.unit}', the forcing of that name in '{unit}'; give both the"
                " same unit, or the covariate another name",
                ("covariates", number),
            )


def _check_measured_forcing(config: Config) -> None:
    quantities = config.all_quantities
    for number, layer in enumerate(config.forcing):
        if layer.measured is None:
            continue
        subject, place = f"forcing '{layer.name}': measured", ("forcing", number, "measured")
        _known(subject, [layer.measured], list(quantities), place, "quantity")
        unit = quantities[layer.measured].unit
        if not same_unit(layer.unit, unit):
            raise MisplacedNameError(
                f"{subject}: '{layer.measured}' is in {unit}, the layer in {layer.unit}; set scale and unit of the"
                " layer",
                place,
            )


def _known(subject: str, names: Iterable[str], choices: list[str], place: Place, kind: str = "layer") -> None:
    for name in names:
        if name not in choices:
            raise MisplacedNameError(
                f"{subject}: no {kind} '{name}'{nearest(name, choices)}; there are {choices}", place
            )


def _check_years(config: Config) -> None:
    """Refuse years where a layer has no use of them, and different ones of layers that a site takes as one."""
    for number, layer in enumerate(config.auxiliary):
        if layer.years:
            raise MisplacedNameError(
                f"auxiliary layer '{layer.name}' has years, and layers are derived of one time alone; give the file of"
                " one year",
                ("auxiliary", number, "years"),
            )
    if config.reference and any(layer.years for layer in config.reference.layers):
        raise MisplacedNameError("a published map is of one time; leave out 'years' of its layers", ("reference",))
    rules: dict[str, object] = {}
    for section in ("covariates", "forcing"):
        for number, layer in enumerate(getattr(config, section)):
            source, rule = layer.group or layer.name, (layer.year_list, *(getattr(layer, key) for key in RULES))
            if layer.years and rules.setdefault(source, rule) != rule:
                raise MisplacedNameError(
                    f"two layers '{source}' have different years, or take them differently; rename one",
                    (section, number),
                )
