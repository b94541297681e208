"""How a map is stored: classes and steps in few bits."""

import numpy as np

from hybridmap.predict.map_layers import MapLayer


def test_encoding_of_classes_and_steps() -> None:
    layer = MapLayer("1", "t", "class", {0: "no", 1: "yes"})
    values = np.array([0.0, 1.0, np.nan], "float32")
    assert layer.encode(values, "x").tolist() == [0, 1, 255]
    assert MapLayer("1", "t", step=0.5).encode(np.array([1.2, np.nan, -3.0], "float32"), "x").tolist() == [
        2,
        -32768,
        -6,
    ]
