"""Training: the loop, early stopping, checkpoints and the saved model; torch and numpy only."""

from hybridmap.model.storage import load_members, load_model, save_model
from hybridmap.options import LossOptions
from hybridmap.train.data import SiteData
from hybridmap.train.loop import fit, fit_members
from hybridmap.train.member import Epoch, Member
from hybridmap.train.options import TrainingOptions

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
