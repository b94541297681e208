"""PRODA beside an experiment of a region: from samples and folds to tables of what came out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Experiment, Proda
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.ladder import site_labels
from hybridmap.evaluate.proda.findings import (
    agreement_table,
    bias_table,
    component_names,
    costs,
    eligibility,
    held_out_of,
    positions_table,
    score_table,
)
from hybridmap.evaluate.proda.likelihood import padded_rows
from hybridmap.evaluate.proda.peers import HYBRID, PRODA, Compared, Peers, compare_peers
from hybridmap.evaluate.proda.sampler import ChainOptions
from hybridmap.evaluate.proda.sentence import sentence_of
from hybridmap.experiment.fold_predictions import Parts
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.site_data import check_forcing, site_data
from hybridmap.experiment.specification import checked_model, model_spec, training_options
from hybridmap.experiment.training import SEED_STEP
from hybridmap.files.reading import read_parquet
from hybridmap.files.results import ProdaFiles
from hybridmap.files.tables import write_csv, write_json, write_parquet
from hybridmap.model import HybridModel
from hybridmap.quantities import Quantity
from hybridmap.samples.folds import roles_in_fold

LOG = logging.getLogger("hybridmap")


class Region(NamedTuple):
    """What the sites are, and in which folds.

    Attributes
    ----------
    layers : ModelLayers
        Of the region.
    samples, splits : Path
        Tables of the sample and split stages.
    folds : int
        Of the first scheme of the experiment.
    """

    layers: ModelLayers
    samples: Path
    splits: Path
    folds: int


def write_proda(experiment: Experiment, options: Proda, region: Region, out: Path) -> None:
    """Write the files of :class:`~hybridmap.files.results.ProdaFiles` but for the figures.

    Parameters
    ----------
    experiment : Experiment
        The end-to-end hybrid, a block of the configuration.
    options : Proda
        Section of the configuration.
    region : Region
        Sites and folds; those of the experiment's first scheme count.
    out : Path
        Folder to write to.

    Raises
    ------
    HybridmapError
        If the experiment has no parameters of sites, too few sites have observations enough, or no chain converges.
    """
    samples, splits = read_parquet(region.samples), read_parquet(region.splits)
    quantities = [region.layers.quantities[target] for target in experiment.targets]
    spec = model_spec(experiment, region.layers.at_sites(samples))
    model = _checked(experiment, spec, quantities)
    table, site = used_rows(samples, quantities, model.has_columns, options)
    check_forcing(model, table)
    scheme = experiment.splits[0]
    parts, fold = _parts(table, site, splits, scheme, region.folds)

    def build(seed: int) -> HybridModel:
        built = checked_model(experiment, spec, seed)
        assert isinstance(built, HybridModel)
        return built

    seeds = [experiment.seed + SEED_STEP * k for k in range(experiment.uncertainty.ensemble_size)]
    data = site_data(table, quantities, has_columns=model.has_columns)
    training = training_options(experiment, spec)
    peers = Peers(build, spec["encoder"], training, seeds, data, site, parts, options.error)
    chains = ChainOptions(options.chains, options.draws, options.rounds, options.r_hat, options.seed)
    try:
        compared = compare_peers(peers, chains)
    except HybridmapError as error:
        raise HybridmapError(f"experiment '{experiment.name}', {error}") from None
    labels = site_labels(table, splits[splits["scheme"] == scheme]).loc[table["site_id"]].reset_index()
    results = _Results(experiment.name, scheme, table, site, labels.assign(fold=fold[site]), quantities)
    _write(results, compared, options, region.folds, ProdaFiles(out))


class _Results(NamedTuple):
    """What describes the rows of the comparison."""

    experiment: str
    scheme: str
    table: pd.DataFrame
    site: NDArray[np.int64]
    labels: pd.DataFrame
    quantities: list[Quantity]

    def places(self, target: int) -> NDArray[np.int64]:
        """Site and column of its observations, of each row and one of the targets, (row, 2)."""
        rows, is_row = padded_rows(self.site)
        slot = np.empty(len(self.site), dtype=np.int64)
        slot[rows[is_row]] = np.nonzero(is_row)[1]
        return np.stack([self.site, slot * len(self.quantities) + target], axis=1)


def _checked(experiment: Experiment, spec: Mapping[str, Any], quantities: list[Quantity]) -> HybridModel:
    model = checked_model(experiment, dict(spec))
    name = f"proda: experiment '{experiment.name}'"
    if not isinstance(model, HybridModel) or not (model.neural_names or model.shared_names):
        raise HybridmapError(f"{name} learns no parameters, so there is nothing to calibrate; take it off the list.")
    if model.depth.encoded:
        raise HybridmapError(
            f"{name} has a process of one layer, whose parameters differ between the layers of a site: each would be"
            " calibrated by one observation; take a process with layers, or leave build.layers out."
        )
    if signed := next((q.name for q in quantities if q.is_signed), ""):
        raise HybridmapError(f"{name}: errors are of logarithms, and '{signed}' may be negative; take another target.")
    return model


def used_rows(
    samples: pd.DataFrame, quantities: list[Quantity], has_columns: bool, options: Proda
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Rows of the sites that have observations enough, and the number of the site of each.

    Parameters
    ----------
    samples : DataFrame
        Of the sample stage.
    quantities : list of Quantity
        What was observed.
    has_columns : bool
        Whether the layers of a profile are one site; otherwise each sample is one.
    options : Proda
        How many observations, and how many sites.

    Returns
    -------
    tuple of DataFrame and array of int, shape (row,)

    Raises
    ------
    HybridmapError
        If no site has enough.
    """
    identity = samples["site_id"].astype(str)
    if has_columns and "profile_id" in samples:
        identity = samples["profile_id"].astype("string").fillna(identity).astype(str)
    counts = (samples[[q.column for q in quantities]] > 0).sum(axis=1)
    observations = counts.groupby(identity).transform("sum")
    is_used = (counts > 0) & (observations >= options.observations)
    names = identity[is_used].unique()
    if not len(names):
        raise HybridmapError(
            f"proda.observations: none of {identity.nunique()} sites has {options.observations} observations above 0 of"
            f" {', '.join(q.name for q in quantities)}; at most {int(observations.max())} of a site are there."
        )
    if options.most_sites is not None and options.most_sites < len(names):
        drawn_places = np.random.default_rng(options.seed).choice(len(names), options.most_sites, replace=False)
        is_used &= identity.isin(names[np.sort(drawn_places)])
    table = samples[is_used].reset_index(drop=True)
    return table, pd.factorize(identity[is_used])[0].astype(np.int64)


