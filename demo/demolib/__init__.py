"""The demo: cluster, operator, data, one training, its results; standard library alone."""
