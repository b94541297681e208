"""Cases that fail today, one a line: whoever mends one deletes its line (``xfail`` is strict)."""

PENDING: frozenset[str] = frozenset()
"""Names of parameters, as ``S1-geopackage``; ``open-`` and ``format-`` are those of the open tables."""
