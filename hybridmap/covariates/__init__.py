"""From rasters as users have them to one aligned cube of covariates and forcing."""
