"""Training and export of models; needs the extra ``train`` (Keras 3 and one of its backends)."""
