"""What a region will take before anything is there: jobs, hours, nodes, storage and cost, from measured rates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hybridmap.check.maps import map_names
from hybridmap.check.region_jobs import job_counts
from hybridmap.config import Config, Experiment
from hybridmap.errors import HybridmapError
from hybridmap.grid.store import shard_edge

RATES = Path(__file__).with_name("rates.yaml")
"""Measured numbers, each with the command that measured it."""
ATTEMPTS = 3
"""Of a job in the profiles of clusters; the last gets so many times the memory and time."""
ARRAYS = 4
"""Arrays of a cube, with a file a tile each: covariates, two of forcing, and where all are complete."""
MOST_TILES = 20_000
"""Tiles of a map, each a file, beyond which a larger one is advised."""
HOUR_S = 3600.0
GB, TB = 1e9, 1e12


@dataclass(frozen=True)
class Wish:
    """What a user says of the region that its file does not, and of the machines.

    Attributes
    ----------
    cells, covariates, sites : int
        Instead of those of the region file; 0 takes its. Cells are those with data; no file says how many sites.
    resolution : float
        Cell size instead of that of the region file, in units of its CRS; 0 takes its.
    hours : float
        Hours [h] in which the maps shall be ready.
    node_cores : int
        Cores of a node.
    node_memory_gb : float
        Memory of the largest node [GB]; 0 is not known.
    core_hour_price, tb_month_price, months : float
        Price of an hour of a core and of a terabyte in a month, in any currency, and months that results are kept.
    """

    cells: int = 0
    covariates: int = 0
    sites: int = 0
    resolution: float = 0.0
    hours: float = 24.0
    node_cores: int = 32
    node_memory_gb: float = 0.0
    core_hour_price: float = 0.0
    tb_month_price: float = 0.0
    months: float = 1.0


@dataclass(frozen=True)
class Size:
    """Cells with data, layers of them (covariates and forcing), edge of a tile in cells, and sites."""

    cells: int
    layers: int
    edge: int
    sites: int

    @property
    def tiles(self) -> int:
        """Tiles that hold data, at the least."""
        return math.ceil(self.cells / self.edge**2)


@dataclass(frozen=True)
class RuleCost:
    """Jobs of a rule: how many; threads, memory [MB] and time limit [h] of one; CPU time of all [h] or None."""

    rule: str
    jobs: int
    threads: int
    memory_mb: int
    limit_h: float
    core_h: float | None

    @property
    def job_h(self) -> float:
        """Hours of one job on its threads, 0 where they are not known."""
        return (self.core_h or 0.0) / self.jobs / self.threads


def plan_lines(config: Config, wish: Wish, needs: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Say what a region takes.

    Parameters
    ----------
    config : Config
        Of the region.
    wish : Wish
        What its file does not say.
    needs : mapping of str to mapping
        Rule → ``mem_mb``, ``runtime`` [min] and ``threads`` of a job: ``workflow/resources.yaml``.

    Returns
    -------
    list of str
        A page in Markdown.

    Raises
    ------
    HybridmapError
        If an experiment of the region is wrong, or no node has the memory of a job.
    """
    rates = _read_rates()
    size, maps = _size(config, wish), _maps(config)
    costs = list(_costs(config, size, maps, needs, rates))
    if 0 < wish.node_memory_gb * 1000 < max(cost.memory_mb for cost in costs):
        largest = max(costs, key=lambda cost: cost.memory_mb)
        raise HybridmapError(
            f"--node-memory-gb: a job of {largest.rule} asks for {largest.memory_mb / 1000:g} GB at its first attempt"
            f" and no node has more than {wish.node_memory_gb:g} GB; set-resources of the profile says less for it."
        )
    storage = _storage(size, sum(maps.values()), rates)
    return [
        *_title_lines(config, size, maps),
        *_table(costs),
        *_total_lines(costs, wish),
        *_storage_lines(storage, wish),
        *_limit_lines(costs, size, rates, _map_seconds(config, size, maps, _values(rates))),
        *_rate_lines(rates),
    ]


def _read_rates() -> dict[str, dict[str, Any]]:
    rates: dict[str, dict[str, Any]] = yaml.safe_load(RATES.read_text(encoding="utf-8"))
    return rates


