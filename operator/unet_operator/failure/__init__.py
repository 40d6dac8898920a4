"""Why something ended or does not start."""
