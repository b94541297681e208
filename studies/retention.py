"""Water retention and available water from texture and carbon, on open measurements (the case study of D3.7)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.encoders import MLP
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.evaluate.importance import shapley_values
from hybridmap.model import HybridModel, Roles
from hybridmap.process import get_process
from hybridmap.process.water_retention import WaterRetention
from hybridmap.samples.fold_assignment import assign_groups
from hybridmap.train import LossOptions, Member, SiteData, TrainingOptions, fit_members
from studies import Row, Scores, Study

KPA_CM = 10.19716
"""Centimetres of water in one kPa."""
NEURAL = ["theta_s", "h_m", "sigma", "theta_o"]
FOLDS, EXPLAINED, BACKGROUND = 5, 400, 100
TEXTURE = ["clay", "silt", "sand"]


class Curves(NamedTuple):
    """Samples with retention points: predictors [%, g cm-3], suction [cm] and content [m3 m-3] by point, and site."""

    table: pd.DataFrame
    suction: NDArray[np.float64]
    theta: NDArray[np.float64]


def shared_data() -> Path:
    """Folder of the open data; HybridmapError where it is absent."""
    folder = Path(os.environ.get("HYBRIDMAP_SHARED", "../shared")) / "data"
    if not folder.is_dir():
        raise HybridmapError(f"{folder}: no open data here; set HYBRIDMAP_SHARED to the folder that holds them.")
    return folder


def read_soilksatdb(folder: Path) -> Curves:
    """Samples of SoilKsatDB with water at 33 and 1,500 kPa, texture, organic carbon and bulk density."""
    raw = pd.read_csv(folder / "soilksatdb/soilksatdb_horizons.csv.gz", low_memory=False)
    names = {"clay_tot_psa": "clay", "silt_tot_psa": "silt", "sand_tot_psa": "sand", "oc_v": "oc", "db": "bulk_density"}
    raw = raw.dropna(subset=[*names, "w3cld", "w15l2"])
    raw = raw[(raw["w15l2"] <= raw["w3cld"]) & (raw["w3cld"] < 80.0)]
    theta = raw[["w3cld", "w15l2"]].to_numpy(float) / 100.0
    suction = np.broadcast_to([33.0 * KPA_CM, 1500.0 * KPA_CM], theta.shape)
    table = raw.rename(columns=names)[[*names.values()]].assign(site=raw["site_key"].astype(str))
    return Curves(table.reset_index(drop=True), suction.copy(), theta)


def read_swiss(folder: Path) -> Curves:
    """Layers of Swiss forest soils with whole retention curves, texture and bulk density (no organic carbon)."""
    raw = pd.read_csv(folder / "water_retention/swissforestsoils_wrc.csv")
    raw = raw.dropna(subset=[*TEXTURE, "bulk_density", "theta", "head"])
    raw = raw[raw["head"] > 0]
    heads = sorted(raw["head"].unique())
    wide = raw.pivot_table(index="layer_id", columns="head", values="theta").reindex(columns=heads)
    first = raw.groupby("layer_id").first().loc[wide.index]
    table = first[[*TEXTURE, "bulk_density"]].assign(site=first["profile_id"].astype(str)).reset_index(drop=True)
    suction = np.broadcast_to(100.0 * np.asarray(heads, float), wide.shape)
    return Curves(table, suction.copy(), wide.to_numpy(float))


READERS = {"soilksatdb": read_soilksatdb, "swiss": read_swiss}


OPTIONS = TrainingOptions(
    learning_rate=0.01, batch_size=1024, max_epochs=400, patience=60, schedule="cosine", loss=LossOptions("nse")
)


def run(rows: Mapping[str, Row], name: str, seeds: Sequence[int]) -> list[Scores]:
    """Train five folds for every seed side by side; Shapley values of available water by the first fold's model.

    Parameters
    ----------
    rows : mapping of str to Row
        Rows of the study.
    name : str
        Row to run.
    seeds : sequence of int
        One result each.

    Returns
    -------
    list of dict of str to float
        Scores of each seed.
    """
    data, units, x, columns = _data(dict(rows[name].settings))
    folds = [assign_groups(units, FOLDS, seed) for seed in seeds]
    members = [_member(columns, fold, k, seed) for fold, seed in zip(folds, seeds, strict=True) for k in range(FOLDS)]
    fit_members(members, data, OPTIONS)
    return [
        _score([m.model for m in members[i * FOLDS : (i + 1) * FOLDS]], fold, data, x, columns)  # type: ignore[misc]
        for i, fold in enumerate(folds)
    ]


def fit_row(name: str) -> tuple[HybridModel, NDArray[np.float32], list[str]]:
    """Train the first fold of a row with seed 0: the model, all samples (sample, predictor) and their names."""
    data, units, x, columns = _data(dict(ROWS[name].settings))
    member = _member(columns, assign_groups(units, FOLDS, 0), 0, 0)
    fit_members([member], data, OPTIONS)
    assert isinstance(member.model, HybridModel)
    return member.model, x, columns


def _data(settings: dict[str, Any]) -> tuple[SiteData, pd.Series, NDArray[np.float32], list[str]]:
    """Tensors, unit that goes into one fold (site or sample), and predictors of a row with their names."""
    curves = READERS[settings["source"]](shared_data())
    columns = list(settings["predictors"])
    x = curves.table[columns].to_numpy("float32")
    data = SiteData(
        torch.tensor(x),
        {"h": torch.tensor(curves.suction, dtype=torch.float32)},
        {"theta": torch.tensor(curves.theta, dtype=torch.float32)},
    )
    by_site = settings.get("by", "site") == "site"
    return data, curves.table["site"] if by_site else pd.Series(np.arange(len(x))), x, columns


def _member(columns: list[str], fold: NDArray[np.int64], k: int, seed: int) -> Member:
    rows = [torch.tensor(np.flatnonzero(sites)) for sites in (_train(fold, k), fold == (k + 1) % FOLDS)]
    torch.manual_seed(100 * seed + k)
    return Member(_model(columns), rows[0], rows[1], seed, f"fold {k}")


def _train(fold: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    return np.asarray((fold != k) & (fold != (k + 1) % FOLDS))


def _model(columns: Sequence[str]) -> HybridModel:
    process = get_process("water_retention")
    encoder = MLP(len(columns), len(NEURAL), [32, 32], "tanh", dropout=0.0)
    bounds = {"theta_s": (0.2, 0.95)}
    return HybridModel(
        process, Roles(neural=NEURAL), encoder, bounds=bounds, covariate_names=columns, target_names=["theta"]
    )


def _score(
    models: Sequence[HybridModel], fold: NDArray[np.int64], data: SiteData, x: NDArray[np.float32], columns: list[str]
) -> Scores:
    predicted, train = np.full(data.targets["theta"].shape, np.nan), []
    for k, model in enumerate(models):
        with torch.no_grad():
            theta = model(data.covariates, data.forcing)["theta"].numpy()
        predicted[fold == k] = theta[fold == k]
        inside = _train(fold, k)
        train.append(metrics.nse(theta[inside], data.targets["theta"].numpy()[inside]))
    observed = data.targets["theta"].numpy()
    scores = {
        "train": float(np.mean(train)),
        "test": metrics.nse(predicted, observed),
        "rmse": metrics.rmse(predicted, observed),
    }
    if "oc" not in columns:
        return scores
    samples, phi = awc_shapley(models[0], x)
    j = columns.index("oc")
    slope = np.polyfit(samples[:, j], phi[:, j], 1)[0]
    return scores | {"awc_per_oc": float(1000.0 * slope), "awc_by_oc": float(1000.0 * np.abs(phi[:, j]).mean())}


def awc_shapley(model: HybridModel, x: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shapley values [m3 m-3] of available water at up to 400 samples: the samples and the values, (sample, input)."""
    random = np.random.default_rng(0)
    samples = x[random.choice(len(x), min(EXPLAINED, len(x)), replace=False)].astype(float)
    background = x[random.choice(len(x), min(BACKGROUND, len(x)), replace=False)].astype(float)
    return samples, shapley_values(partial(_available, model), samples, background)[0]


