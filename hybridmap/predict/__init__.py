"""Maps: a trained model over the cube, tile by tile, as Zarr and Cloud-Optimized GeoTIFF."""
