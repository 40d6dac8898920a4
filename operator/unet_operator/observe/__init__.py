"""Kubernetes objects as what they say: pure readings and their store."""
