"""Maps as files for others: GeoTIFF, virtual rasters, styles, catalogue items, totals."""
