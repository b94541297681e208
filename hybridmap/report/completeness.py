"""What of a region is finished: a report of the rest says what is missing, and never dies of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hybridmap.config import Config, Experiment
from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_csv, read_json, read_parquet
from hybridmap.files.results import ExperimentFiles, RegionFiles
from hybridmap.files.sums import changed_file
from hybridmap.samples.folds import MAP_FOLD, fold_ids


class Finished(NamedTuple):
    """What can be reported.

    Attributes
    ----------
    config : Config or None
        The region with the experiments and baselines that are judged, maps where they are made; None where there is too
        little for a page.
    missing : list of str
        What is not there, in sentences.
    """

    config: Config | None
    missing: list[str]


def finished_part(config: Config, folder: Path) -> Finished:
    """Keep what is finished of a region.

    Parameters
    ----------
    config : Config
        The whole region.
    folder : Path
        Its results.

    Returns
    -------
    Finished
        What can be reported, and what is missing.
    """
    files = RegionFiles(folder)
    if absent := [path.relative_to(folder).as_posix() for path in _region_files(config, files) if not path.exists()]:
        return Finished(None, [f"{folder} has no {', '.join(absent)}: nothing can be reported before these are made."])
    missing: list[str] = []
    judged = [_judged(e, config, files, missing) for e in config.experiments]
    experiments = [experiment for experiment in judged if experiment is not None]
    baselines = []
    for name in config.baselines:
        if files.baseline(name).metrics.is_file():
            baselines.append(name)
        else:
            missing.append(f"Baseline “{name}” is not fitted yet.")
    if not experiments:
        return Finished(None, [*missing, "No experiment is finished, so there is nothing to compare."])
    return Finished(config.model_copy(update={"experiments": experiments, "baselines": baselines}), missing)


def _region_files(config: Config, files: RegionFiles) -> Iterator[Path]:
    yield from (files.observations, files.dropped, files.quality, files.sample_quality, files.samples, files.splits)
    yield files.cube / "zarr.json"
    for source in config.observations:
        yield from (files.source(source.name), files.source_quality(source.name))


def _judged(experiment: Experiment, config: Config, files: RegionFiles, missing: list[str]) -> Experiment | None:
    """The experiment, without its maps where they are not made; None where it is not judged."""
    of = files.experiment(experiment.name)
    if absent := [path.name for path in _judging_files(experiment, config, of) if not path.exists()]:
        missing.append(f"Experiment “{experiment.name}” is not finished: no {', '.join(dict.fromkeys(absent))}.")
        return None
    if fault := _fault_of_scores(of):
        missing.append(
            f"Experiment “{experiment.name}” is left out: {fault} is not what was written; delete it and run again."
        )
        return None
    if not of.verdict.is_file():
        missing.append(f"Experiment “{experiment.name}” has no verdict yet: its physics is not judged.")
    if experiment.map and not (of.map_list.is_file() and (of.maps / "zarr.json").is_file()):
        missing.append(f"Experiment “{experiment.name}” has no maps yet.")
        return experiment.model_copy(update={"map": False})
    if experiment.map and (fault := _fault_of_maps(of)):
        missing.append(
            f"Experiment “{experiment.name}” has damaged maps, which are left out: {fault} is not what was written;"
            " delete it and run again."
        )
        return experiment.model_copy(update={"map": False})
    return experiment


def _fault_of_scores(files: ExperimentFiles) -> str:
    """The first table of held-out sites, or verdict, that is damaged or has no rows; "" where all are whole."""
    scores = files.scores
    columns_of = {
        scores.predictions: ("part", "scheme"),
        scores.metrics: ("scheme", "fold", "part", "subset", "model", "target", "nse"),
        scores.ladder: ("scheme", "target", "rung", "score", "value"),
        scores.intervals: ("scheme", "fold", "source", "target", "stratum", "class", "coverage"),
    }
    for path, columns in columns_of.items():
        if not _has_rows(path, columns, may_be_empty=path == scores.intervals):
            return path.name
    return "" if not files.verdict.is_file() or _is_verdict(files.verdict) else files.verdict.name


def _has_rows(path: Path, columns: tuple[str, ...], *, may_be_empty: bool) -> bool:
    """Whether a table can be read, and has what the page looks for."""
    try:
        table = read_parquet(path) if path.suffix == ".parquet" else read_csv(path)
    except HybridmapError:
        return False
    return set(columns) <= set(table.columns) and (may_be_empty or not table.empty)


def _is_verdict(path: Path) -> bool:
    try:
        verdict = read_json(path)
    except HybridmapError:
        return False
    return isinstance(verdict, dict) and "physics" in verdict


def _fault_of_maps(files: ExperimentFiles) -> str:
    """The first file of the maps that is lost or damaged; "" where all are whole."""
    try:
        entries = read_json(files.map_list)
    except HybridmapError:
        return files.map_list.name
    return changed_file(files.maps) if isinstance(entries, list) else files.map_list.name


def _judging_files(experiment: Experiment, config: Config, files: ExperimentFiles) -> Iterator[Path]:
    """Tables of held-out sites, and the models that figures are drawn of."""
    scores = files.scores
    yield from (scores.predictions, scores.metrics, scores.intervals, scores.ladder, scores.bias, scores.variogram)
    first = experiment.splits[0]
    runs = {split.name: split.runs for split in config.splits}[first]
    for fold in fold_ids({first: runs}):
        if fold != MAP_FOLD or experiment.map:
            yield from (files.fold(fold).history, files.fold(fold).model)
