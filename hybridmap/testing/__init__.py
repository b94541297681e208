"""Synthetic landscapes with known process parameters, for tests, demonstrations and method studies."""

from hybridmap.testing.landscape import Landscape, make_landscape

__all__ = ["Landscape", "make_landscape"]
