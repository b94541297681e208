"""Numbers come out of the page as they went in, within half a step."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridmap.report.packed_maps import FINEST, ONE_BYTE, packed, unpacked

VALUES = st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))


@given(arrays("float64", st.integers(0, 50), elements=VALUES), st.sampled_from([ONE_BYTE, FINEST]))
def test_each_number_is_within_half_a_step(values: np.ndarray, steps: int) -> None:
    numbers = packed(values, steps)
    back = unpacked(numbers)
    assert (np.isnan(back) == np.isnan(values)).all()
    known = np.isfinite(values)
    assert (abs(back[known] - values[known]) <= 0.5 * numbers.step * (1 + 1e-6) + 1e-9).all()


@given(arrays("int64", st.integers(1, 50), elements=st.integers(-2000, 2000)))
def test_whole_numbers_stay(values: np.ndarray) -> None:
    assert (unpacked(packed(values.astype("float64"))) == values).all()


def test_small_codes_are_bytes() -> None:
    assert packed(np.linspace(0, 1, 500), ONE_BYTE).bits == 8
    assert packed(np.linspace(0, 1, 500), FINEST).bits == 16
