"""Parts of the CLM5 matrix model: grid, scalars, transport, inputs and the structured solve."""
