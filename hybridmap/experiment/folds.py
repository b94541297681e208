"""Trained folds of an experiment, as what compares them needs them: of one model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.train import load_model


def load_folds(folders: Mapping[str, Path], trust_process: bool) -> dict[str, Model]:
    """Models of folds, which must learn the same parameters from the same layers.

    Parameters
    ----------
    folders : mapping of str to Path
        Fold → folder of its model; of an ensemble its first member is taken.
    trust_process : bool
        Whether a file of a process model may be run.

    Returns
    -------
    dict of str to Model

    Raises
    ------
    HybridmapError
        If a model is missing, or one was trained with other settings: its parameters would be taken for others.
    """
    models = {fold: load_model(folder, trust_process) for fold, folder in folders.items()}
    first = next(iter(models))
    for fold, model in models.items():
        for setting, names in _settings(model).items():
            if names != _settings(models[first])[setting]:
                raise HybridmapError(
                    f"{folders[fold]}: fold '{fold}' has the {setting} {list(names)}, and fold '{first}' has"
                    f" {list(_settings(models[first])[setting])}; train all folds anew with the same settings."
                )
    return models


def _settings(model: Model) -> dict[str, tuple[str, ...]]:
    """What must agree between models that are compared."""
    return {
        "neural parameters": tuple(getattr(model, "neural_names", ())),
        "global parameters": tuple(getattr(model, "shared_names", ())),
        "covariates": tuple(model.covariate_names),
        "targets": tuple(model.target_names),
    }
