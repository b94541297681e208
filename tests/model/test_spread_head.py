"""Learned spreads stay within what observations can tell, whatever the covariates."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.model.spread_head import NARROWEST, WIDEST, SpreadHead, exponential_of, log_of


def head() -> SpreadHead:
    fitted = SpreadHead(["below.soc", "above.soc"], ["soc"])
    fitted.fit({"soc": torch.exp(torch.randn(400, generator=torch.Generator().manual_seed(1)) + 3)})
    return fitted


@given(st.floats(-1e6, 1e6, width=32))
def test_no_output_of_an_encoder_makes_an_interval_of_any_width(raw: float) -> None:
    fitted = head()
    values = fitted.outputs(torch.full((1, 2), raw))
    for k, value in enumerate(values.values()):
        assert NARROWEST * 0.999 <= float(value) <= WIDEST * float(fitted.start[k].exp()) * 1.001
    centre = log_of(torch.tensor([30.0]), fitted.offset_of("soc"))
    upper = exponential_of(centre + values["above.soc"], fitted.offset_of("soc"))
    assert float(upper) < 30.0 * math.exp(5.0)


def test_an_untrained_head_starts_with_the_spread_of_the_observations() -> None:
    fitted = head()
    for k, value in enumerate(fitted.outputs(torch.zeros(1, 2)).values()):
        torch.testing.assert_close(value, fitted.start[k].exp()[None])
