"""Variables of every rank, and how many threads it computes with."""

from __future__ import annotations

from unet_operator.api.quantity import quantity
from unet_operator.build.context import Context


def rank_environment(context: Context) -> dict[str, str]:
    """Variables of every rank: the operator's, then pods.env, then mpi.env, which win.

    Of Intel MPI's own variables none is set here: `unet launch` knows which (docs/contract.md).
    """
    spec = context.training.spec
    computing = {"OMP_NUM_THREADS": str(threads_per_rank(context)), "KMP_BLOCKTIME": "1"}
    of_pods = {variable.name: variable.value for variable in spec.pods.env}
    of_mpi = {variable.name: variable.value for variable in spec.mpi.env}
    return computing | of_pods | of_mpi


def threads_per_rank(context: Context) -> int:
    """Whole cores of one rank, at least 1."""
    workers = context.training.spec.workers
    asked = workers.resources
    cpu = asked.limits.get("cpu", asked.requests.get("cpu", 1))
    try:
        cores = quantity(cpu)
    except ValueError:
        # The API server refuses such pods, and says so better than we could.
        return 1
    return max(1, int(cores / workers.slots_per_worker))
