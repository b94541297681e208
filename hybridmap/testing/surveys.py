"""Synthetic files with the names, headers and quirks of soil surveys that may not be redistributed or are too large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
ROCK_DENSITY = 2.65
"""Density of coarse fragments [g cm-3]."""
SEED = 0
"""Of what the writers draw: the same places give the same files."""


def soils(lon: Numbers, lat: Numbers, seed: int) -> pd.DataFrame:
    """Plausible topsoils at places.

    Parameters
    ----------
    lon, lat : array, shape (place,)
        WGS84 [degrees].
    seed : int
        Same seed, same soils.

    Returns
    -------
    DataFrame
        ``lon``, ``lat``, ``oc`` [g kg-1], ``clay, silt, sand`` [%], ``bd_fine`` [g cm-3], ``stones`` [share of volume].
    """
    random = np.random.default_rng(seed)
    n = len(lon)
    oc = np.exp(random.normal(3.0 + 0.02 * (lat - 50.0), 0.7, n)).clip(1.0, 450.0)
    clay = random.uniform(5, 45, n).round(0)
    sand = (random.uniform(0.1, 0.9, n) * (100 - clay)).round(0)
    organic = 1.724 * oc / 1000.0
    fine = 1.0 / (organic / 0.22 + (1 - organic) / 1.45) * random.normal(1.0, 0.05, n)
    stones = random.beta(1.0, 8.0, n).clip(0, 0.7)
    return pd.DataFrame(
        {"lon": lon, "lat": lat, "oc": oc, "clay": clay, "silt": 100 - clay - sand, "sand": sand, "bd_fine": fine,
         "stones": stones}
    )  # fmt: skip


def write_lucas(folder: Path, places: pd.DataFrame, measured_density: NDArray[np.bool_]) -> None:
    """Write the tables of LUCAS 2018, 2015 and 2009, both of bulk density, and the fractions.

    Parameters
    ----------
    folder : Path
        Gets the files under their original names.
    places : DataFrame
        As :func:`soils`, one row a point.
    measured_density : array of bool, shape (point,)
        Points in the table of fine-earth bulk density; those of whole cores are a few more.

    Notes
    -----
    Quirks: ``< LOD`` and ``<0.01`` in columns of numbers, depths in words, two-digit years, a second header row in one
    table of bulk density and not in the other, other spellings of the point number, no coordinates in 2015.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    points = places.assign(
        point=26_000_000 + np.arange(len(places)) * 2, sample=5000 + np.arange(len(places)),
        whole=places["bd_fine"] * (1 - places["stones"]) + ROCK_DENSITY * places["stones"],
    )  # fmt: skip
    points["stone_mass"] = ROCK_DENSITY * points["stones"] / points["whole"]
    _write_lucas_2018(folder, points, random)
    _write_lucas_density_fine(folder, points[measured_density])
    _write_lucas_density_whole(folder, points[measured_density | (random.random(len(points)) < 0.05)])
    _write_lucas_2015(folder, points[random.random(len(points)) < 0.8])
    _write_lucas_2009(folder, points)
    _write_lucas_fractions(folder, points[random.random(len(points)) < min(1.0, 350 / len(points))], random)


def _write_lucas_2018(folder: Path, points: pd.DataFrame, random: np.random.Generator) -> None:
    n = len(points)
    oc = points["oc"].round(1).astype(str).where(points["oc"] >= 2, "< LOD")
    caco3 = np.where(random.random(n) < 0.3, "<  LOD", random.integers(1, 300, n).astype(str))
    table = pd.DataFrame(
        {
            "Depth": "0-20 cm", "POINTID": points["point"], "pH_CaCl2": random.uniform(4, 8, n).round(1),
            "pH_H2O": random.uniform(4.5, 8.5, n).round(2), "EC": random.uniform(2, 60, n).round(2), "OC": oc,
            "CaCO3": caco3, "P": np.where(random.random(n) < 0.2, "< LOD", "25.3"), "N": "2.1", "K": "180.4",
            "OC (20-30 cm)": "", "CaCO3 (20-30 cm)": "", "Ox_Al": "", "Ox_Fe": "", "NUTS_0": "EL", "NUTS_1": "EL5",
            "NUTS_2": "EL52", "NUTS_3": "EL521", "TH_LAT": points["lat"].round(6), "TH_LONG": points["lon"].round(6),
            "SURVEY_DATE": [f"{d:02d}-07-18" for d in random.integers(1, 31, n)], "Elev": 120, "LC": "B11",
            "LU": "U111", "LC0_Desc": np.where(random.random(n) < 0.5, "Cropland", "Woodland"),
            "LC1_Desc": "Common wheat",
            "LU1_Desc": "Agriculture",
        }
    )  # fmt: skip
    table.to_csv(folder / "LUCAS-SOIL-2018.csv", index=False)


