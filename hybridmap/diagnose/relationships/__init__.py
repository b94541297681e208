"""What a model has learned: how parameters and targets follow each covariate, how much, and whether trainings agree."""
