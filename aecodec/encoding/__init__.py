"""The encoder's decisions: candidates, residuals, rate targets, packing."""
