"""Pictures in and out: arrays, Pillow images, metadata, opacity, tiling and scaling."""
