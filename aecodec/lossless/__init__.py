"""Coding in which every sample is promised: plain files and the remainder of lossy ones."""
