"""What only an encoder decides: candidates, residuals, rate targets, packing."""
