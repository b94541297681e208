"""Water retention and respiration in a region: a YAML file is all it takes. Synthetic places, then the open data."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
import zarr
from conftest import ROOT
from region_stages import DEPTHS, run_region, scores, site_table, smooth_field, write_rasters
from whole_workflow import finish_workflow

from hybridmap.config.reading import load_config
from hybridmap.process import get_process

OPTIONS = {
    "heads_kpa": {"theta_33": 33, "theta_1500": 1500},
    "available_between_kpa": [33, 1500],
    "organic": "density",
}
WATER: dict[str, Any] = {
    "region": "water",
    "quantities": [
        {"name": "theta_33", "unit": "m3 m-3", "range": [0, 0.9]},
        {"name": "theta_1500", "unit": "m3 m-3", "range": [0, 0.9]},
        {"name": "bulk_density", "unit": "g cm-3", "range": [0.03, 2]},
    ],
    "observations": [
        {
            "name": "sites",
            "path": "sites.csv",
            "licence": "CC0-1.0",
            "columns": {
                "site_id": "site",
                "lon": "lon",
                "lat": "lat",
                **DEPTHS,
                "oc_g_kg": {"column": "oc", "unit": "g/kg"},
                "bd_fine_g_cm3": {"column": "bd", "unit": "g/cm3"},
                "bulk_density": {"column": "bd", "unit": "g/cm3"},
                "theta_33": {"column": "w33", "unit": "percent"},
                "theta_1500": {"column": "w1500", "unit": "percent"},
            },
        }
    ],
    "build": {"missing_coarse_fragments": 0},
    "covariates": [{"name": "clay", "path": "clay.tif", "unit": "pct"}, {"name": "rain", "path": "rain.tif"}],
    "forcing": [{"name": "soc", "path": "soc.tif", "unit": "kg m-3", "measured": "soc"}],
    "splits": [{"name": "block", "folds": 3, "size_km": 8}],
    "experiments": [
        {
            "name": "retention",
            "process": {"name": "water_retention", "options": OPTIONS},
            "neural": ["h_m"],
            "global": ["bd_mineral", "bd_organic"],
            "targets": ["theta_33", "theta_1500", "bulk_density"],
            "encoder": {"hidden": [16], "dropout": 0.0},
            "loss": {"name": "nse"},
            "training": {"max_epochs": 150, "patience": 150, "learning_rate": 0.01, "global_learning_rate": 0.03},
        }
    ],
    "predict": {
        "interval_of": [],
        "intervals": "none",
        "applicability": False,
        "workers": 1,
        "scenarios": {"more": {"soc": {"multiply": 1.2}}},
        "scenario_of": ["available_water_mm", "bulk_density"],
    },
}


def water_landscape(folder: Path) -> dict[str, torch.Tensor]:
    """Write a table and rasters of 150 sites, whose carbon differs from that of the map; the truth of its cells."""
    clay, carbon = smooth_field(1, 3, 40), smooth_field(2, 8, 40)
    write_rasters(folder, {"clay": clay, "rain": smooth_field(3, 300, 900), "soc": carbon})
    model = get_process("water_retention", **OPTIONS)  # type: ignore[arg-type]

    def truth(clay: np.ndarray, soc: np.ndarray) -> dict[str, torch.Tensor]:
        p = {"h_m": 30.0 * np.exp(0.12 * clay), "bd_mineral": np.full(clay.shape, 1.6)}
        p["bd_organic"] = np.full(clay.shape, 0.2)
        f = {"soc": soc, "depth": np.full(clay.shape, 0.2)}
        return model({n: torch.tensor(v) for n, v in p.items()}, {n: torch.tensor(v) for n, v in f.items()})

    table, cells = site_table(150, 0)
    soc = carbon[cells] * np.random.default_rng(1).lognormal(0.0, 0.5, 150)
    at_sites = truth(clay[cells], soc)
    bulk_density = at_sites["bulk_density"].numpy()
    table = table.assign(oc=soc / bulk_density, bd=bulk_density)
    table = table.assign(w33=100 * at_sites["theta_33"].numpy(), w1500=100 * at_sites["theta_1500"].numpy())
    table.to_csv(folder / "sites.csv", index=False)
    now, more = truth(clay.ravel(), carbon.ravel()), truth(clay.ravel(), 1.2 * carbon.ravel())
    return {**now, "change_mm": (more["available_water_mm"] - now["available_water_mm"])}


def test_available_water_and_what_carbon_does_to_it_from_a_region_file(tmp_path: Path) -> None:
    truth = water_landscape(tmp_path)
    maps: Any = zarr.open_group(run_region(tmp_path, WATER), mode="r")
    samples = pd.read_parquet(tmp_path / "s.parquet")
    np.testing.assert_allclose(samples["forcing.soc"], samples["soc_density_kg_m3"], rtol=1e-6)
    skill = scores(tmp_path)
    assert min(skill.values()) > 0.8, skill
    # The mixing law is known up to two densities, and one share of the pores at its default: the map must follow.
    change, true_change = np.asarray(maps["available_water_mm_change_more"])[:].ravel(), truth["change_mm"].numpy()
    assert (change > 0).all()
    np.testing.assert_allclose(change.mean(), true_change.mean(), rtol=0.1)
    assert np.corrcoef(change, true_change)[0, 1] > 0.9
    assert (np.asarray(maps["bulk_density_change_more"])[:] < 0).all()
    available = np.asarray(maps["available_water_mm"])[:].ravel()
    np.testing.assert_allclose(available.mean(), truth["available_water_mm"].numpy().mean(), rtol=0.1)
    assert "theta_33_change_more" not in maps


@pytest.mark.nightly
def test_the_carbon_of_the_sites_teaches_more_than_that_of_a_map(tmp_path: Path) -> None:
    water_landscape(tmp_path)
    of_the_map = {**WATER, "forcing": [{k: v for k, v in WATER["forcing"][0].items() if k != "measured"}]}
    run_region(tmp_path, WATER)
    measured = scores(tmp_path)
    run_region(tmp_path, of_the_map)
    assert scores(tmp_path)["bulk_density"] < measured["bulk_density"] - 0.1


@pytest.mark.parametrize("flux", ["reco", "soil_respiration"])
def test_respiration_from_a_region_file_finds_base_rate_and_q10(tmp_path: Path, flux: str) -> None:
    base, warmth = smooth_field(4, 1.0, 6.0), smooth_field(5, -5.0, 25.0)
    write_rasters(tmp_path, {"greenness": base / 8.0, "rain": smooth_field(3, 300, 900), "warmth": warmth})
    rate = base * 2.0 ** ((warmth - 15.0) / 10.0)
    table, cells = site_table(200, 0)
    table.assign(rate=rate[cells] * np.random.default_rng(1).lognormal(0.0, 0.05, 200)).to_csv(
        tmp_path / "sites.csv", index=False
    )
    columns = {
        "site_id": "site",
        "lon": "lon",
        "lat": "lat",
        **DEPTHS,
        flux: {"column": "rate", "unit": "umol m-2 s-1"},
    }
    region: dict[str, Any] = {
        "region": "breath",
        "quantities": [{"name": flux, "unit": "umol m-2 s-1", "range": [0, 50]}],
        "observations": [{"name": "towers", "path": "sites.csv", "licence": "CC0-1.0", "columns": columns}],
        "covariates": [{"name": "greenness", "path": "greenness.tif"}, {"name": "rain", "path": "rain.tif"}],
        "forcing": [{"name": "air_temperature", "path": "warmth.tif", "unit": "degC"}],
        "splits": [{"name": "block", "folds": 3, "size_km": 8}],
        "experiments": [
            {
                "name": "respiration",
                "neural": ["rb"],
                "global": ["q10"],
                "targets": [flux],
                "process": {"name": "respiration", "options": {} if flux == "reco" else {"flux": flux}},
                "encoder": {"hidden": [16], "dropout": 0.0},
                "loss": {"name": "nse"},
                "training": {"max_epochs": 200, "patience": 200, "learning_rate": 0.01, "global_learning_rate": 0.03},
            }
        ],
        "predict": {
            "interval_of": [],
            "intervals": "none",
            "applicability": False,
            "workers": 1,
            "scenarios": {"warmer": {"air_temperature": {"add": 10}}},
        },
    }
    maps: Any = zarr.open_group(run_region(tmp_path, region), mode="r")
    assert scores(tmp_path)[flux] > 0.95
    assert maps[flux].attrs["units"] == "umol m-2 s-1"
    np.testing.assert_allclose(np.median(np.asarray(maps["rb"])[:] / base), 1.0, atol=0.1)
    warmed = np.asarray(maps[f"{flux}_change_warmer"])[:] / np.asarray(maps[flux])[:]
    np.testing.assert_allclose(warmed, 1.0, atol=0.1)  # ten degrees double it: q10 is 2


COARSE: dict[str, dict[str, Any]] = {
    "water_florida_open": {
        "grid": {"resolution": 20000},
        "splits": [{"name": "block", "kind": "block", "folds": 3, "size_km": 100}],
    },
    "water_retention_open": {
        "grid": {"resolution": 50000},
        "splits": [{"name": "block", "kind": "block", "folds": 3, "size_km": 200}],
    },
}
"""What makes the open regions small enough for a test."""


def coarse_run(name: str, folder: Path) -> tuple[Path, dict[str, float]]:
    """Run one hybrid model of an open region on large cells with Snakemake: its results, and its pooled scores."""
    region = load_config(ROOT / "config.yaml", ROOT / f"resources/regions/{name}.yaml")
    experiment = region.experiment("retention").model_dump(mode="json", by_alias=True)
    experiment |= {"splits": ["block"], "uncertainty": {"method": "none"}, "map": True}
    experiment["training"] |= {"max_epochs": 60, "patience": 60, "batch_size": 1024}
    overlay = {
        **COARSE[name],
        "experiments": [experiment],
        "baselines": [],
        "experiment_defaults": {"splits": ["block"]},
    }
    (folder / "coarse.yaml").write_text(yaml.safe_dump(overlay))
    finish_workflow(folder, ROOT / "config.yaml", ROOT / f"resources/regions/{name}.yaml", folder / "coarse.yaml")
    results = folder / "results" / name
    table = pd.read_csv(results / "experiments/retention/evaluation/metrics.csv")
    table = table[(table["fold"] == "pooled") & (table["subset"] == "all") & (table["model"] == "retention")]
    assert (results / "report/index.html").is_file()
    return results, dict(zip(table["target"], table["nse"], strict=True))


@pytest.mark.slow
@pytest.mark.nightly
def test_florida_is_mapped_and_more_carbon_holds_more_water(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYBRIDMAP_SHARED", str(shared.resolve()))
    results, skill = coarse_run("water_florida_open", tmp_path)
    assert skill["theta_33"] > 0.1, skill
    assert skill["bulk_density"] > 0.3, skill
    maps: Any = zarr.open_group(results / "experiments/retention/maps.zarr", mode="r")
    fields = {name: np.asarray(maps[name])[:] for name in maps.array_keys() if name != "spatial_ref"}
    available = fields["available_water"][np.isfinite(fields["available_water"])]
    assert len(available) > 200
    assert 0.03 < np.median(available) < 0.15  # sands
    assert (available > 0).all()
    np.testing.assert_allclose(np.nanmedian(fields["available_water_mm"]), 300 * np.median(available), rtol=1e-4)
    # Carbon of the layer is in the unit of what was measured: the same soils, so not ten times more or less.
    samples = pd.read_parquet(results / "samples.parquet")
    assert len(samples) > 900
    density = fields["bulk_density"][np.isfinite(fields["bulk_density"])]
    assert abs(np.median(density) - samples["bulk_density_g_cm3"].median()) < 0.3
    lighter = fields["bulk_density_change_tenth_more_carbon"]
    wetter = fields["available_water_mm_change_tenth_more_carbon"]
    is_land = np.isfinite(wetter)
    assert (lighter[is_land] <= 0).all()  # 0 in peat that is all organic already
    assert np.mean(lighter[is_land] < 0) > 0.9
    assert np.median(wetter[is_land]) > 0
    assert (results / "experiments/retention/maps/available_water_mm_change_five_kg_more_carbon.tif").is_file()


@pytest.mark.slow
@pytest.mark.nightly
def test_curves_of_europe_are_mapped(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDMAP_SHARED", str(shared.resolve()))
    results, _ = coarse_run("water_retention_open", tmp_path)
    maps: Any = zarr.open_group(results / "experiments/retention/maps.zarr", mode="r")
    names = [f"theta_pf{pf}" for pf in (17, 20, 25, 37, 42)]
    theta = np.stack([np.asarray(maps[name])[:] for name in names])
    is_land = np.isfinite(theta[0])
    assert is_land.sum() > 200
    assert (np.diff(theta[:, is_land], axis=0) < 0).all()  # a soil dries
    assert 0.05 < np.median(np.asarray(maps["available_water"])[:][is_land]) < 0.3
