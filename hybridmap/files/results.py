"""Where the files of a region lie under ``results/{region}``: the one place of their names.

Rules, report and command line take paths from these classes. Rules put wildcards in the place of names
(``RegionFiles(folder).experiment("{experiment}").metrics``). No torch, no pandas: a dry run imports this.
"""

from __future__ import annotations

from pathlib import Path

from hybridmap.files.sums import sums_file


class RegionFiles:
    """Files of one region.

    Parameters
    ----------
    folder : Path
        ``results/{region}``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.benchmarks = folder / "benchmarks"
        # The synthetic landscape of the demo.
        self.demo_inputs = folder / "inputs" / "made.json"
        self.demo_truth = folder / "inputs" / "truth.zarr"
        # Forcing of CLM5 where the region names a climate; the raster of its cells is beside it.
        self.clm5_table = folder / "inputs" / "clm5.npz"
        self.clm5_cells = folder / "inputs" / "clm5_cell.tif"
        # Observations, covariates, samples and their folds.
        self.observations = folder / "observations.parquet"
        self.dropped = folder / "dropped.parquet"
        self.quality = folder / "quality.csv"
        self.cube = folder / "covariates.zarr"
        self.samples = folder / "samples.parquet"
        self.sample_quality = folder / "quality_samples.csv"
        self.sample_dropped = folder / "dropped_samples.parquet"
        self.splits = folder / "splits.parquet"
        # Which job made each file, from what, and the digests of all.
        self.provenance = folder / "provenance.json"
        # The STAC catalog of all maps.
        self.catalog = folder / "catalog.json"
        self.crate = folder / "ro-crate-metadata.json"
        # The page and its figures.
        self.report = folder / "report" / "index.html"
        self.figures = folder / "report" / "figures"

    def settings(self, stage: str) -> Path:
        """The part of the configuration that a stage reads."""
        return self.folder / "settings" / f"{stage}.json"

    def source(self, name: str) -> Path:
        """Layers of one observation source as read."""
        return self.folder / "observations" / f"{name}.parquet"

    def source_quality(self, name: str) -> Path:
        """Counted drops of reading one observation source."""
        return self.folder / "observations" / f"{name}.csv"

    def baseline(self, name: str) -> ScoreFiles:
        """Predictions and scores of an ordinary model."""
        return ScoreFiles(self.folder / "baselines" / name)

    def experiment(self, name: str) -> ExperimentFiles:
        """Files of an experiment."""
        return ExperimentFiles(self.folder / "experiments" / name)

    def figure(self, name: str) -> Path:
        """A figure of the report, such as ``comparison``."""
        return self.figures / f"{name}.png"


class ScoreFiles:
    """What ``evaluate`` and ``baseline`` write.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}/evaluation`` or ``baselines/{baseline}``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.predictions = folder / "predictions.parquet"
        self.metrics = folder / "metrics.csv"
        # Of experiments only.
        self.intervals = folder / "intervals.csv"
        self.area_intervals = folder / "area_intervals.csv"
        self.conformal = folder / "conformal.json"
        self.ladder = folder / "ladder.csv"
        self.skill = folder / "skill.json"
        self.bias = folder / "bias.csv"
        self.variogram = folder / "variogram.csv"


class FoldFiles:
    """What ``train`` writes of one fold.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}/{fold}``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "model"
        self.history = folder / "history.parquet"
        # Where the fold is a job of its own.
        self.trained = sums_file(folder)


class IdentifiabilityFiles:
    """What ``identifiability`` writes.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}/diagnostics``, or ``diagnostics/starts`` of trainings from random starts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary = folder / "identifiability.json"
        # A row a parameter, and a row a site.
        self.table = folder / "identifiability.csv"
        self.sites = folder / "identifiability_sites.parquet"


class ProdaFiles:
    """What ``proda`` writes.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}/proda``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary = folder / "proda.json"
        # A row a site, a row a sample.
        self.sites = folder / "sites.parquet"
        self.predictions = folder / "predictions.parquet"
        self.scores = folder / "scores.csv"
        self.bias = folder / "bias.csv"
        # Parameters and components of both.
        self.agreement = folder / "agreement.csv"
        self.bias_map = folder / "bias.png"
        self.component_map = folder / "components.png"
        self.parameter_map = folder / "parameters.png"


class RelationshipFiles:
    """What ``relationships`` writes.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}/diagnostics``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary = folder / "relationships.json"
        # A row a point of a curve, and a row a site, output and input.
        self.table = folder / "relationships.csv"
        self.sites = folder / "relationships_sites.parquet"


class ExpectedErrorFiles:
    """What ``expected-error`` writes.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}/expected_error``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = folder / "expected_error.npz"
        # Held-out sites, scores of held-out regions, and all of it in a few numbers.
        self.sites = folder / "sites.parquet"
        self.regions = folder / "regions.csv"
        self.summary = folder / "summary.json"


class ExperimentFiles:
    """Files of one experiment.

    Parameters
    ----------
    folder : Path
        ``experiments/{experiment}``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "settings.json"
        self.search = folder / "search.csv"
        # The sums of the models of all folds, written when they are trained: one file stands for them in rules.
        self.trained = sums_file(folder)
        self.scores = ScoreFiles(folder / "evaluation")
        self.saturation = folder / "diagnostics" / "saturation.json"
        self.verdict = folder / "diagnostics" / "verdict.json"
        self.identifiability = IdentifiabilityFiles(folder / "diagnostics")
        self.starts = IdentifiabilityFiles(folder / "diagnostics" / "starts")
        self.relationships = RelationshipFiles(folder / "diagnostics")
        self.proda = ProdaFiles(folder / "proda")
        self.applicability = folder / "applicability.npz"
        self.expected_error = ExpectedErrorFiles(folder / "expected_error")
        # Maps: the store, their list, and the folder of rasters; then what is made of them.
        self.maps = folder / "maps.zarr"
        self.map_list = folder / "maps.json"
        self.rasters = folder / "maps"
        self.netcdf = folder / "maps.nc"
        self.stac_item = folder / "item.json"
        self.thumbnail = folder / "item.png"
        self.project = folder / "maps.qgs"
        self.totals = folder / "totals.csv"
        self.next_samples = folder / "next_samples"
        self.changes = folder / "changes.csv"
        self.reference = folder / "reference.json"

        # Sums of what the jobs read that share the tiles of a map.
        self.part_inputs = folder / "parts" / "inputs.txt"

    def fold(self, name: str) -> FoldFiles:
        """Files of a fold, or of the model for maps."""
        return FoldFiles(self.folder / name)

    def part(self, number: str, count: int) -> Path:
        """Mark that one of the jobs that share the tiles of a map is done."""
        return self.folder / "parts" / f"{number}of{count}.done"


def metadata(store: Path) -> Path:
    """The file of a Zarr store that is written last and stands for it in rules."""
    return store / "zarr.json"
