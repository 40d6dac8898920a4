"""The spec of a UNetTraining: fields, units, defaults and rules, one module a section.

The CRD is generated from here (`crd.py`), so a description below is what `kubectl explain`
says.  A field's unit travels as `json_schema_extra={"unit": …}` and its default is appended
to the description by the generator, so neither can be forgotten or go stale.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unet_operator.api.schema import Model, Text
from unet_operator.api.spec.dataset import Dataset
from unet_operator.api.spec.evaluation import Evaluation
from unet_operator.api.spec.mpi import Mpi
from unet_operator.api.spec.output import Output
from unet_operator.api.spec.pods import Pods
from unet_operator.api.spec.run_policy import RunPolicy
from unet_operator.api.spec.training import TrainingSettings
from unet_operator.api.spec.workers import Launcher, Workers


class Spec(Model):
    """What the user asks for."""

    image: Text | None = Field(
        default=None, description="Training image; empty takes the operator's own."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When a node fetches the image."
    )
    dataset: Dataset = Field(description="What to train on.")
    training: TrainingSettings = Field(default=TrainingSettings(), description="How to train.")
    workers: Workers = Field(default=Workers(), description="The pods that train.")
    launcher: Launcher = Field(
        default=Launcher(), description="The pod that runs mpiexec and prints the training."
    )
    mpi: Mpi = Field(default=Mpi(), description="Intel MPI's own settings.")
    evaluation: Evaluation = Field(
        default=Evaluation(),
        description="Whole-volume predictions of the validation cases, and their score.",
    )
    output: Output = Field(description="Where checkpoints, predictions and the report go.")
    run_policy: RunPolicy = Field(
        default=RunPolicy(),
        description="How long it may run, how often it may fail, what stays afterwards.",
    )
    pods: Pods = Field(default=Pods(), description="What every pod of the training shares.")
