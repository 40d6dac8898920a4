"""The ten tasks of the Medical Segmentation Decathlon, as published.

The archives and their MD5 are those that MONAI's DecathlonDataset fetches
(monai/apps/datasets.py), a copy of the challenge's own in AWS Open Data; CC-BY-SA 4.0.
"""

from __future__ import annotations

MIRROR = "https://msd-for-monai.s3-us-west-2.amazonaws.com"
"""Where TASK.tar lies for every task."""
MD5 = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task03_Liver": "a90ec6c4aa7f6a3d087205e23d4e6397",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
    "Task06_Lung": "8afd997733c7fc0432f71255ba4e52dc",
    "Task07_Pancreas": "4f7080cfca169fa8066d17ce6eb061e4",
    "Task08_HepaticVessel": "641d79e80ec66453921d997fbf12a29c",
    "Task09_Spleen": "410d4a301da4e5b2f6f86ec3ddba524e",
    "Task10_Colon": "bad7a188931dc2f6acf72b08eb6202d0",
}
