"""Which parameters are kept."""

import numpy as np

from hybridmap.diagnose.identifiability.decision import expected_error, is_kept


def test_both_parts_must_be_small_and_known() -> None:
    error = expected_error([[0.05, 0.05, 0.3]], [[0.02, 0.2, 0.02]])
    assert is_kept(error).tolist() == [[True, False, False]]
    assert not is_kept(expected_error([0.05], [np.nan])).any()
