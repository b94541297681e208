"""The table of assumptions, and what changes it."""

import pytest

from hybridmap.covariates.land_model.assumptions import Assumptions, assumptions_table, read_assumptions
from hybridmap.errors import HybridmapError


def test_every_assumption_has_a_source_a_sentence_and_a_default_within_its_limits() -> None:
    for entry in assumptions_table():
        assert entry.source
        assert entry.meaning.endswith(".")
        assert entry.read(entry.default) == entry.default
        assert entry.unit or isinstance(entry.default, str)


def test_numbers_and_words_are_read_from_the_command_line() -> None:
    changed = read_assumptions({"warming": "-1.5", "thaw_depth": "wave"})
    assert (changed.warming, changed.thaw_depth) == (-1.5, "wave")
    assert read_assumptions({}) == Assumptions()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"snow_facto": 0.3}, "no assumption of the forcing; did you mean 'snow_factor'"),
        ({"warming": "warm"}, "warming: expected a number from -20 to 20 K, got 'warm'"),
        ({"warming": float("nan")}, "expected a number"),
        ({"warming": True}, "expected a number"),
        ({"snow_factor": 3}, "expected a number from 0.05 to 1"),
        ({"thaw_depth": "deep"}, "'deep' is not one of stefan, wave"),
        ({"metabolic_share": 0.7, "lignin_share": 0.6}, "more than 1 together"),
        ({"sand": 70, "clay": 60}, "more than 100 together"),
    ],
)
def test_wrong_values_are_one_sentence(values: dict[str, object], says: str) -> None:
    with pytest.raises(HybridmapError, match=says) as error:
        read_assumptions(values)
    assert "\n" not in str(error.value)
