"""The one grid of a region: its cells, its mask, and stores on it."""
