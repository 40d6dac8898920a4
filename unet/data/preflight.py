"""Reads every byte of every case before the first step, so that no run dies in its third hour.

A damaged case is quarantined: case, file, what was found, what to do, checksum. The run goes
on without it if that was allowed (``--max-bad-cases``). What is odd but usable is a notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from unet.data.case_comparison import absent_labels, odd_cases
from unet.data.case_facts import CaseFacts
from unet.data.case_measurement import facts_of_case
from unet.data.dataset import Case, Dataset
from unet.data.volume import read_case
from unet.system.errors import DataError, MemoryShortError
from unet.system.json_file import write_model
from unet.system.run_folder import make_folder

QUARANTINE_FILE = "quarantine.json"


class Quarantined(BaseModel):
    """A case to leave out. `sha256` is of the file as found, None if it is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    file: str
    reason: str
    remedy: str
    sha256: str | None


class Notice(BaseModel):
    """Something odd about a case that training can live with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    file: str
    found: str


Entry = TypeVar("Entry", Quarantined, Notice, CaseFacts)


class Preflight(BaseModel):
    """What preflight found, and the facts that reading the sound cases gave on the way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    checked: int
    quarantined: tuple[Quarantined, ...] = ()
    notices: tuple[Notice, ...] = ()
    facts: tuple[CaseFacts, ...] = ()

    @property
    def bad_cases(self) -> frozenset[str]:
        """Ids of the quarantined cases."""
        return frozenset(entry.case for entry in self.quarantined)

    def require(self, max_bad_cases: int) -> None:
        """Refuses more bad cases than allowed, and a data set without any labelled voxel.

        Raises:
            DataError: names the first bad case.
        """
        if len(self.quarantined) > max_bad_cases:
            first, others = self.quarantined[0], len(self.quarantined) - 1
            more = f" (and {others} more bad case{'s' if others > 1 else ''})" if others else ""
            remedy = first.remedy
            if self.facts:
                remedy += f", or go on without with --max-bad-cases {others + 1}"
            raise DataError(first.file, f"{first.reason}{more}", remedy)
        if not self.facts:
            found = f"no sound case among {self.checked}"
            raise DataError(f"{self.dataset}: training", found, "repair the data set")
        if not any(sum(facts.label_voxels.values()) for facts in self.facts):
            found = f"every mask is empty ({len(self.facts)} cases)"
            raise DataError(f"{self.dataset}: training", found, "give labels with labelled voxels")


def run_preflight(
    dataset: Dataset,
    cases: Sequence[str] | None = None,
    *,
    channels: Sequence[int],
    rank: int = 0,
    size: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Preflight:
    """Checks this rank's share of the cases; never raises for a bad one.

    Args:
        dataset: as loaded.
        cases: ids, all training cases if None.
        channels: indices of the channels in use; others need only unpack.
        rank: of this process.
        size: number of ranks; `merge` joins their results.
        on_progress: called with (done, total) of this rank's share.
    """
    every = dataset.cases if cases is None else [dataset.case(case_id) for case_id in cases]
    share = every[rank::size]
    results: list[Quarantined | CaseFacts] = []
    for done, case in enumerate(share):
        if on_progress:
            on_progress(done, len(share))
        results.append(check_case(dataset, case, channels))
    if on_progress:
        on_progress(len(share), len(share))
    facts = tuple(result for result in results if isinstance(result, CaseFacts))
    preflight = Preflight(
        dataset=dataset.name,
        checked=len(share),
        quarantined=tuple(result for result in results if isinstance(result, Quarantined)),
        notices=tuple(notice for each in facts for notice in _notices(dataset, each)),
        facts=facts,
    )
    return _compared(preflight, dataset) if size == 1 else preflight


def merge(shares: Sequence[Preflight], dataset: Dataset) -> Preflight:
    """Joins the ranks' shares, in the order of the case ids, and compares the cases."""
    if len(shares) == 1:
        return shares[0]
    merged = Preflight(
        dataset=shares[0].dataset,
        checked=sum(share.checked for share in shares),
        quarantined=_by_case(entry for share in shares for entry in share.quarantined),
        notices=_by_case(entry for share in shares for entry in share.notices),
        facts=_by_case(entry for share in shares for entry in share.facts),
    )
    return _compared(merged, dataset)


def _compared(preflight: Preflight, dataset: Dataset) -> Preflight:
    """Adds what only all cases together tell, and what was odd about dataset.json."""
    odd = [
        Notice(case=case, file=str(dataset.case(case).image), found=found)
        for case, found in odd_cases(preflight.facts)
    ]
    file = str(dataset.root / "dataset.json")
    remarks = (*dataset.notes, *absent_labels(preflight.facts, dataset.labels))
    whole = [Notice(case=dataset.name, file=file, found=found) for found in remarks]
    return preflight.model_copy(update={"notices": (*preflight.notices, *odd, *whole)})


def check_case(dataset: Dataset, case: Case, channels: Sequence[int]) -> Quarantined | CaseFacts:
    """Reads one case whole; returns its facts if it is sound."""
    try:
        if case.label is None:
            remedy = "add its label's path to dataset.json or leave the case out"
            raise DataError(str(case.image), "no label", remedy)
        image, label = read_case(dataset, case, channels)
    except (DataError, MemoryShortError) as error:
        files = [path for path in (case.label, *case.images) if path is not None]
        file = next((path for path in files if error.where.startswith(str(path))), case.image)
        field = error.where.removeprefix(str(file)).strip(": ")
        return Quarantined(
            case=case.id,
            file=str(file),
            reason=f"{field}: {error.found}" if field else error.found,
            remedy=error.remedy,
            sha256=_sha256(file),
        )
    return facts_of_case(case.id, image, label, dataset.labels)


def save_quarantine(preflight: Preflight, folder: Path) -> None:
    """Writes quarantine.json: all but the facts, which are the fingerprint's.

    Raises:
        DiskError: `folder` cannot be written.
    """
    make_folder(folder)
    write_model(folder / QUARANTINE_FILE, preflight, exclude={"facts"})


def _notices(dataset: Dataset, facts: CaseFacts) -> list[Notice]:
    case = dataset.case(facts.case)
    notices = []
    if not sum(facts.label_voxels.values()):
        notices.append(Notice(case=case.id, file=str(case.label), found="the mask is empty"))
    if facts.labels_cut:
        found = f"{facts.labels_cut} labelled voxels outside the body will not be learnt"
        notices.append(Notice(case=case.id, file=str(case.label), found=found))
    for channel in facts.channels:
        if channel.percentiles[0] == channel.percentiles[-1]:
            found = f"a constant channel, all {channel.percentiles[0]:g}"
            notices.append(Notice(case=case.id, file=str(case.image), found=found))
    if facts.spacing is None:
        found = "voxel spacing unknown (all 1 without a unit): measured in voxels, not mm"
        notices.append(Notice(case=case.id, file=str(case.image), found=found))
    return notices


def _by_case(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.case))


def _sha256(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
