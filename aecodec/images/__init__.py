"""Conversion from and to arrays and Pillow images; metadata, opacity, tile grids, scaling, distortions."""
