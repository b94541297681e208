"""The licence of a map."""

import pytest

from hybridmap.export.licence import licence_of_map


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["CC0-1.0", "public domain"], "CC0-1.0"),
        (["CC0-1.0", "CC-BY-4.0"], "CC-BY-4.0"),
        (["CC BY-SA 4.0", "CC BY 4.0"], "CC-BY-SA-4.0"),
        (["CC BY-NC 3.0", "ODbL"], "CC-BY-NC-SA-4.0"),
        (["CC BY 4.0, some rows CC BY 3.0 or CC BY-NC 3.0 (column licence)"], "CC-BY-NC-4.0"),
        (["ESDAC, no redistribution", "CC0"], "not to be passed on: ESDAC, no redistribution"),
        (["CC BY-ND 4.0"], "not to be passed on: CC BY-ND 4.0"),
        (["CC BY-NC-ND 4.0"], "not to be passed on: CC BY-NC-ND 4.0"),
        (["", "CC0"], "not known: an input without a licence"),
        (["NASA, no restrictions (free login)", "open, cite"], "CC-BY-4.0"),
    ],
)
def test_the_strictest_input_decides(licences: list[str], expected: str) -> None:
    assert licence_of_map(licences) == expected
