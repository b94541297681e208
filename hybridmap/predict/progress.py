"""How far a prediction is, for people: a line in the log, and a picture of what is done."""

from __future__ import annotations

import logging
import time

from hybridmap.grid.tiles import Tile
from hybridmap.predict.preview import Preview

LOG = logging.getLogger("hybridmap")
FIRST_S, INTERVAL_S = 10.0, 30.0
"""Seconds to the first line of progress, and between two of them."""


class Progress:
    """Counts finished cells and says from time to time how many, how fast, and how long the rest takes.

    Parameters
    ----------
    preview : Preview
        Picture that is renewed with every line.
    cells : int
        Cells to predict.
    finished : list of Tile
        Those of earlier runs, which are in the picture too.
    """

    def __init__(self, preview: Preview, cells: int, finished: list[Tile]) -> None:
        self.preview = preview
        self.cells = cells
        self._finished_cells = 0
        self._unpictured = finished
        self._start = self._last_line = time.monotonic()

    def add(self, tile: Tile) -> None:
        """Count a finished tile."""
        self._finished_cells += tile.cells
        self._unpictured.append(tile)
        if time.monotonic() - self._last_line > (INTERVAL_S if self.preview.is_written else FIRST_S):
            self._report()

    def _report(self) -> None:
        self._last_line = time.monotonic()
        rate = self._finished_cells / (self._last_line - self._start)
        rest_s = (self.cells - self._finished_cells) / rate
        share = 100 * self._finished_cells / self.cells
        LOG.info("%.0f %%, %.2f million cells/s, %.0f s left", share, rate / 1e6, rest_s)
        self.preview.add(self._unpictured)
        self._unpictured = []
