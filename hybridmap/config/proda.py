"""The section `proda`: experiments that a calibration of every site by itself is set beside."""

from __future__ import annotations

from pydantic import Field

from hybridmap.config.section import Name, Section, Seed


class Proda(Section):
    """Sites calibrated one by one, then a network, beside an experiment, by `snakemake proda`; see docs/proda.md."""

    experiments: list[Name] = Field(
        min_length=1, description="Experiments that it is set beside, with a process model and learned parameters."
    )
    error: float = Field(
        0.3,
        ge=0.01,
        le=2.0,
        description="Standard deviation of the natural logarithm of an observation about the model.",
    )
    observations: int = Field(3, ge=2, le=100, description="Fewest observations of a site that is calibrated.")
    most_sites: int | None = Field(
        None, ge=10, le=1_000_000, description="So many sites, drawn at random; all without it."
    )
    chains: int = Field(4, ge=2, le=64, description="Markov chains of each site.")
    draws: int = Field(
        100, ge=50, le=10_000, description="Draws that are kept of each chain; steps of the first round."
    )
    rounds: int = Field(6, ge=1, le=12, description="At most; each has twice the steps of the one before.")
    r_hat: float = Field(
        1.05, gt=1.0, le=1.5, description="A site has converged where its R-hat is below this (as published)."
    )
    seed: Seed = Field(0, description="Of the sites drawn and of the chains; same seed, same result.")
