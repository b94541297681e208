"""One observation source: a table with its column map and joins, read step by step into the common schema."""
