"""Land covers in words and codes."""

import pytest

from hybridmap.observations.landcover import is_cultivated

CROPS = """Cropland|CROPS|Cultivated Crops|Planted/Cultivated|Non-irrigated arable land|Cropland/grassland mosaic|
winter-wheat|
corn_soybean rotation|Sugar beet
|B11|b16|BX1|B55a|Not permanently irrigated arable land|no-till corn|Ackerland|cropland"""
OTHERS = """|heath|Uncultivated|not under cultivation|never been|no longer cropped|
former cropland|ex-arable|Cropland (abandoned)|
ryegrass|rye grass ley|cotton grass bog|wild rice marsh|outcrop|
Wheatear|C10|E20|Bog|BARE|non cropland|noncropland"""


@pytest.mark.parametrize("cover", [cover.strip() for cover in CROPS.split("|")])
def test_crops_are_cultivated(cover: str) -> None:
    assert is_cultivated(cover)


@pytest.mark.parametrize("cover", [cover.strip() for cover in OTHERS.split("|")])
def test_others_are_not(cover: str) -> None:
    assert not is_cultivated(cover)
