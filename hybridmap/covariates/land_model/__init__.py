"""The forcing that a land model would give CLM5, made from climate, productivity and land cover."""