def _write_lucas_density_fine(folder: Path, points: pd.DataFrame) -> None:
    """Two header rows, the first cut off."""
    with (folder / "BD2018_data_for_paper.csv").open("w", encoding="utf-8") as file:
        file.write("POINT_ID,LC0_Desc,BDsample_0,coarse_mas,BDfine_0_2,coarse_vol\n")
        file.write("POINT_ID,LC0_Desc,BDsample_0_20_2018,coarse_mass_fraction,BDfine_0_20_2018_approx,")
        file.write("coarse_volume_fraction_approx\n")
        table = points[["point", "whole", "stone_mass", "bd_fine", "stones"]]
        table.insert(1, "cover", "Cropland")
        table.to_csv(file, index=False, header=False, float_format="%.4f")


def _write_lucas_density_whole(folder: Path, points: pd.DataFrame) -> None:
    whole = points["whole"].round(3)
    table = {"POINT_ID": points["point"], "BD 0-10": whole, "BD 10-20": whole, "BD 20-30": "", "BD 0-20": whole}
    pd.DataFrame(table).to_csv(folder / "BulkDensity_2018_final-2.csv", index=False)


def _write_lucas_2015(folder: Path, points: pd.DataFrame) -> None:
    pd.DataFrame(
        {"Point_ID": points["point"], "Coarse": (100 * points["stone_mass"]).round(0), "Clay": points["clay"],
         "Sand": points["sand"], "Silt": points["silt"], "pH(CaCl2)": 6.1, "pH(H2O)": 6.6,
         "OC": points["oc"].round(1), "Elevation": 120}
    ).to_csv(folder / "LUCAS_Topsoil_2015_20200323.csv", index=False)  # fmt: skip


def _write_lucas_2009(folder: Path, points: pd.DataFrame) -> None:
    pd.DataFrame(
        {"sample_ID": points["sample"], "POINT_ID": points["point"], "coarse": (100 * points["stone_mass"]).round(0),
         "clay": points["clay"], "silt": points["silt"], "sand": points["sand"], "pH_in_H2O": 6.6,
         "OC": points["oc"].round(1), "GPS_LAT": points["lat"].round(6), "GPS_LONG": points["lon"].round(6)}
    ).to_csv(folder / "LUCAS_TOPSOIL_v1.csv", index=False)  # fmt: skip


def _write_lucas_fractions(folder: Path, points: pd.DataFrame, random: np.random.Generator) -> None:
    share = random.uniform(0.1, 0.5, len(points))
    carbon = points["oc"] * random.uniform(0.9, 1.1, len(points))
    pd.DataFrame(
        {"sample_ID": points["sample"], "s_c_prc": points["clay"] + points["silt"],
         "OC_pom_g_kg": (share * carbon).round(2), "OC_sc_g_kg": ((1 - share) * carbon).round(2)}
    ).to_csv(folder / "SOM_fraction.csv", index=False)  # fmt: skip


DEPTHS = ((0, 10), (10, 30), (30, 60), (60, 100))


