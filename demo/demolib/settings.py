"""What the demo makes and where, and what the user may set by environment variables."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path("demo-output")
NAMESPACE = "unet-demo"
NAME = "brain-tumour"
IMAGES = {"training": "unet.invalid/training:dev", "operator": "unet.invalid/operator:dev"}
TARGET = "/data/Task01_BrainTumour"
KUBECONFIG = str(ROOT / ".cluster/kubeconfig")
"""Of the throwaway cluster."""
YOURS = (
    os.environ.get("CLUSTER") == "current" or os.environ.get("KUBECONFIG", KUBECONFIG) != KUBECONFIG
)
"""Whether it runs on a cluster that the user has already."""


def training_image() -> str:
    """The image of the pods: the user's, else the one built here."""
    return os.environ.get("TRAINING_IMAGE", IMAGES["training"])


def operator_image() -> str:
    """The operator's image: the user's, else the one built here."""
    return os.environ.get("OPERATOR_IMAGE", IMAGES["operator"])


def storage_class() -> str:
    """The class of both claims: the user's, else the throwaway cluster's shared one."""
    return os.environ.get("STORAGE_CLASS", "shared")
