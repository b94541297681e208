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
