"""From dataset.json to patches: read, check, split, prepare once, sample."""
