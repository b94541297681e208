"""The command line: one verb a stage, no logic of its own."""

from __future__ import annotations

import argparse
import functools
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.files.messages import disk_is_full, start_log

LOG = logging.getLogger("hybridmap")
Command = Callable[[Config, argparse.Namespace], None]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 with one sentence on standard error for bad input."""
    args = _parser().parse_args(arguments)
    start_log(args.log)
    try:
        if args.threads:
            import torch

            torch.set_num_threads(args.threads)
        args.run(args)
    except HybridmapError as error:
        LOG.error("hybridmap %s: %s", args.verb, error)
        return 1
    except Exception as error:
        if not disk_is_full(error):
            raise
        place = getattr(error, "filename", None) or "an output"
        LOG.error("hybridmap %s: %s: the disk is full; make room and run again.", args.verb, place)
        return 1
    return 0


def entry() -> None:
    """Entry point of the ``hybridmap`` program."""
    sys.exit(main())


def _demo(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.testing.files import write_landscape

    write_landscape(config, args.out)


def _ingest(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.observations.ingest import ingest

    ingest(config, args.source, args.out, args.quality)


def _build(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.observations.build import build

    build(config, args.observations, args.out, args.quality, args.dropped)


def _cube(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.covariates.cube_build import build_cube

    build_cube(config, args.out, workers=args.workers)


def _sample(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.samples.sample import sample

    sample(config, args.observations, args.cube, args.out, args.quality)


def _split(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.samples.splits import split

    split(config, args.samples, args.out, args.cube)


def _train(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.experiment.training import train_folds

    train_folds(config, args.experiment, args.fold, args.samples, args.splits, args.out, args.device)


def _evaluate(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.scores import evaluate

    models = {folder.name: folder / "model" for folder in args.folds}
    evaluate(config.experiment(args.experiment), args.samples, args.splits, models, args.out)


def _baseline(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.baselines import baseline

    baseline(args.name, config.covariates, config.splits, args.samples, args.splits, args.out)


def _applicability(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.applicability_threshold import learn_applicability

    experiment, references = config.experiment(args.experiment), config.predict.references
    learn_applicability(experiment, config.covariates, references, args.model, args.samples, args.splits, args.out)


def _predict(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.predict.worker_start import passes_of, start_early

    if not args.plan and not args.scheduler:
        start_early(args.cube, passes_of(config.experiment(args.experiment).uncertainty, config.predict))
    from hybridmap.export.cog import write_cogs
    from hybridmap.predict.run import predict, recipe_of

    recipe = recipe_of(config, args.experiment, args.model, args.calibration, args.applicability)
    if args.plan:
        from hybridmap.predict.estimate import estimate

        found = estimate(recipe, args.cube, args.workers)
        LOG.info("%s", "\n".join(found.lines()))
        if args.summary:
            found.save(args.summary)
        return
    for option in ("out",) if args.part else ("out", "rasters", "summary"):
        if getattr(args, option) is None:
            about = PATH_OPTIONS["--" + option]
            raise HybridmapError(f"--{option} is missing: {about} (or --plan to only look ahead).")
    title = config.experiment(args.experiment).title or args.experiment
    title = f"{config.title or config.region}: {title}"
    rasters = functools.partial(write_cogs, args.out, args.rasters, args.summary)
    predict(recipe, args.cube, args.out, args.workers, title, args.scheduler, args.part, rasters)


def _stac(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.export.stac import write_stac

    write_stac(config, args.experiment, args.maps, args.summary, args.samples, args.out)


def _totals(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.export.totals import totals

    totals(config, args.experiment, args.maps, args.out)


def _diagnose(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.diagnose.plausibility import diagnose

    diagnose(config.experiment(args.experiment), args.predictions, args.maps, args.model, args.out)


def _reference(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.reference_map import compare_reference

    if config.reference is None:
        raise HybridmapError(f"region '{config.region}' has no 'reference'.")
    compare_reference(config.reference, config.data_root, args.maps, args.out)


def _report(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.report.html import report

    report(config, args.results, args.out, args.figures)


def _check(args: argparse.Namespace) -> None:
    from hybridmap.check.process_model import check_model
    from hybridmap.check.region import check
    from hybridmap.config.reading import load_config
    from hybridmap.process import list_processes

    models = [path for path in args.config if path.suffix == ".py" or str(path) in list_processes()]
    files = [path for path in args.config if path not in models]
    lines = [line for path in models for line in check_model(str(path))]
    for line in [*lines, *(check(load_config(*files)) if files else [])]:
        LOG.info("%s", line)


def _schema(args: argparse.Namespace) -> None:
    if args.markdown:
        from hybridmap.config.reference_page import markdown

        sys.stdout.write(markdown())
        return
    json.dump(Config.model_json_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")


def _formats(args: argparse.Namespace) -> None:
    from hybridmap.observations.format_pages import format_page, write_format_pages
    from hybridmap.observations.known_formats import format_names, read_format

    if args.out:
        write_format_pages(args.out)
    for name in [args.name] if args.name else [] if args.out else format_names():
        sys.stdout.write(format_page(name) if args.name else f"{name:28}{read_format(name).title}\n")


def _fetch(args: argparse.Namespace) -> None:
    from hybridmap.fetch.catalogue import catalogue, fetch

    for name in args.names:
        fetch(name, args.to / name, args.offline)
    if not args.names:
        for name, entry in catalogue().items():
            how = entry.size if entry.files else f"by hand from {entry.request}"
            sys.stdout.write(f"{name:22}{entry.title} ({entry.licence}; {how})\n")


def _forcing(args: argparse.Namespace) -> None:
    from hybridmap.config.reading import load_config
    from hybridmap.covariates.clm5_forcing import write_clm5_cells, write_clm5_forcing
    from hybridmap.grid.region_grid import RegionGrid

    if args.region:
        write_clm5_cells(args.files, RegionGrid.of(load_config(*args.region).grid), args.out)
    else:
        write_clm5_forcing(args.files, args.sites, args.out)


def _init(args: argparse.Namespace) -> None:
    from hybridmap.check.region import write_template

    write_template(args.out)


PATH_OPTIONS: dict[str, str] = {
    "--observations": "table(s) of observations",
    "--samples": "samples.parquet",
    "--splits": "splits.parquet",
    "--cube": "covariates.zarr",
    "--model": "folder of a trained model",
    "--predictions": "predictions.parquet of the evaluation",
    "--maps": "maps.zarr of the experiment",
    "--results": "folder of the region",
    "--out": "what to write",
    "--quality": "table of counted drops to write",
    "--dropped": "table of dropped rows to write",
    "--rasters": "folder for Cloud-Optimized GeoTIFFs",
    "--summary": "list of maps (JSON)",
    "--figures": "folder for figures",
    "--folds": "folders of trained folds",
    "--calibration": "conformal.json of the evaluation, for intervals",
    "--applicability": "file of 'hybridmap applicability'",
}
SEVERAL = {("build", "--observations"), ("evaluate", "--folds")}
OPTIONAL = {
    ("diagnose", "--maps"),
    ("ingest", "--quality"),
    ("split", "--cube"),
    *(("predict", option) for option in ("--calibration", "--applicability", "--out", "--rasters", "--summary")),
}

VERBS: dict[str, tuple[Command, str, tuple[str, ...]]] = {
    "demo": (_demo, "make the inputs of the synthetic region", ("--out",)),
    "ingest": (_ingest, "read one observation table into the common schema", ("--source", "--out", "--quality")),
    "build": (
        _build,
        "densities, quality control, one row a site",
        ("--observations", "--out", "--quality", "--dropped"),
    ),
    "cube": (_cube, "warp all rasters onto the grid of the region", ("--out", "--workers")),
    "sample": (_sample, "covariates at the observations", ("--observations", "--cube", "--out", "--quality")),
    "split": (_split, "deal sites into folds", ("--samples", "--cube", "--out")),
    "train": (
        _train,
        "train folds side by side",
        ("--experiment", "--fold", "--samples", "--splits", "--out", "--device"),
    ),
    "evaluate": (
        _evaluate,
        "scores per target and fold",
        ("--experiment", "--samples", "--splits", "--folds", "--out"),
    ),
    "baseline": (_baseline, "fit an ordinary model to every fold", ("--name", "--samples", "--splits", "--out")),
    "applicability": (
        _applicability,
        "what decides where a model applies",
        ("--experiment", "--model", "--samples", "--splits", "--out"),
    ),
    "predict": (
        _predict,
        "maps as Zarr and GeoTIFF",
        (
            *("--experiment", "--model", "--cube", "--calibration", "--applicability"),
            *("--out", "--rasters", "--summary", "--workers", "--scheduler", "--part", "--plan"),
        ),
    ),
    "stac": (_stac, "describe the maps as a STAC item", ("--experiment", "--maps", "--summary", "--samples", "--out")),
    "totals": (_totals, "carbon stocks of polygons", ("--experiment", "--maps", "--out")),
    "diagnose": (_diagnose, "is the model plausible?", ("--experiment", "--predictions", "--maps", "--model", "--out")),
    "reference": (_reference, "compare the SOC map with a published one", ("--maps", "--out")),
    "report": (_report, "one self-contained page about the region", ("--results", "--out", "--figures")),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hybridmap", description="Hybrid models of soil organic carbon.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (command, text, options) in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("config", nargs="+", type=Path, help="configuration files, later ones laid over earlier ones")
        for option in options:
            _add_option(verb, name, option)
        verb.set_defaults(run=_with_config(command))
        _add_common(verb)
    check = verbs.add_parser("check", help="find every mistake in a configuration and its data before anything runs")
    check.add_argument(
        "config", nargs="+", type=Path, help="configuration files, or process models: .py files or names"
    )
    check.set_defaults(run=_check)
    schema = verbs.add_parser("schema", help="print the JSON schema of the configuration")
    schema.add_argument("--markdown", action="store_true", help="as the reference page of the docs")
    schema.set_defaults(run=_schema)
    formats = verbs.add_parser("formats", help="list the data sets that are known by name, or describe one")
    formats.add_argument("name", nargs="?", help="name of the format to describe")
    formats.add_argument("--out", type=Path, help="folder for a page of each format")
    formats.set_defaults(run=_formats)
    fetch = verbs.add_parser("fetch", help="fetch public data sets by name; without a name, list them")
    fetch.add_argument("names", nargs="*", help="data sets")
    fetch.add_argument("--to", type=Path, default=Path("data"), help="folder that gets a folder for each")
    fetch.add_argument("--offline", action="store_true", help="fetch nothing, but say which file belongs where")
    fetch.set_defaults(run=_fetch)
    forcing = verbs.add_parser("clm5-forcing", help="forcing of the CLM5 model at sites, from CESM history files")
    forcing.add_argument("files", nargs="+", type=Path, help="monthly history files (NetCDF)")
    place = forcing.add_mutually_exclusive_group(required=True)
    place.add_argument("--sites", type=Path, help="table with site_id, lon, lat")
    place.add_argument("--region", type=Path, nargs="+", help="region files: all cells under it, for clm5_interval")
    forcing.add_argument("--out", type=Path, required=True, help="NetCDF (sites) or npz (region) to write")
    forcing.set_defaults(run=_forcing)
    init = verbs.add_parser("init", help="write a commented region file to start from")
    init.add_argument("out", type=Path, help="region file to write")
    init.set_defaults(run=_init)
    for verb in (check, schema, formats, fetch, forcing, init):
        _add_common(verb)
    return parser


def _add_option(verb: argparse.ArgumentParser, name: str, option: str) -> None:
    if option == "--workers":
        verb.add_argument(option, type=int, default=0, help="layers or tiles at a time; 0 takes all cores")
    elif option == "--scheduler":
        verb.add_argument(
            option, default="", help="address or file of a dask scheduler whose workers predict the tiles"
        )
    elif option == "--part":
        verb.add_argument(option, default="", help="k/n: only every n-th tile from the k-th; a run without finishes")
    elif option == "--plan":
        verb.add_argument(
            option, action="store_true", help="predict nothing, but say what it would take; --summary for JSON"
        )
    elif option == "--device":
        verb.add_argument(option, default="auto", choices=["auto", "cpu", "cuda"], help="where to train")
    elif option == "--fold":
        verb.add_argument(option, nargs="+", required=True, help="names of folds, such as block-0, or all")
    elif option in PATH_OPTIONS:
        many = {"nargs": "+"} if (name, option) in SEVERAL else {}
        required = (name, option) not in OPTIONAL
        verb.add_argument(option, type=Path, required=required, help=PATH_OPTIONS[option], **many)
    else:
        verb.add_argument(option, required=True, help="name of the " + option.removeprefix("--"))


def _add_common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--log", type=Path, help="also write messages to this file")
    verb.add_argument("--threads", type=int, default=0, help="threads for computing; 0 leaves the default")


def _with_config(command: Command) -> Callable[[argparse.Namespace], None]:
    def run(args: argparse.Namespace) -> None:
        from hybridmap.config.reading import load_config

        command(load_config(*args.config), args)

    return run


if __name__ == "__main__":
    entry()
