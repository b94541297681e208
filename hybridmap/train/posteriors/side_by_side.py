"""Draws that are trained, or made at prediction: members of an ensemble, passes with units left out, heads."""

from __future__ import annotations

from typing import ClassVar

from hybridmap.train.posteriors.interface import PosteriorMethod


class Single(PosteriorMethod):
    """No draws."""

    name: ClassVar[str] = "none"


class Ensemble(PosteriorMethod):
    """Networks from different starts, trained side by side (Lakshminarayanan et al. 2017, arXiv 1612.01474)."""

    name: ClassVar[str] = "ensemble"


class DropoutPasses(PosteriorMethod):
    """Predictions with units left out, see :func:`hybridmap.model.draws.dropout_draws`."""

    name: ClassVar[str] = "mc_dropout"


class Heads(PosteriorMethod):
    """A spread that the encoder learns with the loss, see :class:`hybridmap.model.spread_head.SpreadHead`."""

    name: ClassVar[str] = "head"
