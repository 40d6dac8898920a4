"""Ranks: starting them, talking to each other, and how they end."""
