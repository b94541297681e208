"""From tables as users have them to one row a site: densities, quality control, depth."""