def _available(model: HybridModel, x: NDArray[np.float64]) -> NDArray[np.float64]:
    assert isinstance(model.process, WaterRetention)
    with torch.no_grad():
        parameters = model.physical_parameters(torch.tensor(x, dtype=torch.float32))
        return model.process.available_water(parameters).double().numpy()


ROWS = {
    "oc": Row("texture and carbon (SoilKsatDB)", {}, {"source": "soilksatdb", "predictors": [*TEXTURE, "oc"]}),
    "oc_bulk_density": Row(
        "texture, carbon and bulk density (SoilKsatDB)",
        {},
        {"source": "soilksatdb", "predictors": [*TEXTURE, "oc", "bulk_density"]},
    ),
    "oc_random": Row(
        "texture and carbon, samples split at random",
        {"test": 0.92},
        {"source": "soilksatdb", "predictors": [*TEXTURE, "oc"], "by": "sample"},
    ),
    "oc_bulk_density_random": Row(
        "texture, carbon and bulk density, samples split at random",
        {"test": 0.934},
        {"source": "soilksatdb", "predictors": [*TEXTURE, "oc", "bulk_density"], "by": "sample"},
    ),
    "swiss": Row(
        "texture and bulk density (Swiss forest soils, whole curves)",
        {},
        {"source": "swiss", "predictors": [*TEXTURE, "bulk_density"]},
    ),
}
STUDIES = {
    "retention": Study(
        "Water retention and available water",
        "D3.7, supplement (modelling efficiency on validation; other, closed data)",
        "Lebeau-Konrad curve with four neural parameters. Test: five folds of whole sites, or of samples at random"
        " as published; the published numbers are of other data. Shapley values of available water"
        " (pF 1.8 to 4.2) at 400 samples: slope against organic carbon, and mean size. Causal in neither row: with bulk"
        " density among the predictors, it carries part of what carbon does.",
        {
            "train": "efficiency, training", "test": "efficiency, test", "rmse": "RMSE, m3 m-3",
            "awc_per_oc": "available water per % carbon, mm per m", "awc_by_oc": "mean effect of carbon, mm per m",
        },
        ROWS,
        partial(run, ROWS),
    )
}  # fmt: skip
