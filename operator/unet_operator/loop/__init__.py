"""The running operator: queue, reconcile, read, perform, tell."""
