"""Figures of the report, each a function of plain arrays and tables."""