def _parts(
    table: pd.DataFrame, site: NDArray[np.int64], splits: pd.DataFrame, scheme: str, folds: int
) -> tuple[list[Parts], NDArray[np.int64]]:
    """Sites of the parts of every fold, by the first row of each, and the fold that tests each site, -1 for none."""
    first = table.iloc[padded_rows(site)[0][:, 0]]
    parts, tested_by = [], np.full(len(first), -1)
    is_nested = bool(splits.loc[splits["scheme"] == scheme, "nested"].any())
    for k in range(folds):
        run = k * (folds - 1) if is_nested else k
        roles = roles_in_fold(first, splits, f"{scheme}-{run}", scheme).to_numpy()
        rows = [np.flatnonzero(roles == role) for role in ("train", "validation", "test")]
        parts.append(Parts(*rows))
        tested_by[rows[2]] = k
    return parts, tested_by


def _write(results: _Results, compared: Compared, options: Proda, folds: int, files: ProdaFiles) -> None:
    scores, bias = [], []
    for number, quantity in enumerate(results.quantities):
        places = results.places(number)
        peers = {main: held_out_of(compared, places, results.labels, main) for main in (HYBRID, PRODA)}
        scores.append(score_table(peers[HYBRID], quantity, results.scheme))
        bias.append(bias_table(peers, quantity, results.scheme))
    table, agreement = pd.concat(scores), agreement_table(compared)
    write_csv(table, files.scores)
    write_csv(pd.concat(bias), files.bias)
    write_csv(agreement, files.agreement)
    write_parquet(_site_table(results, compared), files.sites)
    write_parquet(_predictions(results, compared), files.predictions)
    counted, cost = eligibility(compared, options.r_hat), costs(compared, folds)
    main = results.quantities[0]
    text = sentence_of(counted, cost, bias[0], table[table["target"] == main.name], agreement)
    write_json(
        {
            "experiment": results.experiment, "scheme": results.scheme, "folds": folds, "error": options.error,
            "r_hat": options.r_hat, "eligibility": counted, "cost": cost, "sentence": text,
        },
        files.summary,
    )  # fmt: skip
    LOG.info("%s: %s", results.experiment, text)


def _site_table(results: _Results, compared: Compared) -> pd.DataFrame:
    """A row a site: where it is, what its chains say, and parameters and components of all three."""
    rows, calibration = padded_rows(results.site)[0][:, 0], compared.calibration
    names = compared.likelihood.names
    first = results.table.iloc[rows].reset_index(drop=True)
    columns: dict[str, Any] = {
        "site_id": first["profile_id"] if "profile_id" in first else first["site_id"],
        **{name: first[name] for name in ("lon", "lat") if name in first},
        "fold": results.labels["fold"].to_numpy()[rows], "observations": compared.likelihood.counts,
        "eligible": calibration.eligible, "r_hat_mean": calibration.r_hat.mean(axis=1),
        "r_hat_max": calibration.r_hat.max(axis=1), "r2_mean": calibration.r2, "steps": calibration.steps,
    }  # fmt: skip
    for k, name in enumerate(names):
        columns |= {f"calibrated.{name}": calibration.mean[:, k], f"calibrated_sd.{name}": calibration.sd[:, k]}
    for peer, held_out in compared.held_out.items():
        columns |= positions_table(held_out, names, peer)
        columns |= {f"{peer}.component.{name}": held_out.outputs[name] for name in component_names(compared)}
    return pd.DataFrame(columns)


def _predictions(results: _Results, compared: Compared) -> pd.DataFrame:
    """A row of the samples each: observed, and predicted by both where neither was trained."""
    identity = [c for c in ("site_id", "profile_id", "lon", "lat", "top_cm", "bottom_cm") if c in results.table]
    columns: dict[str, Any] = {name: results.table[name] for name in identity}
    columns |= {"fold": results.labels["fold"].to_numpy(), "block": results.labels["block"].to_numpy()}
    for number, quantity in enumerate(results.quantities):
        site, column = results.places(number).T
        columns[f"observed.{quantity.name}"] = np.exp(compared.likelihood.observed.numpy()[site, column])
        for peer, held_out in compared.held_out.items():
            columns[f"{peer}.{quantity.name}"] = held_out.outputs["predicted"][site, column]
    return pd.DataFrame(columns)
