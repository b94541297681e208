"""The section `search`: which values of an experiment's keys are tried, and by what they are judged."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from hybridmap.config.experiment import Experiment
from hybridmap.config.mistakes import explain
from hybridmap.config.overlay import over_defaults
from hybridmap.config.section import Name, Section, Seed

MOST_CANDIDATES = 1000
"""Combinations that are ever trained: more is a slip."""
FEWEST_FOLDS = 4
"""One tests, one scores, one stops, one trains."""
UNTRIED = ("name", "title", "splits", "map")
"""Keys of an experiment that change nothing of what is scored."""


class Search(Section):
    """Values of an experiment's keys that are tried inside the training part of every fold."""

    experiments: list[Name] = Field(min_length=1, description="Experiments that are searched.")
    over: dict[str, list[Any]] = Field(
        description="Key of an experiment, of a section with a dot (encoder.dropout, neural) → values to try."
    )
    draws: int | None = Field(None, ge=1, description="So many combinations, drawn at random; all without it.")
    seeds: int = Field(1, ge=1, le=100, description="Trainings of each combination; the mean of their scores counts.")
    score: Literal["pearson", "nse", "kge"] = Field("nse", description="What is compared.")
    target: Name | None = Field(None, description="Quantity that it is taken of; the first target if absent.")
    seed: Seed = Field(0, description="Of the draws.")

    @model_validator(mode="after")
    def _bounded(self) -> Search:
        if not self.over or not all(self.over.values()):
            raise ValueError("'over' needs a key of the experiment, and values for each")
        size = int(np.prod([len(values) for values in self.over.values()], dtype=float))
        if min(size, self.draws or size) > MOST_CANDIDATES:
            raise ValueError(f"{size} combinations, at most {MOST_CANDIDATES}; give fewer values, or 'draws'")
        return self

    def candidates(self) -> list[dict[str, Any]]:
        """The combinations that are tried, each key → value, in the order of the grid.

        Examples
        --------
        >>> Search(experiments=["a"], over={"encoder.dropout": [0.1, 0.2], "seed": [1]}).candidates()
        [{'encoder.dropout': 0.1, 'seed': 1}, {'encoder.dropout': 0.2, 'seed': 1}]
        """
        grid = [dict(zip(self.over, values, strict=True)) for values in product(*self.over.values())]
        if self.draws is None or self.draws >= len(grid):
            return grid
        order = np.random.default_rng(self.seed).permutation(len(grid))[: self.draws]
        return [grid[k] for k in sorted(order)]


def with_values(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with other values of some keys; ValueError for a key or value that it cannot have."""
    block = experiment.model_dump(mode="json", by_alias=True)
    for key, value in values.items():
        if key in UNTRIED:
            raise ValueError("the key changes nothing of what is scored")
        for part in reversed(key.split(".")):
            value = {part: value}
        block = over_defaults(block, value)
    try:
        return Experiment.model_validate(block)
    except ValidationError as error:
        raise ValueError(explain(error, block, Experiment)[1].removesuffix(".")) from None
