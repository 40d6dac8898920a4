"""The attempt's ConfigMap: hostfile, the launcher's arguments, and the spec it came from."""

from __future__ import annotations

import json
from decimal import Decimal

from unet_operator.api import names, pod_paths
from unet_operator.build.common import Context, Manifest, meta

SUFFIXES = {"m": Decimal("0.001"), "": Decimal(1), "k": Decimal(1000)}


def config_map(context: Context, attempt: int, replicas: int) -> Manifest:
    """The immutable ConfigMap of an attempt."""
    training = context.training
    snapshot = training.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": meta(training, names.config(context.name, attempt), "config", attempt),
        "data": {
            "hostfile": hostfile(context, attempt, replicas),
            "launch.json": json.dumps(launch_arguments(context, attempt, replicas), indent=1),
            "spec.json": json.dumps(snapshot, indent=1),
        },
    }


def hostfile(context: Context, attempt: int, replicas: int) -> str:
    """One line HOST:SLOTS per worker."""
    slots = context.training.spec.workers.slots_per_worker
    hosts = (names.worker_host(context.name, attempt, i) for i in range(replicas))
    return "".join(f"{host}:{slots}\n" for host in hosts)


def launch_arguments(context: Context, attempt: int, replicas: int) -> list[str]:
    """Arguments of `unet launch`, one element each: no shell and no `$(NAME)` ever sees them."""
    spec = context.training.spec
    slots = spec.workers.slots_per_worker
    genv = [f"--genv={name}={value}" for name, value in rank_environment(context, replicas).items()]
    return [
        "--hostfile",
        f"{pod_paths.CONFIG}/hostfile",
        "--ranks",
        str(replicas * slots),
        "--ppn",
        str(slots),
        *genv,
        *(f"--mpi-arg={arg}" for arg in spec.mpi.args),
        "--",
        "train",
        *train_arguments(context, attempt),
    ]


def train_arguments(context: Context, attempt: int) -> list[str]:
    """Arguments of `unet train`, the user's own last."""
    spec, status = context.training.spec, context.training.status
    data, train, less = spec.dataset, spec.training, status.reduced
    batch = less.batch_size if less and less.batch_size else train.batch_size
    patch = less.patch_size if less and less.patch_size else train.patch_size
    options: dict[str, str] = {
        "--data_path": context.data_path,
        "--output": context.run_folder,
        "--attempt": str(attempt),
        "--resume": "auto",
    }
    if data.channels:
        options["--channels"] = ",".join(data.channels)
    if data.region is not None:
        options["--region"] = data.region
    if data.labels is not None:
        options["--labels"] = ",".join(map(str, data.labels))
    if train.time_budget is None:
        options["--epochs"] = str(train.epochs)
    else:
        options["--time-budget"] = train.time_budget
    options |= {
        "--seed": str(train.seed),
        "--validation-fraction": repr(train.validation_fraction),
    }
    # What is left to the plan is left out, so that the printed mpirun line shows choices only.
    chosen = {"--batch-size": batch, "--patch-size": patch, "--precision": train.precision}
    options |= {flag: str(value) for flag, value in chosen.items() if value != "auto"}
    if train.learning_rate is not None:
        options["--learning-rate"] = repr(train.learning_rate)
    return [word for pair in options.items() for word in pair] + list(train.extra_args)


def rank_environment(context: Context, replicas: int) -> dict[str, str]:
    """Variables of every rank: the operator's, then pods.env, then mpi.env, which win."""
    spec = context.training.spec
    threads = threads_per_rank(context)
    own = {
        "OMP_NUM_THREADS": str(threads),
        "KMP_BLOCKTIME": "1",
        # Pods share cores unless the kubelet's static policy gives them away: a pinned rank
        # would sit on a neighbour's core.
        "I_MPI_PIN": "0",
    }
    return own | {v.name: v.value for v in spec.pods.env} | {v.name: v.value for v in spec.mpi.env}


def threads_per_rank(context: Context) -> int:
    """Whole cores of one rank, at least 1."""
    workers = context.training.spec.workers
    asked = workers.resources
    cpu = asked.limits.get("cpu", asked.requests.get("cpu", 1))
    return max(1, int(cores(cpu) / workers.slots_per_worker))


def cores(quantity: int | str) -> Decimal:
    """A CPU quantity in cores: 2, 500m, 1.5."""
    text = str(quantity)
    number = text.rstrip("mk")
    suffix = text[len(number) :]
    try:
        return Decimal(number) * SUFFIXES[suffix]
    except (ArithmeticError, KeyError):
        return Decimal(1)
