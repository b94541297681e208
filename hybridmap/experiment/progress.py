"""What a user sees of a training while it runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from hybridmap.errors import HybridmapError
from hybridmap.train import Epoch

LOG = logging.getLogger("hybridmap")
LOGGED_EVERY = 50
"""Epochs between lines in the log."""


class Progress:
    """A line in the log every 50 epochs, and on a terminal a bar with the losses as they are.

    Parameters
    ----------
    name : str
        Of the experiment.
    max_epochs : int
        Epochs at most.
    """

    def __init__(self, name: str, max_epochs: int) -> None:
        self.bar = tqdm(total=max_epochs, desc=name, unit="epoch", disable=None, leave=False)
        self.epoch = -1
        self.rows: dict[int, Epoch] = {}
        self.writers: list[Any] = []

    def watch(self, folders: Sequence[Path]) -> None:
        """Write every row for TensorBoard too, each member into its folder; HybridmapError if it is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise HybridmapError(
                "training.tensorboard needs the package tensorboard; install it, or set it to false."
            ) from None
        self.writers = [SummaryWriter(str(folder)) for folder in folders]

    def __call__(self, member: int, row: Epoch) -> None:
        """Take one epoch's row of one member."""
        if self.writers:
            for key, value in row.items():
                self.writers[member].add_scalar(key, value, int(row["epoch"]))
        if row["epoch"] != self.epoch and self.rows:
            self._report()
        self.epoch, self.rows[member] = int(row["epoch"]), row

    def _report(self) -> None:
        means = pd.DataFrame(self.rows.values()).mean().to_dict()
        scores = {str(k): v for k, v in means.items() if str(k).startswith("validation_")}
        losses = {k.removeprefix("validation_"): f"{v:.3f}" for k, v in scores.items()}
        training = f"{means['train_loss']:.3f}"
        self.bar.update(self.epoch + 1 - self.bar.n)
        self.bar.set_postfix({"models": len(self.rows), "train": training, **losses}, refresh=False)
        if self.epoch % LOGGED_EVERY == 0:
            text = " ".join(f"{k} {v}" for k, v in losses.items())
            LOG.info("epoch %d, %d models: training loss %s, validation %s", self.epoch, len(self.rows), training, text)
        self.rows = {}

    def close(self) -> None:
        """Take the bar away, and finish what is written."""
        self.bar.close()
        for writer in self.writers:
            writer.close()
