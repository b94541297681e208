"""Synthetic landscapes with known process parameters, for tests, demonstrations and method studies."""

from hybridmap.testing.landscape import Landscape, make_landscape
from hybridmap.testing.neustift import Neustift, make_neustift

__all__ = ["Landscape", "Neustift", "make_landscape", "make_neustift"]
