"""Forcing in another unit is refused by what the model declares, in its own unit."""

import pandas as pd
import pytest
from small_models import SPEC, model_of

from hybridmap.errors import HybridmapError
from hybridmap.experiment.site_data import check_forcing
from hybridmap.process import Variable


def samples(npp: float) -> pd.DataFrame:
    return pd.DataFrame({"site_id": ["a", "b"], "forcing.npp": [npp, npp], "forcing.mat": [9.0, 9.0]})


def test_kg_for_g_is_named_with_the_scale() -> None:
    with pytest.raises(HybridmapError, match=r"'npp' has a median of 0.4, expected 5 to 4000 g m-2 yr-1.*scale: 1000"):
        check_forcing(model_of(SPEC), samples(0.4))
    check_forcing(model_of(SPEC), samples(400.0))


def test_a_model_in_kg_takes_kg() -> None:
    model = model_of(SPEC)
    assert model.process is not None
    npp = Variable("npp", ("site",), "kg m-2 yr-1", "net primary production", valid_range=(0.0, 4.0))
    model.process.forcing = (npp,)
    check_forcing(model, samples(0.4))
    with pytest.raises(HybridmapError, match=r"is 400 at site 'a' \(2 sites in all\), expected 0 to 4 kg m-2 yr-1"):
        check_forcing(model, samples(400.0))
