"""Turnover of CLM5 in the United States against radiocarbon, and what radiocarbon would tell of it.

``python benchmarks/radiocarbon.py RESULTS ISRAD``: the folders of a finished ``conus_clm5`` and of ISRaD, run
where the forcing table of the models is found. Prints rank correlations of the 14C that held-out sites should
have by models that never saw any, beside a placebo; then the interval of turnover time with and without 14C.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata, spearmanr
from torch import Tensor

from hybridmap.diagnose.identifiability.posterior import posterior, waves
from hybridmap.diagnose.identifiability.sensitivity import INNERMOST, Sensitivity, sensitivity
from hybridmap.model import HybridModel
from hybridmap.process.clm5.calendar import DAYS
from hybridmap.process.clm5.inputs import layer_inputs
from hybridmap.process.clm5.vertical import LAYER_INTERFACES, LAYERS, THICKNESS
from hybridmap.process.measured_interval import layer_mean
from hybridmap.process.radiocarbon import radiocarbon
from hybridmap.samples.folds import roles_in_fold
from hybridmap.train import load_model

SCHEME = "degrees"
TRANSFERS = {
    ("fl1s1", 1, 4), ("fl2s1", 2, 4), ("fl3s2", 3, 5), ("fs1s2", 4, 5), ("fs1s3", 4, 6),
    ("fs2s1", 5, 4), ("fs2s3", 5, 6), ("fs3s1", 6, 4), ("fcwdl2", 0, 2),
}  # fmt: skip
"""Fraction, donor and receiver."""
DEPTHS = [0, 10, 30, 60, 110]
RESAMPLES = 2000
CARBON_SITES = 1500


def measured(samples: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Samples of ISRaD whose layer has a 14C value, with it and its year."""
    layers = pd.read_csv(folder / "israd_layers.csv.gz", low_memory=False)
    layers = layers[layers["lyr_14c"].notna() & layers["lyr_obs_date_y"].notna()]
    names = ["entry_name", "site_name", "pro_name", "lat", "lon"]
    key = layers[names].astype(str).agg("|".join, axis=1)
    layers = layers.assign(profile=key, top_cm=layers["lyr_top"], bottom_cm=layers["lyr_bot"])
    of_israd = samples[samples["source"] == "israd_points"]
    parts = of_israd["profile_id"].str.removeprefix("israd_points:ISRaD|").str.split("|")
    plain = parts.map(lambda p: "|".join([*p[:3], p[3], p[4].split(" ")[0]]))
    table = of_israd.assign(row=of_israd.index, profile=plain)
    of_layer = layers.groupby(["profile", "top_cm", "bottom_cm"], as_index=False).agg(
        d14c=("lyr_14c", "mean"), sampled=("lyr_obs_date_y", "median"), entry=("entry_name", "first")
    )
    joined = table.merge(of_layer, on=["profile", "top_cm", "bottom_cm"])
    return joined.assign(place=joined["lat"].round(2).astype(str) + "_" + joined["lon"].round(2).astype(str))


def parameters_at(model: HybridModel, positions: Tensor) -> dict[str, Tensor]:
    values = model._neural.interpolate(positions[:, : len(model.neural_names)])
    return dict(zip(model.neural_names, values.double().unbind(1), strict=True))


