"""What a notebook opens: a region, an experiment, or a trained model. What each needs is imported when it is used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hybridmap.errors import HybridmapError, absent_package

if TYPE_CHECKING:
    from hybridmap.model import Model
    from hybridmap.model.ensemble import Ensemble
    from hybridmap.notebook.experiment import Experiment
    from hybridmap.notebook.region import Region

FOLDERS = "results/REGION, results/REGION/experiments/NAME, or that of a trained model"
RESULTS = "results"
"""Folder in which a region is looked for by its name."""


def load(folder: str | os.PathLike[str], trust: bool = False) -> Region | Experiment | Model | Ensemble:
    """Open results of a region or an experiment, or a trained model.

    Parameters
    ----------
    folder : path
        ``results/REGION`` or the name of the region, ``results/REGION/experiments/NAME``, or the folder of a model
        with ``model.yaml`` and ``weights.safetensors``.
    trust : bool
        Whether to run the process model of whoever trained it, a program that may do anything. Without, a model with
        one of its own is refused.

    Returns
    -------
    Region, Experiment, HybridModel, NetworkModel or Ensemble
        By what the folder is. All predict for a table.

    Raises
    ------
    HybridmapError
        If the folder is none of these, or a package is not installed.
    """
    path = _existing(folder).absolute()  # a notebook may go to another folder later
    if not path.is_dir():
        raise HybridmapError(f"{path}: a file; name a folder: {FOLDERS}.")
    try:
        if (path / "experiments").is_dir() or (path / "settings").is_dir():
            from hybridmap.notebook.region import Region

            return Region(path, trust)
        if path.parent.name == "experiments":
            from hybridmap.notebook.experiment import Experiment

            return Experiment(path, trust)
    except ModuleNotFoundError as error:
        if not (advice := absent_package(error)):
            raise
        raise HybridmapError(f"{path}: opening results {advice}") from None
    from hybridmap.model.ensemble import load as load_trained

    if not (path / "model.yaml").is_file():
        raise HybridmapError(f"{path}: neither results nor a trained model (no model.yaml) is here; name {FOLDERS}.")
    return load_trained(path, trust)


def _existing(folder: str | os.PathLike[str]) -> Path:
    """The folder, or that of the region of this name."""
    if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
        raise HybridmapError(f"no folder is named ({folder!r}); name {FOLDERS}.")
    path = Path(folder).expanduser()
    by_name = Path(RESULTS) / path
    if not path.is_dir() and len(path.parts) == 1 and by_name.is_dir():
        return by_name
    if not path.exists():
        by_name_words = f" nor '{by_name}'" if len(path.parts) == 1 else ""
        raise HybridmapError(
            f"there is no folder '{path}'{by_name_words}; name results/REGION, an experiment or a model."
        )
    return path
