"""Layers of all sources to one row a site on the target interval: quality control, densities, depth."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pyproj import Transformer

from hybridmap.config import Build, Config, Grid
from hybridmap.errors import HybridmapError
from hybridmap.files.tables import with_points, write_csv, write_parquet
from hybridmap.observations.bulk_density import check_pedotransfer, fill_bulk_density
from hybridmap.observations.density import soc_density
from hybridmap.observations.depth.intervals import Rules, interval_means, stocks
from hybridmap.observations.quality.drop_counts import Ladder
from hybridmap.observations.quality.rules import Rule, apply_rules, layer_rules, renormalise_texture
from hybridmap.observations.schema import LAYER_COLUMNS

LOG = logging.getLogger("hybridmap")
FRACTIONS = {"poc_g_kg": "poc_kg_m3", "moc_g_kg": "moc_kg_m3", "mbc_g_kg": "mbc_kg_m3"}
DENSITIES = ["soc_density_kg_m3", *FRACTIONS.values()]
MEANS = ["oc_g_kg", "bd_fine_g_cm3", "cf_vol", "clay_pct", "silt_pct", "sand_pct"]
SITE_COLUMNS = [
    "site_id", "source", "licence", "lon", "lat", "year", "top_cm", "bottom_cm", "oc_g_kg", "oc_flag",
    "bd_fine_g_cm3", "bd_source", "cf_vol", "cf_source", *DENSITIES, "frac_method", "mbc_method", "group_id",
    "weight", "clay_pct", "silt_pct", "sand_pct", "landcover", "bd_method", "depth_flag",
]  # fmt: skip


def build(config: Config, inputs: list[Path], out: Path, quality: Path, dropped: Path) -> None:
    """Merge ingested sources and write one row a site, the ladder of drops and the dropped rows.

    Parameters
    ----------
    config : Config
        Grid and build settings.
    inputs : list of Path
        ``observations/{source}.parquet`` files.
    out, quality, dropped : Path
        ``observations.parquet`` (GeoParquet), ``quality.csv``, ``dropped.parquet``.

    Raises
    ------
    HybridmapError
        If an input lacks columns of the schema, or nothing is left.
    """
    check_pedotransfer(config.build.pedotransfer)
    layers = pd.concat([_read_layers(path) for path in inputs], ignore_index=True)
    ladder = Ladder("build")
    sites = build_sites(layers, config.build, config.grid, ladder)
    if sites.empty:
        raise HybridmapError(
            "build: no site is left after quality control; look at the region's bounds and build.limits, and at the"
            " units of the sources."
        )
    counts = ", ".join(f"{c.split('_')[0]} {int(sites[c].notna().sum())}" for c in DENSITIES)
    LOG.info("%d sites on %g-%g cm (%s)", len(sites), config.build.top_cm, config.build.bottom_cm, counts)
    write_parquet(ladder.dropped_rows(), dropped)
    write_csv(ladder.ladder(), quality)
    write_parquet(with_points(sites), out)


def build_sites(layers: pd.DataFrame, settings: Build, grid: Grid, ladder: Ladder) -> pd.DataFrame:
    """Return one row a site (:data:`SITE_COLUMNS`) from layers of the common schema, counting drops in `ladder`."""
    layers = ladder.drop_rows(layers, pd.Series(False, index=layers.index), "read", "rows of the source")
    coordinates, *others = layer_rules(settings.limits)
    outside = Rule("outside_region", "outside the region's bounds", pa.Check(lambda t: _inside(t, grid)))
    layers = renormalise_texture(apply_rules(layers, [coordinates, outside, *others], ladder))
    layers = layers.assign(site_id=layers["source"] + ":" + layers["site_id"])
    layers = _densities(layers, settings, ladder)
    whole = _stocks(layers, settings)

    below = layers["top_cm"] >= settings.bottom_cm
    above = layers["bottom_cm"] <= settings.top_cm
    span = f"{settings.top_cm:g}-{settings.bottom_cm:g} cm"
    if settings.depth == "slice":  # a spline learns from the layers beyond the interval too
        layers = ladder.drop_rows(layers, below | above, "interval", f"layer does not touch {span}")
    if layers.empty:
        return pd.DataFrame(columns=SITE_COLUMNS)
    sites = _on_interval(layers, settings).merge(whole, on="site_id", how="left")
    nothing = sites[DENSITIES].isna().all(axis=1)
    reason = (
        f"layers cover less than {settings.min_coverage:.0%} of {span}, or leave a gap over {settings.max_gap_cm:g} cm"
    )
    kept = ladder.drop_rows(sites.assign(source_row=-1), nothing, "coverage", reason)
    return kept[[*SITE_COLUMNS, *whole.columns]].reset_index(drop=True)


def _read_layers(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    if missing := [c for c in LAYER_COLUMNS if c not in table]:
        raise HybridmapError(f"{path}: no column '{missing[0]}'; expected the output of 'hybridmap ingest'.")
    return table[list(LAYER_COLUMNS)]


def _inside(layers: pd.DataFrame, grid: Grid) -> pd.Series:
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    x, y = to_grid.transform(layers["lon"].to_numpy(float), layers["lat"].to_numpy(float))
    west, south, east, north = grid.bounds
    return pd.Series((x >= west) & (x <= east) & (y >= south) & (y <= north), index=layers.index)


def _densities(layers: pd.DataFrame, settings: Build, ladder: Ladder) -> pd.DataFrame:
    """Fill bulk density and fragments, keeping their source, and turn contents into kg m-3."""
    bulk_density, bd_source, constants = fill_bulk_density(layers, settings.pedotransfer)
    for name, values in constants.items():
        LOG.info(
            "%s constants from the measured rows: %s", name, ", ".join(f"{k} {v:.3f} g/cm3" for k, v in values.items())
        )
    fragments = layers["cf_vol"].fillna(settings.missing_coarse_fragments)
    filled = layers.assign(
        bd_fine_g_cm3=bulk_density,
        bd_source=bd_source,
        cf_source=np.where(layers["cf_vol"].notna(), "measured", "assumed"),
        cf_vol=fragments,
    )
    computed = soc_density(filled["oc_g_kg"], bulk_density, fragments)
    given = filled["soc_density_kg_m3"].notna()
    filled["soc_density_kg_m3"] = filled["soc_density_kg_m3"].fillna(computed)
    filled.loc[given & (filled["bd_source"] == "none"), "bd_source"] = "stock"
    for content, density in FRACTIONS.items():
        filled[density] = soc_density(filled[content], bulk_density, fragments)
        lost = filled[content].notna() & filled[density].isna()
        filled = ladder.drop_values(
            filled, lost, [content], "no_density", "no bulk density, and no OC to estimate it from"
        )
    limit = settings.limits.max_soc_density_kg_m3
    high = filled["soc_density_kg_m3"] > limit
    reason = f"SOC density above {limit:g} kg/m3"
    return ladder.drop_values(filled, high, ["soc_density_kg_m3"], "soc_density", reason)


def _on_interval(layers: pd.DataFrame, settings: Build) -> pd.DataFrame:
    span = settings.top_cm, settings.bottom_cm
    rules = depth_rules(settings)
    densities, cut = interval_means(layers, DENSITIES, *span, rules)
    means, _ = interval_means(layers, MEANS, *span, Rules(min_coverage=1e-9, max_gap_cm=np.inf))
    if clipped := int((cut == "clipped").any(axis=1).sum()):
        LOG.info("the spline fell below 0 and was cut at %d sites (depth_flag: clipped)", clipped)
    by_site = layers.groupby("site_id", sort=True)
    first = by_site[["source", "licence", "lon", "lat", "landcover"]].first()
    # An empty label must not hide a filled one of a deeper layer.
    labels = by_site[["frac_method", "mbc_method", "bd_method"]].max()
    flags = by_site["oc_flag"].agg(lambda f: "lod" if (f == "lod").any() else "ok")
    weakest = {name: by_site[name].agg(_weakest_source) for name in ("bd_source", "cf_source")}
    sites = pd.concat([first, by_site["year"].mean(), labels, flags, means, densities], axis=1).assign(**weakest)
    place = sites["lon"].map("{:.4f}".format) + " " + sites["lat"].map("{:.4f}".format)
    sites["depth_flag"] = np.where((cut == "clipped").any(axis=1), "clipped", "")
    sites["group_id"] = revisit_groups(place, by_site["revisit_id"].max())
    return sites.assign(weight=1.0, top_cm=settings.top_cm, bottom_cm=settings.bottom_cm).reset_index()


def depth_rules(settings: Build) -> Rules:
    """Settings of a region as rules of :mod:`hybridmap.observations.depth.intervals`."""
    return Rules(settings.depth, settings.smoothing, settings.min_coverage, settings.max_gap_cm, settings.extrapolate)


def revisit_groups(place: pd.Series, revisit: pd.Series) -> pd.Series:
    """Group of each site: sites at one place, or with one ``revisit_id``, and whatever these link, belong together.

    Parameters
    ----------
    place, revisit : Series of str
        Rounded coordinate and identifier shared by campaigns ("" for none), by site.

    Returns
    -------
    Series of str
        Name of the group: the first place in it.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    places, names = pd.factorize(place)
    known = (revisit != "").to_numpy()
    visits = np.full(len(place), -1)
    visits[known] = pd.factorize(revisit[known])[0]
    links = (np.ones(int(known.sum())), (places[known], len(names) + visits[known]))
    size = len(names) + int(visits.max(initial=-1)) + 1
    group = connected_components(coo_matrix(links, shape=(size, size)), directed=False)[1][places]
    first = pd.Series(place.to_numpy()).groupby(group).transform("first")
    return pd.Series(first.to_numpy(), index=place.index)


def _stocks(layers: pd.DataFrame, settings: Build) -> pd.DataFrame:
    """Columns ``soc_stock_0_30_kg_m2`` and ``soc_stock_0_30_flag`` for each depth that is asked for, by site."""
    tables = []
    for depth in settings.stocks_cm:
        found = stocks(layers, "soc_density_kg_m3", depth, depth_rules(settings))
        names = {"stock": f"soc_stock_0_{depth:g}_kg_m2", "flag": f"soc_stock_0_{depth:g}_flag"}
        tables.append(found.rename(columns=names))
    index = pd.Index(layers["site_id"].unique(), name="site_id")
    return pd.concat(tables, axis=1) if tables else pd.DataFrame(index=index)


def _weakest_source(sources: pd.Series) -> str:
    """The source that a careful reader should know of: any that is not measured, else "measured"."""
    other = sources[sources != "measured"]
    return str(other.iloc[0]) if len(other) else "measured"
