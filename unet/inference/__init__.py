"""From a trained model to a mask on the case's own grid."""
