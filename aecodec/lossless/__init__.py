"""Lossless and near-lossless coding of samples: plain files, opacity, and the remainder of lossy files."""
