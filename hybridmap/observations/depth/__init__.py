"""Layers of soil profiles onto target intervals: thickness-weighted means, equal-area splines, stocks."""
