"""Verbs from public data and rasters to the cube of covariates, and to the forcing of CLM5."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridmap.cli import options
from hybridmap.cli.verb import stage, verb
from hybridmap.cli.words import Several
from hybridmap.errors import HybridmapError

if TYPE_CHECKING:
    from hybridmap.config import Config


@verb
@click.argument("names", nargs=-1, help="Data sets.")
@click.option(
    "--to",
    "folder",
    type=options.FILE,
    default=Path("data"),
    help="Folder that gets a folder for each; by default data.",
)
@click.option(
    "--from",
    "origin",
    default="",
    metavar="PLACE",
    help="Folder or address of a copy of the data, looked at first: PLACE/DATA_SET/FILE.",
)
@click.option("--offline", is_flag=True, help="Fetch nothing, but say which file belongs where.")
def _fetch(names: tuple[str, ...], folder: Path, origin: str, offline: bool) -> None:
    """Fetch public data sets by name; without a name, list them."""
    from hybridmap.fetch.catalogue import catalogue
    from hybridmap.fetch.data_set import fetch

    for name in names:
        fetch(name, folder / name, offline, origin=origin)
    if not names:
        for name, entry in catalogue().items():
            source = entry.size if entry.files else f"by hand from {entry.request}"
            sys.stdout.write(f"{name:22}{entry.title} ({entry.licence}; {source})\n")


@stage
@options.out()
@options.workers()
def _cube(config: Config, out: Path, workers: int) -> None:
    """Warp all rasters onto the grid of the region."""
    from hybridmap.config.region_layers import RegionLayers
    from hybridmap.covariates.cube_build import build_cube

    build_cube(RegionLayers.of(config), out, config.predict.tile, workers=workers)


@stage
@options.out()
def _clm5_cells(config: Config, out: Path) -> None:
    """Forcing of CLM5 from the climate of the region."""
    from hybridmap.covariates.land_model.assumptions import read_assumptions
    from hybridmap.covariates.land_model.climate_cells import write_climate_cells
    from hybridmap.grid.region_grid import RegionGrid

    layers = config.clm5_forcing
    if layers is None:
        raise HybridmapError(f"region '{config.region}' has no 'clm5_forcing'.")
    assumptions = read_assumptions(layers.assumptions)
    write_climate_cells(layers, assumptions, RegionGrid.of(config.grid), config.data_root, out)


@verb
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=options.FILE,
    help="Monthly history files (NetCDF), or layers of a climate (YAML).",
)
@click.option(
    "--from",
    "source",
    type=click.Choice(["history", "climate"]),
    default="history",
    help="What the files are; climate: temperature, precipitation, npp and land cover (docs/clm5.md).",
)
@click.option("--resolution", type=float, help="Edge of a cell of a climate, in units of the region's CRS.")
@click.option("--warming", help="K added to every month of a climate.")
@click.option("--precipitation-factor", help="Times the precipitation of a climate.")
@click.option("--npp-factor", help="Times the NPP of a climate.")
@click.option(
    "--assume", "pairs", cls=Several, metavar="KEY=VALUE", help="Values of assumptions (table in docs/clm5.md)."
)
@click.option("--sites", type=options.FILE, help="Table with site_id, lon, lat; this or --region.")
@click.option(
    "--region", cls=Several, type=options.FILE, help="Region files: all cells under it, for clm5_interval; or --sites."
)
@options.out(help="NetCDF (sites) or npz (region) to write.")
def _clm5_forcing(
    files: tuple[Path, ...],
    source: str,
    resolution: float | None,
    warming: str | None,
    precipitation_factor: str | None,
    npp_factor: str | None,
    pairs: tuple[str, ...],
    sites: Path | None,
    region: tuple[Path, ...],
    out: Path,
) -> None:
    """Forcing of the CLM5 model, from CESM history files or from climate."""
    if bool(sites) == bool(region):
        raise click.UsageError("Give --sites or --region, one of the two.", click.get_current_context())
    scenario = {"warming": warming, "precipitation_factor": precipitation_factor, "npp_factor": npp_factor}
    if source == "climate":
        changes = _assumptions(pairs) | {name: value for name, value in scenario.items() if value}
        _write_cells_of_climate(files, resolution, changes, region, out)
        return
    of_climate = {"resolution": resolution, "assume": pairs, **scenario}
    if alien := next((name for name, value in of_climate.items() if value), ""):
        raise HybridmapError(f"--{alien.replace('_', '-')} changes what is made of a climate; add --from climate.")
    from hybridmap.config.reading import load_config
    from hybridmap.covariates.clm5_forcing import write_clm5_cells, write_clm5_forcing
    from hybridmap.grid.region_grid import RegionGrid

    if sites:
        write_clm5_forcing(files, sites, out)
    else:
        write_clm5_cells(files, RegionGrid.of(load_config(*region).grid), out)


def _assumptions(pairs: tuple[str, ...]) -> dict[str, str]:
    if wrong := next((pair for pair in pairs if "=" not in pair), ""):
        raise HybridmapError(f"--assume {wrong}: expected KEY=VALUE, as thermal_diffusivity=4e-7.")
    return dict(pair.split("=", 1) for pair in pairs)


def _write_cells_of_climate(
    files: tuple[Path, ...], resolution: float | None, changes: dict[str, str], region: tuple[Path, ...], out: Path
) -> None:
    from hybridmap.config.climate_layers import load_climate_layers
    from hybridmap.config.reading import load_config
    from hybridmap.covariates.land_model.assumptions import read_assumptions
    from hybridmap.covariates.land_model.climate_cells import write_climate_cells
    from hybridmap.grid.region_grid import RegionGrid

    if not region:
        raise HybridmapError("--sites is for history files; a climate makes a table of cells, so give --region.")
    layers, config = load_climate_layers(*files), load_config(*region)
    if resolution:
        layers = layers.model_copy(update={"resolution": resolution})
    assumptions = read_assumptions({**layers.assumptions, **changes})
    write_climate_cells(layers, assumptions, RegionGrid.of(config.grid), config.data_root, out)
