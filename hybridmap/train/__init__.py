"""Training: the loop, early stopping, checkpoints and the saved model; torch and numpy only."""

from hybridmap.model.storage import load_members, load_model, save_model
from hybridmap.train.data import SiteData
from hybridmap.train.loop import Epoch, Member, fit, fit_members
from hybridmap.train.options import LossOptions, TrainingOptions

__all__ = [
    "Epoch",
    "LossOptions",
    "Member",
    "SiteData",
    "TrainingOptions",
    "fit",
    "fit_members",
    "load_members",
    "load_model",
    "save_model",
]
