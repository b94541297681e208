"""Layers of all sources to one row a site on the target interval, or one a layer: quality, densities, depth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pyproj import Transformer

from hybridmap.config import Build, Grid
from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import with_points, write_csv, write_parquet
from hybridmap.observations.bulk_density import FITTED, check_pedotransfer, fill_bulk_density
from hybridmap.observations.campaigns import campaigns_apart, overlapping_sites
from hybridmap.observations.coarse_fragments import fill_fragments
from hybridmap.observations.density import measured_or_without_stones, soc_density
from hybridmap.observations.depth.intervals import DepthRules, interval_means, stocks
from hybridmap.observations.depth.measured_layers import layers_as_rows
from hybridmap.observations.places import same_places
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.quality.rules import Rule, apply_rules, layer_rules, range_rules, renormalise_texture
from hybridmap.observations.schema import SCHEMA, Schema, density_factor

LOG = logging.getLogger("hybridmap")
SOC = "soc_density_kg_m3"
MANY_SITES = 4
"""As many sites at one exact coordinate are worth a word: it may be that of a field, or rounded."""
MEANS = ["oc_g_kg", "bd_fine_g_cm3", "cf_vol", "clay_pct", "silt_pct", "sand_pct"]


def site_columns(schema: Schema, *, is_by_layer: bool = False) -> list[str]:
    """Columns of ``observations.parquet``, those of the quantities in the middle."""
    return [
        "site_id", *(["profile_id"] if is_by_layer else []),
        "source", "licence", "lon", "lat", "year", "top_cm", "bottom_cm", "oc_g_kg", "oc_flag",
        "bd_fine_g_cm3", "bd_source", "cf_vol", "cf_source", *schema.columns, "frac_method", "mbc_method", "group_id",
        "weight", "clay_pct", "silt_pct", "sand_pct", "landcover", "bd_method", "depth_flag",
    ]  # fmt: skip


def build(
    settings: Build,
    grid: Grid,
    tables: Sequence[Path],
    out: Path,
    quality: Path,
    dropped: Path,
    schema: Schema = SCHEMA,
) -> None:
    """Merge ingested sources and write one row a site, or a layer, the counts of drops and the dropped rows.

    Parameters
    ----------
    settings : Build
        Interval, limits, how gaps are filled.
    grid : Grid
        Layers outside its bounds are dropped.
    tables : sequence of Path
        ``observations/{source}.parquet`` files.
    out, quality, dropped : Path
        ``observations.parquet`` (GeoParquet), ``quality.csv``, ``dropped.parquet``.
    schema : Schema
        The common schema with the quantities of the region.

    Raises
    ------
    HybridmapError
        If a table lacks columns of the schema, or nothing is left.
    """
    check_pedotransfer(settings.pedotransfer)
    layers = pd.concat([_read_layers(path, schema) for path in tables], ignore_index=True)
    drops = DropCounts("build")
    sites = build_sites(layers, settings, grid, drops, schema)
    if sites.empty:
        raise HybridmapError(
            f"build: no site is left after quality control ({drops.main_reason()}); look at the region's bounds and"
            " build.limits, and at the units of the sources."
        )
    counts = ", ".join(f"{name} {int(sites[q.column].notna().sum())}" for name, q in schema.quantities.items())
    rows = f"{len(sites)} sites on"
    if settings.layers is not None:
        of_each = sites["profile_id"].value_counts()
        rows = f"{len(sites)} layers of {len(of_each)} profiles, {int((of_each == 1).sum())} of them with one layer, in"
    LOG.info("%s %g-%g cm (%s)", rows, *settings.span_cm, counts)
    write_parquet(drops.dropped_rows(), dropped)
    write_csv(drops.table(), quality)
    write_parquet(with_points(sites), out)


def build_sites(
    layers: pd.DataFrame, settings: Build, grid: Grid, drops: DropCounts, schema: Schema = SCHEMA
) -> pd.DataFrame:
    """Merge layers into sites.

    Parameters
    ----------
    layers : DataFrame
        Layers of the common schema, of all sources.
    settings : Build
        Interval, limits, how gaps are filled.
    grid : Grid
        Layers outside its bounds are dropped.
    drops : DropCounts
        Counts what is dropped.
    schema : Schema
        The common schema with the quantities of the region.

    Returns
    -------
    DataFrame
        One row a site, or a layer: :func:`site_columns` and the stocks that are asked for.
    """
    layers = _sound_layers(layers, settings, grid, drops, schema)
    layers = _with_densities(layers, settings, drops, schema)
    stock_table = _stocks(layers, settings)
    if settings.layers is not None:
        rows = layers_as_rows(layers, settings.layers, schema.columns, drops)
        sites = _by_layer(rows, schema).merge(stock_table, left_on="profile_id", right_index=True, how="left")
        return sites[[*site_columns(schema, is_by_layer=True), *stock_table.columns]].reset_index(drop=True)
    layers = _near_interval(layers, settings, drops)
    if layers.empty:
        return pd.DataFrame(columns=site_columns(schema))
    sites = _on_interval(layers, settings, schema).merge(stock_table, on="site_id", how="left")
    sites = _covered(sites, settings, schema, drops)
    return sites[[*site_columns(schema), *stock_table.columns]].reset_index(drop=True)


def _near_interval(layers: pd.DataFrame, settings: Build, drops: DropCounts) -> pd.DataFrame:
    """Layers that say something of the interval."""
    if settings.depth == "spline":  # it learns from the layers beyond the interval too
        return layers
    is_beyond = (layers["top_cm"] >= settings.bottom_cm) | (layers["bottom_cm"] <= settings.top_cm)
    span = f"{settings.top_cm:g}-{settings.bottom_cm:g} cm"
    return drops.drop_rows(layers, is_beyond, "interval", f"layer does not touch {span}")


def _covered(sites: pd.DataFrame, settings: Build, schema: Schema, drops: DropCounts) -> pd.DataFrame:
    """Sites with a value on the interval."""
    is_empty = sites[schema.columns].isna().all(axis=1)
    reason = (
        f"layers cover less than {settings.min_coverage:.0%} of {settings.top_cm:g}-{settings.bottom_cm:g} cm, or leave"
        f" a gap over {settings.max_gap_cm:g} cm"
    )
    return drops.drop_rows(sites.assign(source_row=-1), is_empty, "coverage", reason)


def _read_layers(path: Path, schema: Schema) -> pd.DataFrame:
    table = read_parquet(path)
    if missing := [c for c in schema.layer_columns if c not in table]:
        raise HybridmapError(f"{path}: no column '{missing[0]}'; expected the output of 'hybridmap ingest'.")
    return table[list(schema.layer_columns)]


def _sound_layers(layers: pd.DataFrame, settings: Build, grid: Grid, drops: DropCounts, schema: Schema) -> pd.DataFrame:
    """Layers that pass quality control, with texture that sums to 100 % and identifiers unique over all sources."""
    layers = drops.drop_rows(layers, pd.Series(False, index=layers.index), "read", "rows of the source")
    coordinates, *further_rules = layer_rules(settings.limits, schema)
    outside = Rule("outside_region", "outside the region's bounds", pa.Check(lambda t: _inside(t, grid)))
    layers = renormalise_texture(apply_rules(layers, [coordinates, outside, *further_rules], drops))
    layers = campaigns_apart(layers.assign(site_id=layers["source"] + ":" + layers["site_id"]))
    _say_what_shares_a_place(layers)
    return layers


def _say_what_shares_a_place(layers: pd.DataFrame) -> None:
    """Log campaigns, replicates, and many sites at one exact coordinate."""
    is_revisit = layers["site_id"] != layers["place_id"]
    if is_revisit.any():
        LOG.info(
            "%d sites were sampled in several years; each of their %d campaigns is a row of its own (site@year)",
            layers["place_id"][is_revisit].nunique(),
            layers["site_id"][is_revisit].nunique(),
        )
    overlapping = overlapping_sites(layers)
    if overlapping:
        LOG.info("%d sites have layers that overlap in one year (replicates); their mean counts once", overlapping)
    sites = layers.drop_duplicates("place_id").groupby(["lon", "lat"]).size()
    crowded = sites[sites >= MANY_SITES]
    if len(crowded):
        worst = crowded.reset_index(name="count").sort_values("count").iloc[-1]
        LOG.warning(
            "%d coordinates have %d sites or more each, the most %d sites at one exact coordinate (%g, %g): a field, or"
            " rounded? They are always in one fold",
            *(len(crowded), MANY_SITES, worst["count"], worst["lon"], worst["lat"]),
        )


def _inside(layers: pd.DataFrame, grid: Grid) -> pd.Series:
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    x, y = to_grid.transform(layers["lon"].to_numpy(float), layers["lat"].to_numpy(float))
    west, south, east, north = grid.bounds
    return pd.Series((x >= west) & (x <= east) & (y >= south) & (y <= north), index=layers.index)


def _with_densities(layers: pd.DataFrame, settings: Build, drops: DropCounts, schema: Schema) -> pd.DataFrame:
    """Fill bulk density and fragments, with their source, and turn contents into kg m-3."""
    bulk_density, bd_source, mixing = fill_bulk_density(
        layers, settings.pedotransfer, measured_or_without_stones(layers)
    )
    if mixing is not None:
        constants = f"mineral {mixing.mineral:.3f} g/cm3, organic {mixing.organic:.3f} g/cm3"
        LOG.info("%s constants from the measured rows: %s", FITTED, constants)
    fragments, cf_source = fill_fragments(layers, bulk_density, settings, drops)
    per_whole = layers["bd_fine_whole_g_cm3"]
    is_per_whole = per_whole.notna() & layers["bd_fine_g_cm3"].isna()

    def per_volume(content: pd.Series) -> pd.Series:
        # By the fine earth per volume of the whole soil where that was measured, whatever the fragments.
        return (content * per_whole).fillna(soc_density(content, bulk_density, fragments))

    is_density_measured = layers[SOC].notna()
    filled = layers.assign(
        bd_fine_g_cm3=bulk_density.mask(is_per_whole, per_whole / (1.0 - fragments)),
        bd_source=bd_source.mask(is_per_whole, "measured").mask(
            is_density_measured & (bd_source == "none") & ~is_per_whole, "stock"
        ),
        cf_source=cf_source,
        cf_vol=fragments,
    )
    for content, quantity in schema.densities.items():
        density = per_volume(filled[content]) * density_factor(quantity)
        filled[quantity.column] = filled[quantity.column].fillna(density)
        is_lost = filled[content].notna() & filled[quantity.column].isna()
        reason = "no bulk density, and no OC to estimate it from"
        if quantity.column != SOC:  # that of organic carbon is always estimated
            filled = drops.drop_values(filled, is_lost, [content], "no_density", reason)
    limit = settings.limits.max_soc_density_kg_m3
    is_high = filled[SOC] > limit
    filled = drops.drop_values(filled, is_high, [SOC], "soc_density", f"SOC density above {limit:g} kg/m3")
    return apply_rules(filled, range_rules(schema), drops)


def _on_interval(layers: pd.DataFrame, settings: Build, schema: Schema) -> pd.DataFrame:
    span = settings.top_cm, settings.bottom_cm
    signed = [quantity.column for quantity in schema.quantities.values() if quantity.is_signed]
    densities, flags = interval_means(layers, schema.columns, *span, depth_rules(settings), signed)
    means, _ = interval_means(layers, MEANS, *span, DepthRules(min_coverage=1e-9, max_gap_cm=np.inf))
    is_clipped = (flags == "clipped").any(axis=1)
    if is_clipped.any():
        count = int(is_clipped.sum())
        LOG.info("the spline fell below 0 and was cut at %d sites (depth_flag: clipped)", count)
    sites = pd.concat([_site_labels(layers), means, densities], axis=1)
    return sites.assign(
        depth_flag=np.where(is_clipped, "clipped", ""), weight=1.0, top_cm=span[0], bottom_cm=span[1]
    ).reset_index()


def _by_layer(layers: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """One row a layer; the mean of the replicates of an interval."""
    by_layer = layers.groupby("site_id", sort=True)
    means = by_layer[[*schema.columns, *MEANS, "top_cm", "bottom_cm"]].mean()
    table = pd.concat([by_layer["profile_id"].first(), _site_labels(layers), means], axis=1)
    return table.assign(depth_flag="", weight=1.0).reset_index()


def _site_labels(layers: pd.DataFrame) -> pd.DataFrame:
    """What a site (or layer) has besides numbers: place, year, sources and methods; indexed by ``site_id``."""
    by_site = layers.groupby("site_id", sort=True)
    first = by_site[["source", "licence", "lon", "lat", "landcover"]].first()
    # An empty label must not hide a filled one of a deeper layer.
    methods = by_site[["frac_method", "mbc_method", "bd_method"]].max()
    oc_flag = by_site["oc_flag"].agg(lambda flags: "lod" if (flags == "lod").any() else "ok")
    weakest = {name: by_site[name].agg(_weakest_source) for name in ("bd_source", "cf_source")}
    # Campaigns of one site belong together as those with one revisit_id do.
    revisit = by_site["revisit_id"].max()
    revisit = revisit.where(revisit != "", "site " + by_site["place_id"].first())
    group = revisit_groups(first["lon"], first["lat"], revisit)
    labels = pd.concat([first, by_site["year"].mean(), methods, oc_flag], axis=1)
    return labels.assign(**weakest, group_id=group)


def depth_rules(settings: Build) -> DepthRules:
    """Settings of a region as rules of :mod:`hybridmap.observations.depth`."""
    return DepthRules(
        settings.depth, settings.smoothing, settings.min_coverage, settings.max_gap_cm, settings.extrapolate
    )


def revisit_groups(lon: pd.Series, lat: pd.Series, revisit: pd.Series) -> pd.Series:
    """Group of each site: sites at one place, or with one ``revisit_id``, and whatever these link, belong together.

    Parameters
    ----------
    lon, lat : Series
        Coordinates [degrees], by site.
    revisit : Series of str
        Identifier shared by campaigns ("" for none), by site.

    Returns
    -------
    Series of str
        Name of the group: the rounded coordinate of the first site in it.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    places = same_places(lon, lat).to_numpy()
    is_revisit = (revisit != "").to_numpy()
    visits = np.full(len(places), -1)
    visits[is_revisit] = pd.factorize(revisit[is_revisit])[0]
    count = int(places.max(initial=-1)) + 1
    links = (np.ones(int(is_revisit.sum())), (places[is_revisit], count + visits[is_revisit]))
    size = count + int(visits.max(initial=-1)) + 1
    group = connected_components(coo_matrix(links, shape=(size, size)), directed=False)[1][places]
    name = lon.map("{:.4f}".format) + " " + lat.map("{:.4f}".format)
    first = pd.Series(name.to_numpy()).groupby(group).transform("first")
    return pd.Series(first.to_numpy(), index=lon.index)


def _stocks(layers: pd.DataFrame, settings: Build) -> pd.DataFrame:
    """Columns ``soc_stock_0_30_kg_m2`` and ``soc_stock_0_30_flag`` for each depth that is asked for, by site."""
    tables = []
    for depth in settings.stocks_cm:
        table = stocks(layers, SOC, depth, depth_rules(settings))
        names = {"stock": f"soc_stock_0_{depth:g}_kg_m2", "flag": f"soc_stock_0_{depth:g}_flag"}
        tables.append(table.rename(columns=names))
    index = pd.Index(layers["site_id"].unique(), name="site_id")
    return pd.concat(tables, axis=1) if tables else pd.DataFrame(index=index)


def _weakest_source(sources: pd.Series) -> str:
    """The source that a careful reader should know of: any that is not measured, else "measured"."""
    estimates = sources[sources != "measured"]
    return str(estimates.iloc[0]) if len(estimates) else "measured"