def _values(rates: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {name: float(entry["value"]) for name, entry in rates.items()}


def _size(config: Config, wish: Wish) -> Size:
    """Of the region, or as wished; all cells of the grid have data where nothing says how many."""
    west, south, east, north = config.grid.bounds
    edge = wish.resolution or config.grid.resolution
    of_grid = math.ceil((east - west) / edge) * math.ceil((north - south) / edge)
    covariates = wish.covariates or len(config.covariates)
    return Size(wish.cells or of_grid, covariates + len(config.forcing), shard_edge(config.predict.tile), wish.sites)


def _maps(config: Config) -> dict[str, int]:
    """Number of maps of each experiment that has some."""
    return {e.name: len(map_names(config, e)) for e in config.experiments if e.map}


def _costs(
    config: Config,
    size: Size,
    maps: Mapping[str, int],
    needs: Mapping[str, Mapping[str, int]],
    rates: Mapping[str, Mapping[str, Any]],
) -> Iterator[RuleCost]:
    """Of every rule of the workflow that has jobs, in its order."""
    hours = _core_hours(config, size, maps, rates)
    for rule, jobs in job_counts(config).items():
        granted = needs[rule]
        runtime = granted["runtime"] * (2 if rule == "train" and not config.fan_out else 1)
        yield RuleCost(rule, jobs, granted["threads"], granted["mem_mb"], runtime / 60, hours.get(rule))


def _core_hours(
    config: Config, size: Size, maps: Mapping[str, int], rates: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """CPU time [h] of all jobs of the rules whose rates are measured."""
    rate = _values(rates)
    of_maps = _map_seconds(config, size, maps, rate)
    rasters = of_maps["GeoTIFFs"]
    predicting = sum(of_maps.values()) - rasters
    seconds = {"cube": size.cells / 1e6 * size.layers * rate["cube"]}
    if maps:
        seconds |= {"predict_part" if config.predict.parts > 1 else "predict": predicting, "export": rasters}
    if size.sites:
        epochs = sum(
            e.training.max_epochs * _networks(e) * (len(_folds(config, e)) + e.map) for e in config.experiments
        )
        seconds["train"] = size.sites * epochs / 1e6 * rate["train"]
    return {rule: value / HOUR_S for rule, value in seconds.items()}


def _map_seconds(config: Config, size: Size, maps: Mapping[str, int], rate: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds of what all maps are made by."""
    million, count = size.cells / 1e6, sum(maps.values())
    return {
        "reading": million * rate["read"] * size.layers * len(maps),
        "network and process": million * sum(_computing(config.experiment(name), size.layers, rate) for name in maps),
        "writing": million * count * rate["write"],
        "GeoTIFFs": million * count * rate["rasters"],
    }


def _computing(experiment: Experiment, layers: int, rate: Mapping[str, float]) -> float:
    """CPU seconds of a million cells, reading and writing apart; every draw is computed once more."""
    family = experiment.process.name.partition("_")[0] if experiment.process else ""
    light = rate["compute"] + rate["compute_layer"] * layers
    return rate.get(f"process_{family}", light) * _draws(experiment)


def _draws(experiment: Experiment) -> int:
    """Predictions of a cell."""
    options = experiment.uncertainty
    counts = {"mc_dropout": options.passes, "laplace": options.draws, "smoother": options.draws}
    return counts.get(options.method, _networks(experiment))


def _networks(experiment: Experiment) -> int:
    """Networks that train side by side in a fold."""
    is_several = experiment.uncertainty.method in ("ensemble", "randomised_priors")
    return experiment.uncertainty.members if is_several else 1


def _folds(config: Config, experiment: Experiment) -> list[int]:
    return [k for split in config.splits if split.name in experiment.splits for k in range(split.runs)]


@dataclass(frozen=True)
class Storage:
    """Bytes of layers and cube, of maps and of GeoTIFFs, and the number of files of cube and maps."""

    layers: float
    maps: float
    rasters: float
    files: int

    @property
    def total(self) -> float:
        """Bytes of all."""
        return self.layers + self.maps + self.rasters


def _storage(size: Size, maps: int, rates: Mapping[str, Mapping[str, Any]]) -> Storage:
    """What the results hold; each layer is kept by itself and in the cube."""
    layers = 2 * size.cells * size.layers * float(rates["layer_bytes"]["value"])
    rasters = size.cells * maps * float(rates["raster_bytes"]["value"])
    files = size.tiles * (maps + ARRAYS) + maps
    return Storage(layers, size.cells * maps * float(rates["map_bytes"]["value"]), rasters, files)


def _title_lines(config: Config, size: Size, maps: Mapping[str, int]) -> list[str]:
    experiments = f"{len(config.experiments)} experiments, {len(maps)} of them with {sum(maps.values())} maps in all"
    return [
        f"# What {config.title or config.region} takes",
        "",
        f"{size.cells / 1e6:,.0f} million cells with data, {size.layers} layers (covariates and forcing), at least"
        f" {size.tiles:,} tiles of {size.edge} x {size.edge} cells; {experiments}.",
        "",
    ]


def _table(costs: list[RuleCost]) -> list[str]:
    rows = [
        f"| `{c.rule}` | {c.jobs:,} | {c.threads} | {c.memory_mb / 1000:.1f} | {c.limit_h:.1f} | {_hours(c.core_h)} |"
        f" {_hours(c.job_h if c.core_h else None)} |"
        for c in costs
    ]
    head = "| rule | jobs | threads | memory [GB] | limit [h] | core hours of all | hours of one |"
    return [head, "|---|---|---|---|---|---|---|", *rows, ""]


def _hours(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.1f}" if value >= 0.1 else f"{value:.2g}"


def _total_lines(costs: list[RuleCost], wish: Wish) -> list[str]:
    core_h = sum(cost.core_h or 0.0 for cost in costs)
    nodes = math.ceil(core_h / wish.hours / wish.node_cores)
    nodes_word = "node" if nodes == 1 else "nodes"
    chain = [f"`{cost.rule}`" for cost in costs if cost.core_h]
    chain_h = sum(cost.job_h for cost in costs)
    lines = [
        f"* {sum(cost.jobs for cost in costs):,} jobs, {core_h:,.0f} core hours where rates are measured; memory, limit"
        f" and threads are those of the first attempt (`workflow/resources.yaml`), attempt {ATTEMPTS} gets {ATTEMPTS}"
        " times as much.",
        f"* In {wish.hours:g} h without gaps: {nodes:,} {nodes_word} of {wish.node_cores} cores; {chain_h:,.1f} h at"
        f" the least, the jobs of {', '.join(chain)} one after another.",
    ]
    if wish.core_hour_price:
        lines.append(f"* Computing: {core_h * wish.core_hour_price:,.2f} at {wish.core_hour_price:g} a core hour.")
    return lines


def _storage_lines(storage: Storage, wish: Wish) -> list[str]:
    lines = [
        f"* Storage: layers and cube {storage.layers / TB:,.2f} TB, maps {storage.maps / TB:,.2f} TB, GeoTIFFs"
        f" {storage.rasters / TB:,.2f} TB, {storage.files:,} files; the source rasters come on top.",
    ]
    if wish.tb_month_price:
        price = storage.total / TB * wish.months * wish.tb_month_price
        lines.append(f"* Keeping it {wish.months:g} months: {price:,.2f} at {wish.tb_month_price:g} a TB and month.")
    if not (wish.core_hour_price or wish.tb_month_price):
        lines.append("* Cost: give `--core-hour-price` and `--tb-month-price`.")
    return lines


def _limit_lines(
    costs: list[RuleCost], size: Size, rates: Mapping[str, Mapping[str, Any]], of_maps: Mapping[str, float]
) -> list[str]:
    """What bounds the run: parts of the maps, jobs longer than their time, the first look at all rasters."""
    parts = ", ".join(f"{name} {_hours(seconds / HOUR_S)} h" for name, seconds in of_maps.items())
    digest_h = size.cells * size.layers * 2 / GB / float(rates["digest"]["value"]) / HOUR_S
    lines = [
        f"* Maps, in core hours: {parts}.",
        f"* The first plan reads all source rasters once for their digests: {_hours(digest_h)} h of one core at two"
        " bytes a cell and layer; later plans remember them.",
    ]
    for cost in costs:
        if cost.job_h > cost.limit_h:
            advice = "more `predict.parts`" if cost.rule == "predict_part" else f"`set-resources: {cost.rule}`"
            lines.append(
                f"* A job of `{cost.rule}` needs {cost.job_h:,.1f} h on {cost.threads} threads and is given"
                f" {cost.limit_h:g} h: {advice}, `set-threads` or another `max-threads` in the profile."
            )
    if size.tiles > MOST_TILES:
        lines.append(
            f"* {size.tiles:,} tiles make many files: a larger `predict.tile`, such as {_larger_edge(size)}, makes"
            " fewer."
        )
    if not size.sites:
        lines.append("* Training: give `--sites`, the number of sites.")
    memory = float(rates["map_memory"]["value"])
    lines.append(
        f"* Memory does not grow with the number of cells: maps took {memory:g} GB in four workers; a tile of"
        f" {size.edge} x {size.edge} cells of {size.layers} layers is {size.edge**2 * size.layers * 4 / GB:.2g} GB."
    )
    lines += ["* Devices: cores of a CPU. No GPU was measured, so none is counted.", ""]
    return lines


def _larger_edge(size: Size) -> int:
    """The smallest power of two that leaves no more than :data:`MOST_TILES`."""
    return 1 << math.ceil(math.log2(math.sqrt(size.cells / MOST_TILES)))


def _rate_lines(rates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = [f"| {r['title']} | {r['value']} {r['unit']} | `{r['command']}` |" for r in rates.values()]
    return ["| rate | value | measured by |", "|---|---|---|", *rows]
