"""Which learned parameters mean something: what observations determine, and whether trainings agree."""

from __future__ import annotations

from hybridmap.errors import HybridmapError

NO_MAP = "no covariate varies between the sites, so there is no map; give covariates that do"


class NotJudgedError(HybridmapError):
    """Why nothing can be said; the passport is written with this sentence and passes nothing."""
