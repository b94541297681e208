"""Observations beside covariates, and the folds that they are split into."""