def column(model: HybridModel, positions: Tensor, cell: Tensor) -> dict[str, Tensor]:
    """Rates (site, 140, 140) [yr-1] and supply (site, 140) of columns, their pools, and the turnover time [yr]."""
    process: Any = model.process
    p = parameters_at(model, positions)
    forcing = {name: values.double() for name, values in process.driven(cell).items()}
    solution = process.clm5._solve(process._of_matrix(p), forcing)
    p, f, k = solution.parameters, solution.forcing, solution.decay_rates
    up, down = process.clm5.couplings(p, f)
    sites = k.shape[-1]
    rates = torch.zeros(sites, 7, LAYERS, 7, LAYERS, dtype=torch.float64)
    layer = torch.arange(LAYERS)
    for pool in range(7):
        rates[:, pool, layer, pool, layer] = (k[pool] + (up + down if pool else 0.0)).T
        if pool:
            rates[:, pool, layer[1:], pool, layer[:-1]] = -up[1:].T
            rates[:, pool, layer[:-1], pool, layer[1:]] = -down[:-1].T
    for name, donor, receiver in TRANSFERS:
        rates[:, receiver, layer, donor, layer] = -(p[name] * k[donor]).T
    rates[:, 3, layer, 0, layer] = -((1.0 - p["fcwdl2"]) * k[0]).T
    supply = torch.zeros(sites, 7, LAYERS, dtype=torch.float64)
    supply[:, :4] = layer_inputs(f, solution.depth_shares).permute(2, 0, 1)
    pools = solution.pools.permute(2, 0, 1)
    thickness = THICKNESS[:LAYERS].to(pools)
    soc = (pools[:, 4:].sum(1) * thickness).sum(1)
    entering = sum(f[name].sum(1) for name in ("input_cwd", "input_litter1", "input_litter2", "input_litter3"))
    return {
        "rates": rates.reshape(sites, 7 * LAYERS, 7 * LAYERS) * DAYS,
        "supply": supply.reshape(sites, -1) * DAYS,
        "pools": pools,
        "turnover": soc / entering,
    }


def delta_14c(model: HybridModel, positions: Tensor, cell: Tensor, year: Tensor, ends: tuple[Tensor, Tensor]) -> Tensor:
    """Delta14C [permille] of the carbon of measured intervals, (site,)."""
    out = column(model, positions, cell)
    active = radiocarbon(out["rates"], out["supply"], year).reshape(-1, 7, LAYERS)
    edges = torch.tensor(LAYER_INTERFACES, dtype=torch.float64)
    carbon, tracer = (layer_mean(v[:, 4:].sum(1), 1, edges, *ends) for v in (out["pools"], active))
    return 1000.0 * (tracer / carbon - 1.0)


def tensors_of(model: HybridModel, table: pd.DataFrame) -> dict[str, Any]:
    covariates, forcing = model.tensors(table)
    with torch.no_grad():
        positions = model.learned_positions(covariates, forcing).double()
    ends = tuple(torch.tensor(table[c].to_numpy(float) / 100.0) for c in ("top_cm", "bottom_cm"))
    return {"positions": positions, "cell": forcing["clm5_cell"].double(), "ends": ends}


def predicted(model: HybridModel, table: pd.DataFrame, piece: int = 100) -> pd.DataFrame:
    """14C, turnover time of the column and carbon at the rows of a table."""
    parts = []
    for first in range(0, len(table), piece):
        rows = table.iloc[first : first + piece]
        inputs = tensors_of(model, rows)
        year = torch.tensor(rows["sampled"].to_numpy(float))
        with torch.no_grad():
            d14c = delta_14c(model, inputs["positions"], inputs["cell"], year, inputs["ends"])
            turnover = column(model, inputs["positions"], inputs["cell"])["turnover"]
        parts.append(pd.DataFrame({"modelled": d14c, "turnover": turnover}, index=rows.index))
    return pd.concat(parts)


