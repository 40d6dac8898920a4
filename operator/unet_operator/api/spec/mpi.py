"""spec.mpi: Intel MPI's own settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unet_operator.api.schema import Model, Text
from unet_operator.api.spec.pod_parts import EnvVar


class Mpi(Model):
    """Intel MPI's own settings."""

    env: Annotated[list[EnvVar], Field(max_length=64)] = Field(
        default=[],
        description="Variables of every rank, passed as -genv, such as I_MPI_DEBUG; they win "
        "over the operator's own.",
    )
    args: Annotated[list[Text], Field(max_length=64)] = Field(
        default=[],
        description="Further arguments of mpiexec.hydra, one per element. No shell reads them.",
    )
