"""Files of tables, opened by their header, read in chunks; and their cells as text, years and numbers."""