def correlations(table: pd.DataFrame, value: str, by_depth: bool) -> tuple[float, float, float, float]:
    """Rank correlation with measured 14C, its 90 % range over resampled places, and the mean of a placebo.

    By depth, ranks are taken within classes of depth and of year. The placebo gives each place the values of another.
    """
    random = np.random.default_rng(0)
    counted = table[np.isfinite(table[value])].copy()
    if by_depth:
        classes = [counted["depth"], pd.cut(counted["sampled"], [0, 1963, 1980, 1995, 2005, 2030])]
        size = counted.groupby(classes, observed=True)["d14c"].transform("size")
        counted = counted[size >= 10]
        classes = [c.loc[counted.index] for c in classes]
        ranks = {c: counted.groupby(classes, observed=True)[c].rank(pct=True) for c in (value, "d14c")}
    else:
        ranks = {c: pd.Series(rankdata(counted[c]), counted.index) for c in (value, "d14c")}
    r = float(np.corrcoef(ranks[value], ranks["d14c"])[0, 1])
    groups = [g.index for _, g in counted.groupby("place")]
    draws = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([groups[i] for i in random.integers(len(groups), size=len(groups))])
        draws.append(np.corrcoef(ranks[value].loc[rows], ranks["d14c"].loc[rows])[0, 1])
    placebo = []
    for _ in range(200):
        shuffled = ranks[value].groupby(counted["depth"], observed=True).transform(lambda v: random.permutation(v))
        placebo.append(np.corrcoef(shuffled, ranks["d14c"])[0, 1])
    low, high = np.quantile(draws, [0.05, 0.95])
    return r, float(low), float(high), float(np.mean(placebo))


def outside_check(
    models: Mapping[str, HybridModel], samples: pd.DataFrame, splits: pd.DataFrame, carbon: pd.DataFrame
) -> pd.DataFrame:
    """Every measured layer with what the model of the fold says that holds it out."""
    parts = []
    for fold, model in models.items():
        held_out = samples.index[(roles_in_fold(samples, splits, fold, SCHEME) == "test").to_numpy()]
        rows = carbon[carbon["row"].isin(held_out)]
        if len(rows):
            parts.append(rows.join(predicted(model, rows)))
    return pd.concat(parts)


def intervals(model: HybridModel, samples: pd.DataFrame, carbon: pd.DataFrame, rmse_14c: float) -> None:
    """Print the standard deviation of ln turnover time from carbon, with as much more carbon, and with 14C."""
    random = np.random.default_rng(0)
    part_of_sites = samples.iloc[np.sort(random.choice(len(samples), CARBON_SITES, replace=False))]
    table = pd.concat([part_of_sites, carbon], ignore_index=True)
    covariates, forcing = model.tensors(table)
    observed = torch.tensor(table["soc_density_kg_m3"].to_numpy("float32"))
    error = float(np.nanstd(model.predict(table)["soc"] - observed.numpy()))
    soc = sensitivity(model, covariates, forcing, {"soc": observed}, {"soc": error})
    scale = np.where(soc.site < len(part_of_sites), np.sqrt(len(samples) / len(part_of_sites)), 0.0)
    soc = soc._replace(rows=soc.rows * scale[:, None])
    slopes, turnover = [], []
    for first in range(0, len(carbon), 100):
        rows = carbon.iloc[first : first + 100]
        inputs = tensors_of(model, rows)
        positions = inputs["positions"].clamp(INNERMOST, 1 - INNERMOST).requires_grad_(True)
        year = torch.tensor(rows["sampled"].to_numpy(float))
        d14c = delta_14c(model, positions, inputs["cell"], year, inputs["ends"])
        slopes.append(torch.autograd.grad(torch.nan_to_num(d14c).sum(), positions)[0].numpy())
        tau = column(model, positions, inputs["cell"])["turnover"]
        turnover.append(torch.autograd.grad(torch.log(tau).sum(), positions)[0].numpy())
    slope, gradient = np.nan_to_num(np.concatenate(slopes)), np.concatenate(turnover)
    places = np.arange(len(part_of_sites), len(table))
    with torch.no_grad():
        basis = waves(model.features(model.encoder_inputs(covariates, forcing)).numpy())
    unscaled = sensitivity(model, covariates, forcing, {"soc": observed}, {"soc": error})
    at_places = unscaled.site >= len(part_of_sites)
    variants = {
        "carbon of all sites": soc,
        "carbon, and as many more layers of carbon": _with(soc, unscaled.rows[at_places], unscaled.site[at_places]),
        "carbon and 14C": _with(soc, slope / rmse_14c, places),
    }
    columns_of_place = carbon.reset_index(drop=True).drop_duplicates("place").index.to_numpy()
    for name, jacobian in variants.items():
        narrowed = posterior(jacobian, basis)
        g, covariance = gradient[columns_of_place], narrowed.covariance[places[columns_of_place]]
        sd = np.sqrt(np.einsum("sp,spq,sq->s", g, covariance, g))
        parameters = narrowed.sd[places[columns_of_place]]
        shares = {n: round(float(np.median(parameters[:, k])), 3) for k, n in enumerate(model.neural_names)}
        best = dict(sorted(shares.items(), key=lambda item: item[1])[:6])
        low, middle, high = np.quantile(sd, [0.25, 0.5, 0.75])
        print(f"{name:45s} sd of ln turnover {middle:.3f} ({low:.3f} to {high:.3f}); narrowest {best}")
    prior = np.sqrt((gradient[columns_of_place] ** 2).sum(axis=1)) * narrowed.prior_sd
    print(f"{'before any observation':45s} sd of ln turnover {np.median(prior):.3f}")


