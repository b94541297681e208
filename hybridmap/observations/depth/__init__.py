"""Layers of soil profiles onto target intervals."""
