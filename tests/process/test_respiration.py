"""Respiration against vectors."""

import numpy as np
import pandas as pd
import pytest
import torch

from hybridmap.process import get_process


def columns(path):
    table = pd.read_csv(path).select_dtypes("number")
    return {name: torch.tensor(table[name].to_numpy(float)) for name in table}


@pytest.mark.parametrize("kind", ["linear", "nonlinear"])
def test_respiration_agrees(shared, kind):
    v = columns(shared / "vectors/respiration/dev.csv")
    out = get_process("respiration")(
        {"rb": v[f"rb_{kind}"], "q10": torch.tensor(1.5, dtype=torch.float64)},
        {"air_temperature": v["ta"]},
    )
    np.testing.assert_allclose(out["reco"], v[f"reco_clean_{kind}"], rtol=1e-9)


def test_a_flux_of_another_name_is_the_same_number_under_its_name():
    forcing = {"air_temperature": torch.tensor([5.0, 15.0])}
    model = get_process("respiration", flux="soil_respiration")
    assert list(model({}, forcing)) == ["soil_respiration"]
    torch.testing.assert_close(model({}, forcing)["soil_respiration"], get_process("respiration")({}, forcing)["reco"])
    with pytest.raises(ValueError, match="flux is 'a flux'; expected the name of the output"):
        get_process("respiration", flux="a flux")
