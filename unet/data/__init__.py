"""From dataset.json to prepared cases: read, check, split, prepare once."""
