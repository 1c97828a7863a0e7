"""Files to pictures, regions and thumbnails."""
