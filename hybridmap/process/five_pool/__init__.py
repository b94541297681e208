"""The five-pool microbial model: its steady state, and its course in time."""

from hybridmap.process.five_pool.model import PARAMETERS, POOLS, FivePool

__all__ = ["PARAMETERS", "POOLS", "FivePool"]
