"""One experiment on tables: from a block of the configuration and samples to trained folds."""
