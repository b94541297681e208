"""Pedotransfer functions against the published formulas' check values."""

import numpy as np
import pandas as pd
import pytest

from hybridmap.errors import HybridmapError
from hybridmap.observations.bulk_density import FITTED, PEDOTRANSFER, FineEarth, Mixing, fill_bulk_density, fit_mixing

# Organic carbon [g/kg] → bulk density [g/cm3] at sand 40 %, clay 20 %; NaN where the function does not apply.
OC = [5, 10, 20, 50, 150, 400]
CHECK = {
    "hollis2012_cultivated": [1.559963, 1.466413, 1.314375, 1.046951, 0.856089, 0.843733],
    "hollis2012_mineral": [1.391333, 1.318554, 1.195888, 0.959617, 0.746063, 0.722435],
    "hollis2012_organic": [np.nan, np.nan, np.nan, np.nan, 0.588709, 0.262161],
    "manrique_jones1991": [1.435140, 1.342000, 1.210280, 0.948930, np.nan, np.nan],
    "federer1993": [1.312209, 1.198333, 1.021106, 0.707292, 0.349379, 0.154246],
    "mixing_140_020": [1.331153, 1.268760, 1.160016, 0.922752, 0.548675, 0.272501],
    "adams1973": [1.562920, 1.492761, 1.369782, 1.098329, 0.661415, 0.331620],
    "icpforests_som": [1.329655, 1.254539, 1.148310, 0.937536, np.nan, np.nan],
}


@pytest.mark.parametrize("name", sorted(PEDOTRANSFER))
def test_functions_equal_their_check_values(name: str) -> None:
    oc = np.array(OC) / 10.0
    found = PEDOTRANSFER[name](FineEarth(oc, np.full(6, 40.0), np.full(6, 20.0)))
    np.testing.assert_allclose(found, CHECK[name], rtol=0, atol=5.1e-7)  # printed to six decimals


def test_organic_function_falls_with_carbon() -> None:
    oc = np.linspace(13, 50, 20)
    assert (np.diff(PEDOTRANSFER["hollis2012_organic"](FineEarth(oc, oc, oc))) < 0).all()


def layers(**columns: object) -> pd.DataFrame:
    base = {"oc_g_kg": np.nan, "bd_fine_g_cm3": np.nan, "sand_pct": np.nan, "clay_pct": np.nan, "landcover": ""}
    base |= {"top_cm": 0.0, "bottom_cm": 20.0}
    return pd.DataFrame({**base, **columns})


def test_auto_chooses_by_carbon_texture_and_land_cover() -> None:
    table = layers(
        oc_g_kg=[20.0, 300.0, 20.0, 20.0, 20.0, np.nan],
        bd_fine_g_cm3=[1.11, *[np.nan] * 5],
        sand_pct=[40.0, 40.0, 40.0, 40.0, np.nan, 40.0],
        clay_pct=[20.0, 20.0, 20.0, 20.0, np.nan, 20.0],
        landcover=["", "", "Cropland", "forest", "", ""],
    )
    values, source, _ = fill_bulk_density(table, "auto")
    assert source.tolist() == [
        "measured",
        "hollis2012_organic",
        "hollis2012_cultivated",
        "hollis2012_mineral",
        "federer1993",
        "none",
    ]
    assert values[0] == 1.11
    assert values[2] == pytest.approx(1.314375, rel=1e-6)
    assert np.isnan(values[5])


def test_fitted_mixing_recovers_its_densities() -> None:
    oc = np.linspace(0.2, 40, 200)
    noise = np.random.default_rng(0).normal(0, 0.02, 200)
    fitted = fit_mixing(oc, Mixing(1.5, 0.25).density(oc) + noise)
    assert fitted is not None
    assert fitted.mineral == pytest.approx(1.5, abs=0.02)
    assert fitted.organic == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("name", "says"), [("tao2023", "10.1038/s41586"), ("holis2012_mineral", "hollis2012_mineral")])
def test_unknown_functions_are_refused_by_name(name: str, says: str) -> None:
    with pytest.raises(HybridmapError, match=says):
        fill_bulk_density(layers(oc_g_kg=[20.0]), name)


def test_nothing_is_called_fitted_that_was_not() -> None:
    few = layers(oc_g_kg=[20.0] * 11, bd_fine_g_cm3=[1.2] * 10 + [np.nan])
    assert fill_bulk_density(few, "auto").bd_source.iloc[-1] == "federer1993"
    with pytest.raises(HybridmapError, match=f"'{FITTED}' is fitted .* there are 10"):
        fill_bulk_density(few, FITTED)


def test_a_function_for_topsoil_stays_in_the_topsoil() -> None:
    two = layers(oc_g_kg=[5.0, 5.0], sand_pct=40.0, clay_pct=20.0, top_cm=[0.0, 30.0], bottom_cm=[30.0, 60.0])
    for name, cover in (("auto", "B11"), ("hollis2012_cultivated", "")):
        filled = fill_bulk_density(two.assign(landcover=cover), name)
        assert filled.bd_source.tolist() == ["hollis2012_cultivated", "hollis2012_mineral"]
