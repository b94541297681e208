"""Files that exist only when complete: paths, tables, rasters, digests."""
