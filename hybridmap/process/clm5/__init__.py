"""The matrix soil-carbon model of CLM5: 140 pools, and the parts that it is made of."""

from hybridmap.process.clm5.matrix import PARAMETERS, POOLS, Clm5

__all__ = ["PARAMETERS", "POOLS", "Clm5"]
