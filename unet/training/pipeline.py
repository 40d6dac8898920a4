"""From a data set to a plan and prepared cases; every stage leaves a file in the run folder.

dataset.json → preflight → split → fingerprint → plan → preparation → cache.  All ranks take
part in reading the cases.  Rank 0 alone reads and writes the run folder and decides; the
others are told through `Comm`, since a shared volume may show them an older folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import BaseModel

from unet.data.cache import Cache
from unet.data.dataset import Dataset
from unet.data.nifti_header import times
from unet.data.preflight import Preflight, merge, run_preflight, save_quarantine
from unet.data.recipe import Record
from unet.data.regions import Target
from unet.data.split import Split, save_split
from unet.parallel.agreement import from_rank_zero, gather_models
from unet.parallel.comm import Comm
from unet.parallel.fence import Fence
from unet.planning.fingerprint import Fingerprint, make_fingerprint
from unet.planning.plan import Plan
from unet.planning.settings import TrainSettings
from unet.planning.task import read_task
from unet.system.json_file import write_model
from unet.system.machine import this_machine, weakest
from unet.system.progress import Reporter
from unet.system.run_folder import make_folder
from unet.training.measured_plan import fitting_plan
from unet.training.resume import adapted
from unet.training.run_files import (
    FINGERPRINT_FILE,
    PLAN_FILE,
    read_fingerprint,
    read_plan,
    read_split,
    require_same_work,
)

MOST_NAMED = 5
"""Cases whose lost labels are named one by one."""


class Losses(BaseModel):
    """What a rank says of the labels that its cases have lost to the training grid."""

    words: dict[str, str]


@dataclass(frozen=True)
class PlannedData:
    """A data set with the cases to train on and the plan for them."""

    dataset: Dataset
    split: Split
    fingerprint: Fingerprint
    plan: Plan


@dataclass(frozen=True)
class TrainingData(PlannedData):
    """All that the training loop needs to know of the data: its cases are prepared as well."""

    cache: Cache


def prepare(config: TrainSettings, comm: Comm, reporter: Reporter) -> TrainingData:
    """Runs every stage that has not left its file yet; collective.

    Raises:
        DataError, UsageError, DiskError, MemoryShortError: as the stages do.
    """
    planned = plan_data(config, comm, reporter)
    dataset, split, plan = planned.dataset, planned.split, planned.plan
    cache = Cache(config.cache or config.output / "cache", dataset, plan.recipe)
    began = time.monotonic()
    cases = [*split.training, *split.validation]
    losses = cache.prepare(
        cases,
        comm.rank,
        comm.size,
        lambda done, total: reporter.stage("preprocess", done, total, began),
    )
    shares = gather_models(comm, Losses(words={c: _lost_words(r) for c, r in losses.items()}))
    told = {case: words for share in shares for case, words in share.words.items()}
    _warn_of_lost_labels(dataset, {case: told[case] for case in cases if case in told}, reporter)
    return TrainingData(dataset, split, planned.fingerprint, plan, cache)


def _lost_words(record: Record) -> str:
    labels = ", ".join(f"{value} ({count} voxels)" for value, count in record.lost.items())
    return f"label {labels} is lost on the grid of {times(record.shape)} voxels"


def _warn_of_lost_labels(dataset: Dataset, losses: Mapping[str, str], reporter: Reporter) -> None:
    """Names labels that are too small for the training grid: nothing of them is learnt there."""
    remedy = "give a finer --spacing or more --time-budget if it matters"
    for case, cause in islice(losses.items(), MOST_NAMED):
        label = dataset.case(case).label
        reporter.event("warning", path=label, cause=cause, remedy=remedy)
    if len(losses) > MOST_NAMED:
        cause = f"so are labels of {len(losses) - MOST_NAMED} more cases"
        reporter.event("warning", cause=cause, remedy="see `lost` in the record.json of the cache")


def plan_only(config: TrainSettings, comm: Comm, reporter: Reporter) -> Plan:
    """The plan, and its files in the run folder; prepares no case."""
    make_folder(config.output)
    return plan_data(config, comm, reporter).plan


def plan_data(config: TrainSettings, comm: Comm, reporter: Reporter) -> PlannedData:
    """Runs every stage up to the plan; collective.

    Raises:
        DataError, UsageError, DiskError, MemoryShortError: as the stages do.
    """
    task = read_task(config)
    dataset, channels, target = task.dataset, task.channels, task.target
    saved = from_rank_zero(comm, Plan, lambda: read_plan(config.output, config))
    fingerprint, bad_cases = _read_cases(config, dataset, channels, comm, reporter)
    own = None
    if saved is not None:
        require_same_work(config.output, saved, channels, target)
        own = from_rank_zero(comm, Split, lambda: read_split(config.output))
    split = (own or task.split).without(bad_cases)
    plan = _plan(config, saved, fingerprint, target, split, comm, reporter)
    planned = PlannedData(dataset, split, fingerprint, plan)
    if comm.rank == 0:
        _write_files(config, planned, new_plan=saved is None)
    reporter.event(
        "plan",
        patch_size=",".join(map(str, plan.patch_size)),
        batch_size=plan.batch_size,
        global_batch_size=plan.global_batch_size,
        memory_bytes=plan.memory_bytes,
        epochs=plan.epochs,
        precision=plan.precision,
    )
    return planned


def _plan(
    config: TrainSettings,
    saved: Plan | None,
    fingerprint: Fingerprint,
    target: Target,
    split: Split,
    comm: Comm,
    reporter: Reporter,
) -> Plan:
    """The run's own plan adapted to this life, else one that rank 0 makes."""
    machine = weakest(gather_models(comm, this_machine()))
    if saved is not None:
        plan = adapted(saved, config, comm.size, machine)
        news = plan.reasons[len(saved.reasons) :]
    else:
        made = from_rank_zero(
            comm,
            Plan,
            lambda: fitting_plan(config, fingerprint, target, split.training, comm.size, machine),
        )
        assert made is not None, "rank 0 has made one"
        plan, news = made, made.reasons
    for reason in news:
        reporter.event("reason", text=reason)
    return plan


def _write_files(config: TrainSettings, planned: PlannedData, *, new_plan: bool) -> None:
    """Leaves split and fingerprint in the run folder, and a plan only where it is new."""
    run = config.output
    Fence(run, config.attempt).check()
    save_split(planned.split, planned.dataset, run)
    write_model(run / FINGERPRINT_FILE, planned.fingerprint)
    if new_plan:
        write_model(run / PLAN_FILE, planned.plan)


def _read_cases(
    config: TrainSettings, dataset: Dataset, channels: Sequence[int], comm: Comm, reporter: Reporter
) -> tuple[Fingerprint, frozenset[str]]:
    """Preflight and fingerprint in one pass, sharded over ranks; and the cases set aside."""
    saved = from_rank_zero(comm, Fingerprint, lambda: read_fingerprint(config, dataset, channels))
    if saved is not None:
        known = {case.case for case in saved.cases}
        return saved, frozenset(case.id for case in dataset.cases) - known
    began = time.monotonic()
    share = run_preflight(
        dataset,
        channels=channels,
        rank=comm.rank,
        size=comm.size,
        on_progress=lambda done, total: reporter.stage("preflight", done, total, began),
    )
    whole: Preflight = merge(gather_models(comm, share), dataset)
    if comm.rank == 0:
        save_quarantine(whole, config.output)
    whole.require(config.max_bad_cases)
    return make_fingerprint(dataset, channels, whole.facts), whole.bad_cases
