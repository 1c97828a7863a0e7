"""Lossless and near-lossless coding of samples: plain files, opacity, and the samples of a model's lossless files."""
