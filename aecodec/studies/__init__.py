"""Studies on a trained codec: how it takes distorted pictures, and pictures that show a training run."""
