"""Cases that fail today, one a line: whoever mends one deletes its line (``xfail`` is strict)."""

PENDING = frozenset(
    [
        "S5-a_quarter_in_percent",
    ]
)
"""Names of parameters, as ``S1-geopackage``; ``open-`` and ``format-`` are those of the open tables."""
