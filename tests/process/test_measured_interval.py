"""Values by layer seen on an interval."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.process.measured_interval import layer_mean

ENDS = torch.tensor([0.0, 0.1, 0.3, 1.0], dtype=torch.float64)


@given(
    values=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    cuts=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2),
)
def test_mass_of_parts_is_that_of_the_whole(values: tuple[float, ...], cuts: tuple[int, ...]) -> None:
    a, b = (cut / 100 for cut in sorted(cuts))
    soil = torch.tensor([values], dtype=torch.float64)
    parts = [(0.0, a), (a, b), (b, 1.0)]
    mass = 0.0
    for top, bottom in parts:
        if bottom > top:
            mean = layer_mean(soil, 1, ENDS, *(torch.tensor([end], dtype=torch.float64) for end in (top, bottom)))
            mass += float(mean) * (bottom - top)
    np.testing.assert_allclose(mass, float(soil[0] @ (ENDS[1:] - ENDS[:-1])), rtol=1e-9, atol=1e-9)


def test_below_the_column_is_nan_and_partly_below_the_mean_of_the_rest() -> None:
    soil = torch.tensor([[3.0, 2.0, 1.0]])
    below = layer_mean(soil, 1, ENDS, torch.tensor([1.2]), torch.tensor([1.5]))
    assert below.isnan().all()
    np.testing.assert_allclose(layer_mean(soil, 1, ENDS, torch.tensor([0.5]), torch.tensor([1.5])), [1.0])


def test_further_dimensions_stay() -> None:
    pools = torch.rand(4, 7, 3, 12)  # site, pool, layer, month
    top, bottom = torch.full((4,), 0.1), torch.full((4,), 0.3)
    seen = layer_mean(pools, 2, ENDS, top, bottom)
    assert seen.shape == (4, 7, 12)
    np.testing.assert_allclose(seen, pools[:, :, 1], rtol=1e-6)
