"""Training: the loop, early stopping, checkpoints and the saved model; torch and numpy only."""

from hybridmap.train.loop import Epoch, SiteData, TrainingOptions, fit
from hybridmap.train.storage import load_model, save_model

__all__ = ["Epoch", "SiteData", "TrainingOptions", "fit", "load_model", "save_model"]
