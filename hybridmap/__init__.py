"""Hybrid models of soil organic carbon, from observations to maps."""
