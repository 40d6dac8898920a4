"""What the demo makes and where, and what the user may set by environment variables."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / os.environ.get("DEMO_OUTPUT", "demo-output")
"""Relative to the project, from wherever the demo is started."""
NAMESPACE = "unet-demo"
NAME = "brain-tumour"
IMAGES = {"training": "unet.invalid/training:dev", "operator": "unet.invalid/operator:dev"}
TARGET = "/data/Task01_BrainTumour"
YOURS = bool(os.environ.get("CLUSTER"))
"""Whether it runs on a cluster that the user has already, and has named."""
CLUSTER_NAME = os.environ.get("CLUSTER_NAME") or "unet"
"""Of the throwaway cluster."""
CLUSTER_PORT = os.environ.get("CLUSTER_PORT", "")
KUBECONFIG = str(
    ROOT / ".cluster" / ("" if CLUSTER_NAME == "unet" else CLUSTER_NAME) / "kubeconfig"
)
"""Of the throwaway cluster."""
WHICH = ("--name", CLUSTER_NAME, *(("--port", CLUSTER_PORT) if CLUSTER_PORT else ()))
KUBE = (str(ROOT / "cluster/kube"), *WHICH)
PYTHON = os.environ.get("PYTHON") or "python3"


def training_image() -> str:
    """The image of the pods: the user's, else the one built here."""
    return os.environ.get("TRAINING_IMAGE", IMAGES["training"])


def operator_image() -> str:
    """The operator's image: the user's, else the one built here."""
    return os.environ.get("OPERATOR_IMAGE", IMAGES["operator"])


def storage_class() -> str:
    """The class of both claims: the user's, else the throwaway cluster's shared one."""
    return os.environ.get("STORAGE_CLASS", "shared")
