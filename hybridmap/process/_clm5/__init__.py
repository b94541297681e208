"""Parts of the CLM5 matrix model: grid, scalars, transport, inputs, the structured solve and bulk components."""

DAYS = 365.0
"""Days in a year of the model."""
