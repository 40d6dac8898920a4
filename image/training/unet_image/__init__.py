"""Entry points of the training image (docs/images.md)."""
