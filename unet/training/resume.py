"""Where a resumed run stands: pure rules that carry a plan and a position over to this life."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import JsonValue

from unet.planning.network import multiples_above
from unet.planning.patch_size import rounded
from unet.planning.plan import Plan
from unet.planning.settings import TrainSettings
from unet.system.errors import UsageError
from unet.system.machine import Machine
from unet.training.position import Position


def adapted(saved: Plan, config: TrainSettings, ranks: int, machine: Machine) -> Plan:
    """The run's own plan with what may change between two lives of it.

    Ranks, threads, batch, patch, epochs and validations may; network, grid and rate may not.
    A given patch is rounded up to what the run's network takes, as it is for a new run.
    An epoch keeps its number of patches.  Where the CPU has no bfloat16, which would be
    emulated at a tenth of the speed, float32 takes its place: weights are float32 anyway.

    Args:
        saved: as the run's first life made it.
        ranks: of this life.
        machine: what each of them has now.

    Raises:
        UsageError: the patch does not suit the course's network, whose sizes are as given.
    """
    asked, divisor = config.patch_size or saved.patch_size, saved.network.divisor
    patch = multiples_above(asked, divisor)
    if patch != asked and saved.network.kind == "course":
        found = f"{_sizes(asked)} for a network that needs multiples of {_sizes(divisor)}"
        raise UsageError("--patch-size", found, "give such sizes, or another --output")
    news = () if patch == asked else (rounded(asked, patch, saved.network.strides),)
    batch = config.batch_size or saved.batch_size
    emulated = saved.precision == "bfloat16" and config.precision == "auto" and not machine.bfloat16
    steps = max(1, round(saved.steps_per_epoch * saved.global_batch_size / (batch * ranks)))
    return saved.model_copy(
        update={
            "ranks": ranks,
            "threads": config.threads or saved.threads,
            "precision": "float32" if emulated else saved.precision,
            "patch_size": patch,
            "batch_size": batch,
            "micro_batch": saved.micro_batch and math.gcd(saved.micro_batch, batch),
            "steps_per_epoch": config.steps_per_epoch or steps,
            "epochs": config.epochs or saved.epochs,
            "validate_every": config.validate_every or saved.validate_every,
            "reasons": (*saved.reasons, *news),
        }
    )


def first_position(plan: Plan, config: TrainSettings) -> Position:
    """The beginning of a run."""
    return Position(
        epoch=0,
        step=0,
        global_step=0,
        steps_per_epoch=plan.steps_per_epoch,
        epochs=plan.epochs,
        ranks=plan.ranks,
        batch_size=plan.batch_size,
        threads=plan.threads,
        settings=config.identity(),
    )


def carried_over(saved: Position, beginning: Position, *, keep_epochs: bool) -> Position:
    """A checkpoint's position in this life's steps.

    Args:
        saved: the checkpoint's position.
        beginning: that of a run as this life would make it.
        keep_epochs: whether the checkpoint's number of epochs holds, not this life's.
    """
    ratio = beginning.steps_per_epoch / saved.steps_per_epoch
    moved = saved.model_copy(
        update={
            "step": round(saved.step * ratio),
            "losses": saved.losses * ratio if ratio != 1 else saved.losses,
            "steps_per_epoch": beginning.steps_per_epoch,
            "ranks": beginning.ranks,
            "batch_size": beginning.batch_size,
            "threads": beginning.threads,
        }
    )
    return moved if keep_epochs else moved.with_epochs(beginning.epochs)


def require_same_settings(
    where: str, saved: Mapping[str, JsonValue], given: Mapping[str, JsonValue]
) -> None:
    """Refuses to go on with other settings than the run was begun with.

    A setting that the release which began the run did not know had its default.

    Raises:
        UsageError: names the first field that differs.
    """
    for name in sorted(saved.keys() | given.keys()):
        before, now = saved.get(name, _default(name)), given.get(name)
        if before != now:
            raise UsageError(
                "--" + name.replace("_", "-"),
                f"{_in_words(now)}, but {where} was written with {_in_words(before)}",
                "give the same, another --output, or --resume never",
            )


def _default(name: str) -> JsonValue:
    field = TrainSettings.model_fields.get(name)
    default: JsonValue = None if field is None or field.is_required() else field.default
    return default


def _in_words(value: JsonValue) -> str:
    return "nothing given" if value is None else str(value)


def _sizes(sizes: tuple[int, ...]) -> str:
    return ",".join(map(str, sizes))
