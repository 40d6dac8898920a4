"""The mpirun line: arguments of `unet launch`, and of the `unet train` that every rank runs."""

from __future__ import annotations

from unet_operator.api import pod_paths
from unet_operator.build.context import Context
from unet_operator.build.rank_environment import rank_environment


def launch_arguments(context: Context, attempt: int, replicas: int) -> list[str]:
    """Arguments of `unet launch`, one element each: no shell and no `$(NAME)` ever sees them."""
    spec = context.training.spec
    slots = spec.workers.slots_per_worker
    genv = [f"--genv={name}={value}" for name, value in rank_environment(context).items()]
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
