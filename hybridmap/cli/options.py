"""Arguments of the command line by name, with their help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Argument:
    """An argument of a verb: its name, and the settings that :mod:`argparse` takes."""

    name: str
    settings: dict[str, Any]
    alternative: bool = False
    """Exactly one of the alternatives of a verb is given."""


Arguments = tuple[Argument, ...]


def argument(name: str, alternative: bool = False, **settings: Any) -> Argument:
    """Shorter way to write an :class:`Argument`."""
    return Argument(name, settings, alternative)


OPTIONS: dict[str, dict[str, Any]] = {
    "--experiment": {"help": "name of the experiment"},
    "--source": {"help": "name of the source"},
    "--name": {"help": "name of the baseline"},
    "--fold": {"help": "names of folds, such as block-0, or all"},
    "--observations": {"type": Path, "help": "table(s) of observations"},
    "--samples": {"type": Path, "help": "samples.parquet"},
    "--splits": {"type": Path, "help": "splits.parquet"},
    "--cube": {"type": Path, "help": "covariates.zarr"},
    "--model": {"type": Path, "help": "folder of a trained model"},
    "--predictions": {"type": Path, "help": "predictions.parquet of the evaluation"},
    "--baselines": {"type": Path, "nargs": "*", "default": [], "help": "folders of baselines, lowest first"},
    "--skill": {"type": Path, "help": "skill.json of the evaluation"},
    "--identifiability": {"type": Path, "help": "identifiability.json of 'hybridmap identifiability'"},
    "--starts": {"action": "store_true", "help": "also train from random starts, as the section says"},
    "--held-out": {"type": Path, "help": "summary.json of 'hybridmap expected-error'"},
    "--maps": {"type": Path, "help": "maps.zarr of the experiment"},
    "--count": {"type": int, "help": "how many places"},
    "--results": {"type": Path, "help": "folder of the region"},
    "--changes": {"type": Path, "help": "table of changes under scenarios to write"},
    "--out": {"type": Path, "help": "what to write"},
    "--quality": {"type": Path, "help": "table of counted drops to write"},
    "--dropped": {"type": Path, "help": "table of dropped rows to write"},
    "--rasters": {"type": Path, "help": "folder for Cloud-Optimized GeoTIFFs"},
    "--summary": {"type": Path, "help": "list of maps (JSON)"},
    "--items": {"type": Path, "help": "STAC items of experiments"},
    "--catalog": {"type": Path, "help": "STAC catalog of the region, which links the item"},
    "--project": {"type": Path, "help": "QGIS project of the maps to write (QGS)"},
    "--sums": {"type": Path, "help": "sums of the files of all trained models, NAME.sums (JSON)"},
    "--figure": {"type": Path, "help": "figure to write (PNG)"},
    "--figures": {"type": Path, "help": "folder for figures"},
    "--folds": {"type": Path, "help": "folders of trained folds"},
    "--calibration": {"type": Path, "help": "conformal.json of the evaluation, for intervals"},
    "--applicability": {"type": Path, "help": "file of 'hybridmap applicability'"},
    "--expected-error": {"type": Path, "help": "expected_error.npz of 'hybridmap expected-error'"},
    "--workers": {"type": int, "default": 0, "help": "layers or tiles at a time; 0 takes all cores"},
    "--processes": {"type": int, "default": 1, "help": "experiments whose figures are drawn at a time"},
    "--scheduler": {
        "default": "",
        "help": "address or file of a dask scheduler whose workers predict the tiles",
    },
    "--patience": {
        "type": float,
        "default": 300.0,
        "help": "seconds to wait for the file of a dask scheduler, and for its workers when none is left",
    },
    "--part": {"default": "", "help": "k/n: only every n-th tile from the k-th; a run without finishes"},
    "--plan": {
        "action": "store_true",
        "help": "predict nothing, but say what it would take; --summary for JSON",
    },
    "--accept-implausible": {"action": "store_true", "help": "write GeoTIFFs also where physics fails"},
    "--device": {
        "default": "auto",
        "help": "where to compute: cpu, cuda, cuda:N, or auto for the first GPU if there is one",
    },
}
"""Options that stages share; one without a default or an action must be given."""


def whole_number(text: str) -> int:
    """A count, also as 6e9.

    Examples
    --------
    >>> whole_number("6e9")
    6000000000
    """
    value = float(text)
    if value <= 0 or value != int(value):
        raise ValueError(text)
    return int(value)


SCENARIO = ("warming", "precipitation_factor", "npp_factor")
"""Assumptions that are options of their own."""
FORCING_ARGUMENTS: Arguments = (
    argument("files", nargs="+", type=Path, help="monthly history files (NetCDF), or layers of a climate (YAML)"),
    argument(
        "--from",
        dest="source",
        choices=["history", "climate"],
        default="history",
        help="what the files are; climate: temperature, precipitation, npp and land cover (docs/clm5.md)",
    ),
    argument("--resolution", type=float, help="edge of a cell of a climate, in units of the region's CRS"),
    argument("--warming", help="K added to every month of a climate"),
    argument("--precipitation-factor", help="times the precipitation of a climate"),
    argument("--npp-factor", help="times the NPP of a climate"),
    argument(
        "--assume",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="values of assumptions (table in docs/clm5.md)",
    ),
    argument("--sites", type=Path, help="table with site_id, lon, lat", alternative=True),
    argument(
        "--region",
        type=Path,
        nargs="+",
        help="region files: all cells under it, for clm5_interval",
        alternative=True,
    ),
    argument("--out", type=Path, required=True, help="NetCDF (sites) or npz (region) to write"),
)
"""Those of ``hybridmap clm5-forcing``."""

PLAN_ARGUMENTS: Arguments = (
    argument("config", nargs="+", type=Path, help="region files, laid over the packaged defaults"),
    argument("--cells", type=whole_number, default=0, help="cells with data, as 6e9; by default all of the grid"),
    argument("--covariates", type=whole_number, default=0, help="how many; by default those of the region"),
    argument("--resolution", type=float, default=0.0, help="cell size, in units of the CRS of the region"),
    argument("--sites", type=whole_number, default=0, help="sites to train on; without it training is not counted"),
    argument("--hours", type=float, default=24.0, help="in which the work shall be done (24)"),
    argument("--node-cores", type=whole_number, default=32, help="cores of a node (32)"),
    argument("--node-memory-gb", type=float, default=0.0, help="memory of the largest node, held against every job"),
    argument("--core-hour-price", type=float, default=0.0, help="of a core for an hour, in any currency"),
    argument("--tb-month-price", type=float, default=0.0, help="of a terabyte for a month"),
    argument("--months", type=float, default=1.0, help="that layers and maps are kept (1)"),
)
"""Those of ``hybridmap plan``."""


def option(text: str) -> Argument:
    """The option of a stage as it is written in its list: ``--quality?`` may be left out, ``--folds+`` takes several.

    Examples
    --------
    >>> option("--quality?").settings["required"]
    False
    """
    name = text.rstrip("?+")
    settings = dict(OPTIONS[name])
    if "default" not in settings and "action" not in settings:
        settings["required"] = not text.endswith("?")
    if text.endswith("+"):
        settings["nargs"] = "+"
    return Argument(name, settings)
