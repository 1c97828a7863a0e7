"""Decoding of files to pictures, regions and thumbnails."""
