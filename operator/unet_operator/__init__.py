"""The operator: turns a UNetTraining into MPI workers, a launcher and an evaluation."""

__version__ = "0.1.0"
