"""Reads what an earlier life left in the run folder, and refuses what does not suit this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unet.data.dataset import Dataset
from unet.data.preflight import QUARANTINE_FILE, Preflight
from unet.data.regions import Target
from unet.data.split import Split
from unet.planning.fingerprint import Fingerprint
from unet.planning.plan import Plan
from unet.planning.settings import TrainSettings
from unet.system.errors import UsageError
from unet.system.json_file import read_model
from unet.training.resume import require_same_settings

PLAN_FILE, FINGERPRINT_FILE = "plan.json", "fingerprint.json"


def read_plan(run: Path, config: TrainSettings) -> Plan | None:
    """The run's plan, if it has one that was made for these settings.

    Raises:
        DataError: the file is damaged.
        UsageError: it was made for other settings, and they are not to replace it.
    """
    file = run / PLAN_FILE
    plan = read_model(file, Plan, remedy="remove it; it is made again")
    if plan is None or plan.settings is None or plan.settings == config.identity():
        return plan
    if config.resume == "auto":
        require_same_settings(str(file), plan.settings, config.identity())
        return plan  # of an older release, which knew fewer settings: those are not given now
    return None


def read_split(run: Path) -> Split | None:
    """The split that a run has, which it keeps whatever would be split today.

    Raises:
        DataError: the file is damaged.
    """
    return read_model(
        run / "split.json", Split, remedy="restore it, or begin with another --output"
    )


def require_same_work(run: Path, plan: Plan, channels: Sequence[int], target: Target) -> None:
    """Refuses a plan that was made for other channels or regions.

    Raises:
        UsageError: names both.
    """
    where, remedy = (
        str(run / PLAN_FILE),
        "give the same --channels and --region, or another --output",
    )
    if plan.recipe.channels != tuple(channels):
        found = f"made for channels {plan.recipe.channels}, not {tuple(channels)}"
        raise UsageError(where, found, remedy)
    if plan.target != target:
        names = " and ".join(", ".join(regions.names) for regions in (plan.target, target))
        raise UsageError(where, f"made for other regions ({names})", remedy)


def read_fingerprint(
    config: TrainSettings, dataset: Dataset, channels: Sequence[int]
) -> Fingerprint | None:
    """The run's fingerprint, if it has one of this data set and these channels.

    Raises:
        DataError: the file is damaged.
        UsageError: cases have come or gone since, and the run is to go on: its split would
            mix training and validation cases.
    """
    file, quarantine_file = config.output / FINGERPRINT_FILE, config.output / QUARANTINE_FILE
    remedy = f"remove it and {QUARANTINE_FILE}; both are made again"
    fingerprint = read_model(file, Fingerprint, remedy=remedy)
    if fingerprint is None:
        return None
    remedy = f"remove it and {FINGERPRINT_FILE}; both are made again"
    quarantine = read_model(quarantine_file, Preflight, remedy=remedy)
    if fingerprint.channels != tuple(channels) or fingerprint.dataset != dataset.name:
        return None
    known = {case.case for case in fingerprint.cases}
    known |= quarantine.bad_cases if quarantine else frozenset()
    changed = known ^ {case.id for case in dataset.cases}
    if not changed:
        return fingerprint
    if config.resume == "never":
        return None
    raise UsageError(
        str(file),
        f"of other cases than {dataset.root} has now, such as {min(changed)}",
        "give back the run's own cases, or another --output, or --resume never",
    )
