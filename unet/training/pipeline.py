"""From a data set to a plan and prepared cases; every step leaves a file in the run folder.

dataset.json → preflight → split → fingerprint → plan → preprocess → cache.  All ranks take
part in reading the cases.  Rank 0 alone reads and writes the run folder and decides; the
others are told through `Comm`, since a shared volume may show them an older folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from unet.data.cache import Cache
from unet.data.msd import Dataset
from unet.data.preflight import (
    QUARANTINE_FILE,
    Preflight,
    merge,
    run_preflight,
    save_quarantine,
)
from unet.data.regions import Target
from unet.data.split import Split, save_split
from unet.parallel.comm import Comm
from unet.parallel.fence import Fence
from unet.planning.fingerprint import Fingerprint, compute_fingerprint
from unet.planning.plan import LARGEST_SHARE, MEMORY_SHARE, Plan, make_plan
from unet.planning.settings import TrainConfig
from unet.planning.task import read_task
from unet.system.errors import DataError, MemoryShortError, UsageError
from unet.system.machine import Machine, this_machine, weakest
from unet.system.progress import Reporter
from unet.system.run_folder import make_folder, write_file
from unet.training.resume import adapted, require_same_settings
from unet.training.trial_step import refine

Told = TypeVar("Told", bound=BaseModel)

PLANNING_ROUNDS = 4


@dataclass(frozen=True)
class Prepared:
    """All that the training loop needs to know of the data."""

    dataset: Dataset
    split: Split
    fingerprint: Fingerprint
    plan: Plan
    cache: Cache


def prepare(config: TrainConfig, comm: Comm, reporter: Reporter) -> Prepared:
    """Runs every stage that has not left its file yet.

    Raises:
        DataError, UsageError, DiskError, MemoryShortError: as the stages do.
    """
    dataset, split, fingerprint, plan = _planned(config, comm, reporter)
    cache = Cache(config.cache or config.output / "cache", dataset, plan.recipe)
    began = time.monotonic()
    cache.prepare(
        [*split.training, *split.validation],
        comm.rank,
        comm.size,
        lambda done, total: reporter.stage("preprocess", done, total, began),
    )
    comm.barrier()
    return Prepared(dataset, split, fingerprint, plan, cache)


def plan_only(config: TrainConfig, comm: Comm, reporter: Reporter) -> Plan:
    """The plan, and its files in the run folder; prepares no case."""
    make_folder(config.output)
    return _planned(config, comm, reporter)[3]


def _planned(
    config: TrainConfig, comm: Comm, reporter: Reporter
) -> tuple[Dataset, Split, Fingerprint, Plan]:
    task = read_task(config)
    dataset, channels, target = task.dataset, task.channels, task.target
    run = config.output
    saved = _told(comm, Plan, lambda: read_plan(run, config))
    fingerprint, bad = _read_all(config, dataset, channels, comm, reporter)
    split = task.split.without(bad)
    machine = weakest(
        [
            Machine.model_validate_json(str(text))
            for text in comm.gather_objects(this_machine().model_dump_json())
        ]
    )
    if saved is not None:
        _require_same_work(run / "plan.json", saved, channels, target)
        plan = adapted(saved, config, comm.size, machine)
    else:
        plan = _told(
            comm,
            Plan,
            lambda: _fitting_plan(config, fingerprint, target, split.training, comm.size, machine),
        )
        assert plan is not None, "rank 0 has made one"
        for reason in plan.reasons:
            reporter.event("reason", text=reason)
    if comm.rank == 0:
        Fence(run, config.attempt).check()
        save_split(split, dataset, run)
        write_file(run / "fingerprint.json", fingerprint.model_dump_json(indent=1))
        if saved is None:
            write_file(run / "plan.json", plan.model_dump_json(indent=1))
    reporter.event(
        "plan",
        patch_size=",".join(map(str, plan.patch_size)),
        batch_size=plan.batch_size,
        global_batch_size=plan.global_batch_size,
        memory_bytes=plan.memory_bytes,
        epochs=plan.epochs,
        precision=plan.precision,
    )
    return dataset, split, fingerprint, plan


def _told(comm: Comm, kind: type[Told], find: Callable[[], Told | None]) -> Told | None:
    """What rank 0 finds, on every rank; collective."""
    found = find() if comm.rank == 0 else None
    text = comm.gather_objects(None if found is None else found.model_dump_json())[0]
    return None if text is None else kind.model_validate_json(str(text))


def read_plan(run: Path, config: TrainConfig) -> Plan | None:
    """The run's plan, if it has one that was made for these settings.

    Raises:
        DataError: the file is damaged.
        UsageError: it was made for other settings, and they are not to replace it.
    """
    file = run / "plan.json"
    try:
        plan = Plan.model_validate_json(file.read_text()) if file.is_file() else None
    except ValueError as error:
        raise DataError(str(file), "not a plan", "remove it; it is made again") from error
    if plan is None or plan.settings is None or plan.settings == config.identity():
        return plan
    if config.resume == "auto":
        require_same_settings(str(file), plan.settings, config.identity())
    return None


def _require_same_work(file: Path, plan: Plan, channels: Sequence[int], target: Target) -> None:
    """Refuses a plan that was made for other channels or regions."""
    remedy = "give the same --channels and --region, or another --output"
    if plan.recipe.channels != tuple(channels):
        found = f"made for channels {plan.recipe.channels}, not {tuple(channels)}"
        raise UsageError(str(file), found, remedy)
    if plan.target != target:
        names = " and ".join(", ".join(t.names) for t in (plan.target, target))
        raise UsageError(str(file), f"made for other regions ({names})", remedy)


def _read_all(
    config: TrainConfig, dataset: Dataset, channels: Sequence[int], comm: Comm, reporter: Reporter
) -> tuple[Fingerprint, frozenset[str]]:
    """Preflight and fingerprint in one pass, sharded over ranks."""
    saved = _told(comm, Fingerprint, lambda: _read_fingerprint(config, dataset, channels))
    if saved is not None:
        known = {case.case for case in saved.cases}
        return saved, frozenset(case.id for case in dataset.cases) - known
    began = time.monotonic()
    mine = run_preflight(
        dataset,
        channels=channels,
        rank=comm.rank,
        size=comm.size,
        on_progress=lambda done, total: reporter.stage("preflight", done, total, began),
    )
    shares = [Preflight.model_validate_json(t) for t in comm.gather_objects(mine.model_dump_json())]
    whole = merge(shares)
    if comm.rank == 0:
        save_quarantine(whole, config.output)
    whole.require(config.max_bad_cases)
    sound = [facts.case for facts in whole.facts]
    return compute_fingerprint(dataset, sound, channels, known=whole.facts), whole.bad_cases


def _read_fingerprint(
    config: TrainConfig, dataset: Dataset, channels: Sequence[int]
) -> Fingerprint | None:
    """The run's fingerprint, if it has one of this data set and these channels.

    Raises:
        DataError: the file is damaged.
        UsageError: cases have come or gone since, and the run is to go on: its split would
            mix training and validation cases.
    """
    file, quarantine = config.output / "fingerprint.json", config.output / QUARANTINE_FILE
    if not file.is_file():
        return None
    try:
        found = Fingerprint.model_validate_json(file.read_text())
        damaged = (
            Preflight.model_validate_json(quarantine.read_text()).bad_cases
            if quarantine.is_file()
            else frozenset()
        )
    except ValueError as error:
        remedy = f"remove it and {quarantine.name}; both are made again"
        raise DataError(str(file), "not a fingerprint", remedy) from error
    if found.channels != tuple(channels) or found.dataset != dataset.name:
        return None
    known = {case.case for case in found.cases} | damaged
    changed = known ^ {case.id for case in dataset.cases}
    if not changed:
        return found
    if config.resume == "never":
        return None
    raise UsageError(
        str(file),
        f"of other cases than {dataset.root} has now, such as {min(changed)}",
        "give back the run's own cases, or another --output, or --resume never",
    )


def _fitting_plan(
    config: TrainConfig,
    fingerprint: Fingerprint,
    target: Target,
    training: Sequence[str],
    ranks: int,
    machine: Machine,
) -> Plan:
    """Plans, measures, and plans again where memory or, with a time budget, speed surprise."""
    allowed = machine.memory_bytes
    for _ in range(PLANNING_ROUNDS):
        assumed = machine.model_copy(update={"memory_bytes": int(allowed)})
        plan = make_plan(fingerprint, target, config, assumed, training, ranks)
        plan = plan.model_copy(update={"memory_limit_bytes": machine.memory_bytes})
        planned_for = min(allowed, plan.memory_bytes / MEMORY_SHARE)
        try:
            measured = refine(plan, config, fingerprint)
        except MemoryShortError:
            allowed = 0.7 * planned_for
            continue
        if measured.memory_bytes > LARGEST_SHARE * machine.memory_bytes:
            allowed = 0.95 * planned_for * machine.memory_bytes / measured.memory_bytes
            continue
        surprise = measured.voxels_per_second / plan.voxels_per_second
        if not config.time_budget or machine.voxels_per_second or 0.8 < surprise < 1.25:
            return measured
        machine = machine.model_copy(update={"voxels_per_second": measured.voxels_per_second})
    raise MemoryShortError(
        "memory",
        f"{machine.memory_bytes / 2**30:.1f} GiB were too little for the plans tried",
        "give this process more, or a smaller --patch-size or --batch-size",
    )
