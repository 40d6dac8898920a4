"""One training run: batches, steps, checkpoints, validation."""
