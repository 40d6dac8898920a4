"""From a trained model to predictions, metrics and the report."""
