"""Placeholders: 8 to 64 bytes without magic or checksum that stand for a picture until it is there."""
