"""What each stage reads of a configuration: the trigger of its rule, and the record of what made its result."""

from __future__ import annotations

import json
from typing import Any

from hybridmap.config.region import Config

TRAINING = ("region", "grid", "quantities", "build", "splits", "experiments", "covariates", "forcing")
"""What a stage reads that trains models."""
STAGE_SECTIONS: dict[str, tuple[str, ...]] = {
    "inputs": ("region", "demo", "grid"),
    "ingest": ("region", "data_root", "outside", "demo", "grid", "quantities", "observations"),
    "build": ("region", "grid", "quantities", "build"),
    "climate": ("region", "data_root", "outside", "grid", "clm5_forcing"),
    "cube": (
        "region",
        "data_root",
        "outside",
        "demo",
        "grid",
        "covariates",
        "auxiliary",
        "exclude",
        "forcing",
        "predict",
    ),
    "sample": ("region", "grid", "quantities", "forcing"),
    "split": ("region", "data_root", "outside", "grid", "quantities", "splits"),
    "experiment": TRAINING,
    "search": (*TRAINING, "search"),
    "identifiability": (*TRAINING, "identifiability"),
    "relationships": (*TRAINING, "demo"),
    "proda": (*TRAINING, "proda"),
    "predict": ("region", "data_root", "outside", "grid", "build", "covariates", "predict", "totals"),
    "export": ("region", "title", "publication", "data_root", "outside", "grid", "build", "predict"),
    "diagnose": ("region", "data_root", "outside", "grid", "boundaries", "boundaries_attribute"),
    "baseline": ("region", "grid", "quantities", "covariates", "forcing", "splits"),
    "report": tuple(key for key in Config.model_fields if key not in ("experiment_defaults", "search", "proda")),
}
"""Sections that each stage reads; a change elsewhere in the file does not rerun it."""
TITLED = ("report",)
"""Stages to which titles of experiments are something; maps get theirs by a word of the command."""
OF_ONE_EXPERIMENT = ("experiments", "splits", "covariates", "forcing")
"""Sections of which an experiment takes a part."""
LAYER_FACTS = ("name", "kind", "unit")
"""What a model must know of a layer."""
MEASURED_FACTS = ("name", "unit", "measured")
"""What samples must know of a forcing that was measured at the sites."""


def stage_settings(config: Config, stage: str, experiment: str | None = None) -> str:
    """Return the part of a configuration that a stage reads, as sorted JSON text.

    The text is the trigger of a workflow rule and the record of what made a result, and it is itself a valid
    configuration file for every ``hybridmap`` command of that stage.

    Parameters
    ----------
    config : Config
        Of the region.
    stage : str
        A key of :data:`STAGE_SECTIONS`.
    experiment : str, optional
        Leave only this experiment, its splits, and of layers only :data:`LAYER_FACTS`.

    Returns
    -------
    str
        One line of JSON.
    """
    names = set(STAGE_SECTIONS[stage]) - (set(OF_ONE_EXPERIMENT) if experiment is not None else set())
    sections = config.model_dump(mode="json", by_alias=True, include=names)
    if stage == "cube":  # what maps hold is no matter of the cube
        sections["predict"] = {"tile": sections["predict"]["tile"]}
        for layer in sections["forcing"]:  # nor what was measured at the sites
            del layer["measured"]
    if stage == "predict":
        del sections["predict"]["accept_implausible"]
    if stage == "export":  # of what maps hold, the maps themselves tell
        sections["predict"] = {"accept_implausible": sections["predict"]["accept_implausible"]}
    if stage == "sample":
        sections["forcing"] = [
            {fact: layer[fact] for fact in MEASURED_FACTS} for layer in sections["forcing"] if layer["measured"]
        ]
    if experiment is not None:
        sections |= _one_experiment(config, experiment)
    if stage not in TITLED:
        for section in sections.get("experiments", []):
            del section["title"]
    return json.dumps(sections, sort_keys=True)


def _one_experiment(config: Config, name: str) -> dict[str, Any]:
    """The sections of an experiment without what is only of others, which may be hundreds."""
    experiment = config.experiment(name)
    splits = [split for split in config.splits if split.name in experiment.splits]
    return {
        "experiments": [experiment.model_dump(mode="json", by_alias=True)],
        "splits": [split.model_dump(mode="json", by_alias=True) for split in splits],
        **{
            kind: [layer.model_dump(mode="json", include=set(LAYER_FACTS)) for layer in getattr(config, kind)]
            for kind in ("covariates", "forcing")
        },
    }
