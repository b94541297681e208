"""The calendar of CLM5."""

DAYS = 365.0
"""Days in a year of the model."""
