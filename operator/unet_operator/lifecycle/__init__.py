"""The state machine of a training: pure decisions."""