def _with(jacobian: Sensitivity, rows: np.ndarray, site: np.ndarray) -> Sensitivity:
    targets = np.concatenate([jacobian.target, np.full(len(rows), "14c")])
    return jacobian._replace(
        rows=np.concatenate([jacobian.rows, rows]), site=np.concatenate([jacobian.site, site]), target=targets
    )


def main(results: Path, israd: Path, experiment: str = "clm5") -> None:
    torch.set_num_threads(1)
    samples, splits = pd.read_parquet(results / "samples.parquet"), pd.read_parquet(results / "splits.parquet")
    carbon = measured(samples, israd)
    print(f"{len(carbon)} layers with 14C, {carbon['place'].nunique()} places, {carbon['entry'].nunique()} studies")
    folders = sorted((results / "experiments" / experiment).glob(f"{SCHEME}-*"))
    models = {f.name: load_model(f / "model") for f in folders}
    first = next(iter(models.values()))
    inputs = tensors_of(first, carbon.iloc[:20])
    with torch.no_grad():
        out = column(first, inputs["positions"], inputs["cell"])
        balance = (out["rates"] @ out["pools"].reshape(20, -1)[..., None])[..., 0] - out["supply"]
        imbalance = float(balance.abs().max() / out["supply"].max())
        print(f"largest imbalance of the steady state over the input: {imbalance:.1e}")
    table = outside_check(models, samples, splits, carbon)
    table["depth"] = pd.cut((table["top_cm"] + table["bottom_cm"]) / 2, DEPTHS)
    table["fast"] = -table["turnover"]
    error = table["modelled"] - table["d14c"]
    rmse = float(np.sqrt((error**2).mean()))
    print(
        f"held-out layers {len(table)}: bias {error.mean():.0f}, RMSE {rmse:.0f} permille,"
        f" sd of measured {table['d14c'].std():.0f}"
    )
    for depth, rows in table.groupby("depth", observed=True):
        r = spearmanr(rows["modelled"], rows["d14c"]).statistic
        print(
            f"  {depth} cm: n {len(rows)}, measured {rows['d14c'].mean():.0f},"
            f" modelled {rows['modelled'].mean():.0f}, r {r:.2f}"
        )
    for value, words in (("modelled", "14C of the model"), ("fast", "1 / turnover time of the column")):
        for by_depth in (False, True):
            r, low, high, placebo = correlations(table, value, by_depth)
            rows = "within depth and period" if by_depth else "all layers"
            print(f"  {words}, {rows}: rank correlation {r:.2f} ({low:.2f} to {high:.2f}), placebo {placebo:.2f}")
    intervals(first, samples, carbon, rmse)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
