"""PRODA as a peer of the hybrid: every site calibrated by itself, then a network from covariates to what came out.

Tao et al. 2020, doi 10.3389/fdata.2020.00017.
"""
