"""Observations, covariates and samples: everything between the user's files and a model."""
