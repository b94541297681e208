"""Options that verbs share, each a decorator: ``@samples()``, or ``@samples(required=False)`` if it may be absent."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from hybridmap.cli.words import Several

FILE = click.Path(path_type=Path, readable=False)
"""Of a file or folder; what reads it says what is wrong with it."""
CONFIG = click.Argument(
    ["config"],
    nargs=-1,
    required=True,
    type=FILE,
    help="Configuration files, later ones laid over earlier ones.",
)
COMMON = (
    click.Option(["--log"], type=FILE, help="Also write messages to this file."),
    click.Option(["--threads"], type=int, default=0, help="Threads for computing; 0 leaves the default."),
)
"""Options of all verbs."""

_file = partial(click.option, type=FILE, required=True)
_files = partial(_file, cls=Several)

experiment = partial(click.option, "--experiment", required=True, help="Name of the experiment.")
observations = partial(_file, "--observations", help="Table of observations.")
samples = partial(_file, "--samples", help="Observations beside covariates (samples.parquet).")
splits = partial(_file, "--splits", help="Folds (splits.parquet).")
cube = partial(_file, "--cube", help="Covariates (covariates.zarr).")
model = partial(_file, "--model", help="Folder of a trained model.")
predictions = partial(_file, "--predictions", help="Predictions of the evaluation (predictions.parquet).")
identifiability = partial(_file, "--identifiability", help="File of 'hybridmap identifiability' (JSON).")
maps = partial(_file, "--maps", help="Maps of the experiment (maps.zarr).")
results = partial(_file, "--results", help="Folder of the region.")
out = partial(_file, "--out", help="What to write.")
quality = partial(_file, "--quality", help="Table of counted drops to write.")
dropped = partial(_file, "--dropped", help="Table of dropped rows to write.")
rasters = partial(_file, "--rasters", help="Folder for Cloud-Optimized GeoTIFFs.")
summary = partial(_file, "--summary", help="List of maps (JSON).")
folds = partial(_files, "--folds", help="Folders of trained folds.")
calibration = partial(_file, "--calibration", help="Intervals of the evaluation (conformal.json).")
applicability = partial(_file, "--applicability", help="File of 'hybridmap applicability'.")
workers = partial(click.option, "--workers", type=int, default=0, help="Layers or tiles at a time; 0 takes all cores.")
device = partial(
    click.option,
    "--device",
    default="auto",
    help="Where to compute: cpu, cuda, cuda:N, or auto for the first GPU if there is one.",
)
region_folder = partial(click.argument, "results", type=FILE, help="Folder of the region, as results/demo.")
