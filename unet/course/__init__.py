"""The commands of Intel's course: `train.py`, `train_horovod.py`, `evaluate_model.py`.

Their flags, defaults and files, on this package's own training and evaluation
(docs/course.md).
"""
