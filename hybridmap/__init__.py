"""Hybrid models of soil organic carbon, from observations to maps."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridmap import losses, metrics, testing
    from hybridmap.encoders import KAN, MLP, NAM, LinearEncoder
    from hybridmap.evaluate.metrics import (
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
    from hybridmap.model import HybridModel, Roles
    from hybridmap.model.constraints import get_constraint
    from hybridmap.notebook import load
    from hybridmap.process import get_process, list_processes
    from hybridmap.process.five_pool.penalties import dissolved_penalty, feasibility_penalty, saturation_penalty
    from hybridmap.train.losses import (
        cosh_prior,
        gaussian_loss,
        kge_2012_loss,
        kge_bias_sd_loss,
        kge_loss,
        mae_loss,
        mse_loss,
        multi_task_loss,
        nse_loss,
        parameter_violation,
        pb_kge_loss,
        smooth_l1_loss,
    )

MODULES = {
    "bias": "evaluate.metrics",
    "coverage": "evaluate.metrics",
    "interval_score": "evaluate.metrics",
    "interval_width": "evaluate.metrics",
    "kge": "evaluate.metrics",
    "kge_components": "evaluate.metrics",
    "kl_importance": "evaluate.metrics",
    "lin_ccc": "evaluate.metrics",
    "mae": "evaluate.metrics",
    "nse": "evaluate.metrics",
    "pearson": "evaluate.metrics",
    "pinball": "evaluate.metrics",
    "r2": "evaluate.metrics",
    "rmse": "evaluate.metrics",
    "cosh_prior": "train.losses",
    "dissolved_penalty": "process.five_pool.penalties",
    "feasibility_penalty": "process.five_pool.penalties",
    "gaussian_loss": "train.losses",
    "kge_2012_loss": "train.losses",
    "kge_bias_sd_loss": "train.losses",
    "kge_loss": "train.losses",
    "mae_loss": "train.losses",
    "mse_loss": "train.losses",
    "multi_task_loss": "train.losses",
    "nse_loss": "train.losses",
    "parameter_violation": "train.losses",
    "pb_kge_loss": "train.losses",
    "saturation_penalty": "process.five_pool.penalties",
    "smooth_l1_loss": "train.losses",
    "KAN": "encoders.kan",
    "MLP": "encoders.mlp",
    "NAM": "encoders.additive",
    "HybridModel": "model.hybrid",
    "LinearEncoder": "encoders.additive",
    "Roles": "model.roles",
    "get_constraint": "model.constraints",
    "get_process": "process",
    "list_processes": "process",
    "load": "notebook",
}
"""Public name → the module that defines it."""
PUBLIC_MODULES = ("losses", "metrics", "testing")

__all__ = [
    "KAN", "MLP", "NAM", "HybridModel", "LinearEncoder", "Roles", "bias", "cosh_prior", "coverage",
    "dissolved_penalty", "feasibility_penalty", "gaussian_loss", "get_constraint", "get_process", "interval_score",
    "interval_width", "kge", "kge_2012_loss", "kge_bias_sd_loss", "kge_components", "kge_loss", "kl_importance",
    "lin_ccc", "list_processes", "load", "losses", "mae", "mae_loss", "metrics", "mse_loss", "multi_task_loss",
    "nse", "nse_loss", "parameter_violation", "pb_kge_loss", "pearson", "pinball", "r2", "rmse",
    "saturation_penalty", "smooth_l1_loss", "testing",
]  # fmt: skip  # fmt: skip
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import on first use, so that a dry run of the workflow never loads torch."""
    if name in PUBLIC_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in MODULES:
        return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *MODULES, *PUBLIC_MODULES])
