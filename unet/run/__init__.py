"""The life of a run: ranks, the training loop, checkpoints, progress."""
