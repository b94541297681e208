"""The public names of :mod:`hybridmap.evaluate.metrics`, where they have always been."""

from hybridmap.evaluate.metrics import (
    KgeComponents,
    KgeVariant,
    bias,
    coverage,
    interval_score,
    interval_width,
    kge,
    kge_components,
    kl_importance,
    lin_ccc,
    mae,
    nse,
    pearson,
    pinball,
    r2,
    rmse,
)

__all__ = [
    "KgeComponents",
    "KgeVariant",
    "bias",
    "coverage",
    "interval_score",
    "interval_width",
    "kge",
    "kge_components",
    "kl_importance",
    "lin_ccc",
    "mae",
    "nse",
    "pearson",
    "pinball",
    "r2",
    "rmse",
]
