"""A trained model opened from its folder, as notebooks use it."""

from __future__ import annotations

import copy
import os
from typing import Any

from torch import Tensor

from hybridmap.errors import HybridmapError, absent_package
from hybridmap.model import Model
from hybridmap.model.draws import ensemble_draws, mean_of
from hybridmap.model.members import member_state
from hybridmap.model.storage import load_members, load_model
from hybridmap.model.table_prediction import predict_table


class Ensemble:
    """Several members that predict together; whatever else is asked for is that of the first.

    Parameters
    ----------
    first : Model
        The first member.
    members : Model
        All of them, with a member axis.
    """

    def __init__(self, first: Model, members: Model) -> None:
        self.first, self.members = first, members

    def predict(self, table: Any) -> Any:
        """Mean of the members for every row of a table, as maps and scores have it; arguments as of a single model."""
        return predict_table(self.first, table, self._means)

    def _means(self, covariates: Tensor, forcing: dict[str, Tensor]) -> dict[str, Tensor]:
        draws = ensemble_draws(self.members, covariates, forcing)
        return {name: mean_of(values) for name, values in draws.items()}

    def member(self, number: int) -> Model:
        """A member as a model of its own, from 0; HybridmapError if there are not so many."""
        count = len(self)
        if not 0 <= number < count:
            raise HybridmapError(f"there is no member {number}; the ensemble has members 0 to {count - 1}.")
        model = copy.deepcopy(self.first)
        model.load_state_dict(member_state(self.members, number))
        return model

    def __len__(self) -> int:
        return len(self.members.standardise.mean)

    def __repr__(self) -> str:
        first = self.first
        kind = first.process.name if first.process is not None else "network"
        targets = ", ".join(first.target_names)
        return f"Ensemble of {len(self)} {kind} models: {targets} from {len(first.covariate_names)} covariates"

    def __getattr__(self, name: str) -> Any:
        # Copies and pickles look for attributes before there is a first member.
        if name.startswith("__") or "first" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.first, name)


def load(folder: str | os.PathLike[str], trust: bool = False) -> Model | Ensemble:
    """Open a trained model: ``{experiment}/all/model``, or that of a fold.

    Parameters
    ----------
    folder : path
        With ``model.yaml`` and ``weights.safetensors``.
    trust : bool
        Whether to run ``process.py`` of the folder, the process model of whoever trained it: a program, which may do
        anything. Without, such a model is refused.

    Returns
    -------
    Model or Ensemble
        Both predict for a table: ``load(folder).predict(table)``; an ensemble by the mean of its members.

    Raises
    ------
    HybridmapError
        If a file is missing, the weights do not fit the specification, a process model is not trusted, or YAML and
        safetensors are not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from hybridmap.model.specification import build_model
    >>> from hybridmap.model.storage import save_model
    >>> spec = {
    ...     "process": {"name": "respiration", "options": {}}, "neural": "none", "shared": "all", "fixed": {},
    ...     "bounds": {}, "constraint": "sigmoid", "encoder": {"name": "linear"}, "covariates": ["wetness"],
    ...     "forcing": ["air_temperature"], "forcing_constants": {}, "targets": ["reco"],
    ... }
    >>> with TemporaryDirectory() as folder:
    ...     save_model(build_model(spec), spec, Path(folder))
    ...     model = load(folder)
    >>> model.predict({"wetness": [0.1, 0.2], "air_temperature": [15.0, 25.0]})["reco"].round(3).tolist()
    [3.0, 4.5]
    """
    try:
        first, members = load_model(folder, trust), load_members(folder, trust)
    except ModuleNotFoundError as error:
        if not (advice := absent_package(error)):
            raise
        raise HybridmapError(f"{folder}: reading a trained model {advice}") from None
    return first if members is None else Ensemble(first, members)
