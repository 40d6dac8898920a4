"""Scores of predictions against labels, and their statistics."""
