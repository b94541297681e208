"""What the five-pool model declares of its outputs: maps, checks, penalties and the capacity of minerals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from hybridmap.process.base import Variable
from hybridmap.process.declarations import Capacity, Check, Penalty
from hybridmap.process.five_pool.penalties import dissolved_penalty, feasibility_penalty, saturation_penalty

STEADY_STATE = "feasible"
"""Output that is 1 where the structure without leaks has a steady state."""

OUTPUTS: tuple[Variable, ...] = (
    Variable("poc", ("site",), "kg m-3", "particulate organic carbon"),
    Variable("doc", ("site",), "kg m-3", "dissolved organic carbon"),
    Variable("enz", ("site",), "kg m-3", "extracellular enzyme carbon"),
    Variable("mbc", ("site",), "kg m-3", "microbial biomass carbon"),
    Variable("moc", ("site",), "kg m-3", "mineral-associated organic carbon"),
    Variable("soc", ("site",), "kg m-3", "soil organic carbon density"),
    # Mapped even where there is no steady state: they say why there is none.
    Variable("moc_saturation", ("site",), "1", "MOC over the capacity q_max", needs_steady_state=False,
             label="MOC / Qmax"),
    Variable("margin_uptake", ("site",), "1", "V_U B / U - 1 of the leak-free steady state; below 0: none for DOC",
             needs_steady_state=False),
    Variable("margin_poc", ("site",), "1", "V_P E / L - 1 of the leak-free steady state; below 0: none for POC",
             needs_steady_state=False),
    Variable(STEADY_STATE, ("site",), "1", "whether both margins are positive", needs_steady_state=False,
             classes={0: "no steady state", 1: "steady state"}),
    # Internal; the losses only serve the turnover time.
    Variable("extinct", ("site",), "1", "whether microbes are absent (constrained)", mapped=False),
    Variable("respiration", ("site",), "kg m-3 yr-1", "heterotrophic respiration", mapped=False),
    Variable("leaching", ("site",), "kg m-3 yr-1", "leaching of DOC", mapped=False),
)  # fmt: skip

LOSSES = ("respiration", "leaching")
CAPACITY = Capacity(
    "moc_saturation", ("margin_uptake", "margin_poc"), "margin of the leak-free steady state (below 0: none)"
)
NEARLY_FULL = 0.95
"""MOC over its capacity from which mineral surfaces count as full."""
BEYOND_FULL = math.nextafter(1.0, math.inf)
"""So that 1 itself counts as full."""
SOME_MEMBER = 1e-6
"""Below the share of an ensemble that one member is: infeasible is where no member has a steady state."""

INFEASIBLE = Check(
    "infeasible", STEADY_STATE, "the structure without leaks has no steady state", below=SOME_MEMBER, may_fail=0.01
)
RELAXED: tuple[Check, ...] = (
    Check("above_capacity", CAPACITY.output, "MOC exceeds the capacity q_max", above=1.0),
    Check("negative_saturation", CAPACITY.output, "MOC is negative", below=0.0, share_name="negative"),
    INFEASIBLE,
    Check(
        "full_everywhere",
        CAPACITY.output,
        f"mineral surfaces are full (MOC/Qmax over {NEARLY_FULL:g}): MOC follows q_max, not the process",
        above=NEARLY_FULL,
        below=BEYOND_FULL,
        may_fail=0.5,
        share_name="nearly_full",
    ),
)
CHECKS: dict[str, tuple[Check, ...]] = {
    "relaxed": RELAXED,
    # Its leaks give it a steady state where the structure without has none, which is only told.
    "constrained": tuple(replace(check, is_note=check is INFEASIBLE) for check in RELAXED),
}
"""Formulation → what a plausible soil passes."""

PENALTIES: Mapping[str, Penalty] = {
    "feasibility": feasibility_penalty,
    "saturation": saturation_penalty,
    "dissolved": dissolved_penalty,
}
