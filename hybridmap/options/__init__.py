"""Options of an experiment, declared once for configuration, trainer and encoders; the standard library alone."""

from hybridmap.options.constraint import ConstraintOptions
from hybridmap.options.loss import LossOptions
from hybridmap.options.optimisation import OptimisationOptions
from hybridmap.options.uncertainty import UncertaintyOptions

__all__ = ["ConstraintOptions", "LossOptions", "OptimisationOptions", "UncertaintyOptions"]
