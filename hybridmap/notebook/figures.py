"""The figures of the report, drawn one at a time for a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hybridmap.config.reading import load_config
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.results import RegionFiles
from hybridmap.plot import style
from hybridmap.report.captions import EXPERIMENT, LADDER, REGION
from hybridmap.report.completeness import finished_part
from hybridmap.report.figures import Drawing, experiment_parts, map_frame, mark_of, region_parts
from hybridmap.report.results import Results
from hybridmap.report.scales import scales_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ReportFigures:
    """Figures of a region or of one of its experiments.

    Parameters
    ----------
    files : RegionFiles
        Of the region.
    experiment : str
        Its name; "" for the figures of the region itself.

    Raises
    ------
    HybridmapError
        If the region was never reported, or nothing of it is finished.
    """

    def __init__(self, files: RegionFiles, experiment: str = "") -> None:
        settings = files.settings("report")
        if not settings.is_file():
            raise HybridmapError(f"{settings}: not there; the workflow writes it with the report, 'snakemake report'.")
        config = finished_part(load_config(settings), files.folder).config
        names = [] if config is None else [e.name for e in config.experiments]
        if config is None or (experiment and experiment not in names):
            raise HybridmapError(f"{files.folder}: not finished, so it has no figures; 'snakemake report' says why.")
        self.results, self.experiment = Results(config, files.folder), experiment
        self.results.scales = scales_of(self.results)

    @property
    def parts(self) -> Mapping[tuple[str, ...], Drawing]:
        """What draws the figures, by their names."""
        if not self.experiment:
            return region_parts(self.results, Path())
        return experiment_parts(self.results, self.experiment, map_frame(self.results), Path())

    def captions(self) -> dict[str, str]:
        """How to read each figure that there can be, by its name."""
        captions = EXPERIMENT if self.experiment else REGION
        return {name: captions.get(name, LADDER).text for names in self.parts for name in names}

    def draw(self, name: str) -> Figure:
        """One figure.

        Raises
        ------
        HybridmapError
            If there is none of the name, or its numbers are not there.
        """
        drawing = next((draw for names, draw in self.parts.items() if name in names), None)
        subject = f"experiment '{self.experiment}'" if self.experiment else f"region '{self.results.config.region}'"
        if drawing is None:
            names = list(self.captions())
            raise HybridmapError(f"{subject} has no figure '{name}'{nearest(name, names)}; there are {names}.")
        mark = mark_of(self.results, self.experiment) if self.experiment else ""
        with style.gathered() as figures, style.marked(mark):
            drawing()
        figure = figures.get(f"{self.experiment}_{name}" if self.experiment else name)
        if figure is None:
            raise HybridmapError(
                f"{subject} has nothing to show as '{name}', so the report leaves that figure out too."
            )
        return figure