def profiles(places: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Layers of profiles at places, carbon falling with depth; ``profile_id``, ``layer_id`` and depths added."""
    random = np.random.default_rng(seed)
    layers = []
    for k, (top, bottom) in enumerate(DEPTHS):
        fall = np.exp(-(top + bottom) / 2 / 40.0)
        layer = places.assign(
            profile_id=70_000 + np.arange(len(places)), layer_id=1_000_000 + np.arange(len(places)) * 10 + k,
            upper_depth=top, lower_depth=bottom,
            oc=(places["oc"] * fall * random.uniform(0.8, 1.2, len(places))).clip(0.5),
        )  # fmt: skip
        layers.append(layer.assign(bd_fine=(layer["bd_fine"] + 0.1 * (1 - fall)).clip(0.2, 1.9)))
    return pd.concat(layers).sort_values(["profile_id", "upper_depth"], ignore_index=True)


def write_wosis_2023(folder: Path, places: pd.DataFrame) -> None:
    """Write one tab-separated file a property, as the snapshot of December 2023.

    Quirks: dates with unknown parts, several licences, positional uncertainty in words, litter above the mineral soil.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    layers = profiles(places, SEED)
    n = len(layers)
    profile = (layers["profile_id"] - 70_000).to_numpy()
    words = np.array(["Circa 100 m", "100 m - 1 km", "1 km - 10 km", "Over 10 km"])
    licences = np.array(["CC BY 4.0", "CC BY-NC 3.0", "CC BY 3.0"])
    common = pd.DataFrame(
        {
            "profile_id": layers["profile_id"], "layer_id": layers["layer_id"], "upper_depth": layers["upper_depth"],
            "lower_depth": layers["lower_depth"], "layer_name": "A", "litter": "f",
            "country_name": "Nowhere", "continent": "Europe", "region": "Western Europe",
            "longitude": layers["lon"].round(6), "latitude": layers["lat"].round(6),
            "positional_uncertainty": words[np.array([0, 0, 1, 2, 3])[profile % 5]],
            "date": np.where(profile % 3 == 0, "????-??-??", "1998-05-??"), "dataset_id": "XX-TEST",
            "licence": licences[profile % 3],
        }
    )  # fmt: skip
    litter = common.iloc[:3].assign(layer_id=[1, 2, 3], upper_depth=-4, lower_depth=0, litter="t")
    values: Mapping[str, tuple[Numbers, float]] = {
        "orgc": (layers["oc"].to_numpy(), 1.0), "clay": (layers["clay"].to_numpy(), 0.8),
        "silt": (layers["silt"].to_numpy(), 0.8), "sand": (layers["sand"].to_numpy(), 0.8),
        "bdfiod": (layers["bd_fine"].to_numpy(), 0.2), "bdfi33": (layers["bd_fine"].to_numpy() * 0.97, 0.2),
        "cfvo": (100 * layers["stones"].to_numpy(), 0.4),
    }  # fmt: skip
    for name, (value, share) in values.items():
        table = common.assign(value="{1:" + pd.Series(value.round(2)).astype(str) + "}", value_avg=value.round(2))
        table = table[random.random(n) < share]
        if name == "orgc":
            table = pd.concat([table, litter.assign(value="{1:380}", value_avg=380.0)])
        table.to_csv(folder / f"wosis_202312_{name}.tsv", sep="\t", index=False)


def write_wosis_2019(folder: Path, places: pd.DataFrame) -> None:
    """Write profiles, chemical and physical layers, as the snapshot of September 2019; coordinates in the profiles."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = profiles(places, SEED)
    keys = layers.rename(columns={"layer_id": "profile_layer_id"})
    keys = keys[["profile_id", "profile_layer_id", "upper_depth", "lower_depth"]].assign(layer_name="A", litter="f")
    sites = layers.drop_duplicates("profile_id")
    pd.DataFrame(
        {"profile_id": sites["profile_id"], "dataset_id": "{XX}", "country_id": "XX", "country_name": "Nowhere",
         "geom_accuracy": 0.0001, "latitude": sites["lat"], "longitude": sites["lon"], "dsds": 100}
    ).to_csv(folder / "wosis_201909_profiles.tsv", sep="\t", index=False)  # fmt: skip
    chemical = keys.assign(
        orgc_value=["{1:" + f"{v:.2f}" + "}" for v in layers["oc"]], orgc_value_avg=layers["oc"].round(2),
        orgc_method="{1:dry combustion}", orgc_date="{1:1987-05-01,2:1990-??-??}", orgc_dataset_id="{XX}",
        orgc_profile_code="{1}", orgc_licence="CC-BY",
    )  # fmt: skip
    chemical.to_csv(folder / "wosis_201909_layers_chemical.tsv", sep="\t", index=False)
    physical = keys.copy()
    for name, value in (("clay", layers["clay"]), ("silt", layers["silt"]), ("sand", layers["sand"]),
                        ("cfvo", 100 * layers["stones"]), ("bdfiod", layers["bd_fine"]), ("bdfi33", layers["bd_fine"]),
                        ("bdfiad", layers["bd_fine"]), ("bdwsod", layers["bd_fine"])):  # fmt: skip
        physical[f"{name}_value_avg"] = value.round(3)
    physical.loc[::3, "bdfiod_value_avg"] = np.nan
    physical.to_csv(folder / "wosis_201909_layers_physical.tsv", sep="\t", index=False)


def write_wosis_latest(folder: Path, places: pd.DataFrame) -> None:
    """Write one CSV a property, as the web service of the latest WoSIS delivers them."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = profiles(places, SEED)
    common = pd.DataFrame(
        {"X": layers["lon"], "Y": layers["lat"], "profile_id": layers["profile_id"],
         "profile_layer_id": layers["layer_id"], "country_name": "Nowhere", "upper_depth": layers["upper_depth"],
         "lower_depth": layers["lower_depth"], "layer_name": "A", "litter": "false"}
    )  # fmt: skip
    for name, value in (("orgc", layers["oc"]), ("clay", layers["clay"]), ("bdfi33", layers["bd_fine"])):
        table = common.assign(value_avg=value.round(3), date="{1:2001-01-01}")
        table = table.rename(columns={"value_avg": f"{name}_value_avg", "date": f"{name}_date"})
        table.to_csv(folder / f"wosis_latest_{name}.csv", index=False)


def write_raca(folder: Path, places: pd.DataFrame) -> None:
    """Write samples and general locations of the Rapid Carbon Assessment."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    layers = profiles(places, SEED)
    site = (layers["profile_id"] - 70_000).map("C{:04d}F01".format)
    lime = np.where(random.random(len(layers)) < 0.3, 2.0, np.nan)
    pd.DataFrame(
        {"samp": layers["layer_id"], "rcasiteid": site, "upedonid": site + "-1", "TOP": layers["upper_depth"],
         "BOT": layers["lower_depth"], "Bulkdensity": 1.2, "SOC_pred1": 10.0, "BDmeasured": "measured",
         "Measure_BD": layers["bd_fine"].where(random.random(len(layers)) < 0.4).round(3), "Texture": "SIL",
         "fragvolc": (100 * layers["stones"]).round(1),
         "c_tot_ncs": (layers["oc"] / 10 + 0.12 * np.nan_to_num(lime)).round(3),
         "caco3": lime}
    ).to_csv(folder / "RaCA_samples.csv", index=False, na_rep="NULL")  # fmt: skip
    sites = layers.drop_duplicates("profile_id")
    pd.DataFrame(
        {"RaCA_Id": site[sites.index], "Gen_lat": sites["lat"].round(2), "Gen_long": sites["lon"].round(2)}
    ).to_csv(folder / "RaCa_general_location.csv", index=False)  # fmt: skip


def write_conus_profiles(folder: Path, places: pd.DataFrame) -> None:
    """Write the two NetCDF matrices without names of PRODA and BINN, columns first."""
    import netCDF4

    folder.mkdir(parents=True, exist_ok=True)
    layers = profiles(places, SEED)
    middle = (layers["upper_depth"] + layers["lower_depth"]) / 2
    density = 1000 * layers["oc"] * layers["bd_fine"]
    zeros = np.zeros(len(layers))
    data = np.stack([layers["profile_id"], 1990 + zeros, layers["upper_depth"], layers["lower_depth"], middle,
                     zeros, density, layers["bd_fine"], zeros])  # fmt: skip
    sites = layers.drop_duplicates("profile_id")
    blank = np.full(len(sites), np.nan)
    info = np.stack([sites["profile_id"], blank, blank, sites["lon"], sites["lat"], blank, blank])
    name = "wosis_2019_snapshot_hugelius_mishra.nc"
    for file, variable, values in (
        ("soc_data_integrate", "data_soc_integrate", data),
        ("soc_profile", "soc_profile_info", info),
    ):
        with netCDF4.Dataset(folder / f"{file}_{name}", "w") as out:
            out.createDimension("column", values.shape[0])
            out.createDimension("row", values.shape[1])
            out.createVariable(variable, "f8", ("column", "row"))[:] = values


def write_moc_synthesis(folder: Path, places: pd.DataFrame) -> None:
    """Write a synthesis of particulate and mineral-associated carbon."""
    folder.mkdir(parents=True, exist_ok=True)
    share = np.random.default_rng(SEED).uniform(0.1, 0.5, len(places))
    pd.DataFrame(
        {"Author": "Someone", "Year": 2000, "lat": places["lat"], "lon": places["lon"], "Top.depth": 0,
         "Bottom.depth": 20, "Bulk.C": places["oc"].round(2), "SiltClayC": ((1 - share) * places["oc"]).round(2),
         "POM_C": (share * places["oc"]).round(2), "Clay": places["clay"], "Silt": places["silt"],
         "Sand": places["sand"], "Vegetation": "Grassland", "frc_method": "size"}
    ).to_csv(folder / "MOC_synthesis.csv", index=False)  # fmt: skip


def write_microbial_biomass(folder: Path, places: pd.DataFrame) -> None:
    """Write a compilation of microbial biomass in mmol per kg, with a row of units below the header."""
    folder.mkdir(parents=True, exist_ok=True)
    carbon = places["oc"] * 1000 / 12.011
    table = pd.DataFrame(
        {"Reference_number": np.arange(len(places)), "lat": places["lat"], "lon": places["lon"], "Upper_depth": 0,
         "Lower_depth": 20, "Soil_organic_carbon": carbon.round(1), "Biome": "Grassland", "Method": "FE",
         "Soil_microbial_biomass_carbon": (0.02 * carbon).round(2)}
    )  # fmt: skip
    lines = table.to_csv(index=False).splitlines()
    units = ",".join("mmol/kg" if "carbon" in c else "-" for c in map(str, table))
    path = folder / "Soil_Microbial_Biomass_C_N_P_spatial.csv"
    path.write_text("\n".join([lines[0], units, *lines[1:]]) + "\n", encoding="utf-8")
