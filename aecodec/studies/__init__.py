"""Studies of a trained codec: its response to distorted pictures, and figures of a training run."""
