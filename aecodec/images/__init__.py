"""Pictures in and out: arrays, Pillow images, metadata, opacity, tile grids, scaling, distortions."""
