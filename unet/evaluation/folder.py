"""What an evaluation consists of and how it lies on disk.

    OUTPUT/evaluation.json            what is evaluated, equal for all shards
    OUTPUT/cases/CASE.json            one case's scores, written once whole
    OUTPUT/predictions_directory/     CASE_img, CASE_msk, CASE_pred .nii.gz
    OUTPUT/overlays/CASE.png

A case's scores carry the digest of the settings they were made with and the identities of the
image and label they were made from, so that shards may run in any order and again, and scores
of another model or of a file that has changed since are never mixed in.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from statistics import mean
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from unet.evaluation.file_identity import FileIdentity
from unet.evaluation.metrics import RegionScore
from unet.evaluation.postprocess import Postprocess
from unet.system.atomic_file import write_text
from unet.system.errors import DataError, UsageError
from unet.system.os_error import while_reading, while_writing

Use = Literal["training", "validation", "test", "unseen"]


class CaseUse(BaseModel):
    """A case and what it was to the model's training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    use: Use


NO_PART_OF_A_SCORE = {
    *("cases", "selection", "model", "trained_on"),
    *("epoch_chosen_on", "postprocess_chosen_on"),
}
"""Settings that say where things came from, and change no figure."""


class Settings(BaseModel):
    """What is evaluated, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Path of the model file."""
    model_sha256: str
    trained_on: str
    dataset: str
    selection: str
    """What was asked for: validation, test, all or ids."""
    cases: tuple[CaseUse, ...]
    regions: tuple[str, ...]
    channels: tuple[str, ...]
    window_overlap: float
    mirror: bool
    postprocess: Postprocess
    tolerances: tuple[float, ...]
    label_values: dict[str, tuple[int, ...]] = {}
    """By region, as the data set numbers them."""
    channel_places: tuple[int, ...] = ()
    """Where the data set's files hold the model's channels."""
    epoch_chosen_on: tuple[str, ...] = ()
    """Cases whose validation Dice chose the model's epoch; none where the last was kept."""
    postprocess_chosen_on: tuple[str, ...] = ()
    """Cases on which the post-processing was chosen."""

    @property
    def digest(self) -> str:
        """Names what a case's score depends on; the selection of cases is no part of it."""
        relevant = self.model_dump_json(exclude=NO_PART_OF_A_SCORE)
        return hashlib.sha256(relevant.encode()).hexdigest()[:16]


class CaseResult(BaseModel):
    """The scores of one case.

    Dice of a case with several regions is their mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    settings: str
    """Digest of the settings."""
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float] | None
    """mm along the file's axes, None where unknown."""
    regions: tuple[RegionScore, ...]
    candidates: dict[str, dict[str, float]]
    """Dice by region and post-processing rule."""
    seconds: float
    backend: str
    """Engine and precision."""
    images: tuple[FileIdentity, ...] = ()
    label: FileIdentity | None = None
    """Of the files that were read; nothing from releases that did not record them."""
    absent: tuple[str, ...] = ()
    """Regions that no case of the evaluation has, and which no mean counts."""

    @property
    def dice(self) -> float:
        """Mean over the regions of the Dice over the whole volume."""
        return mean(score.dice for score in self.counted)

    @property
    def dice_course_crop(self) -> float:
        """Mean over the regions of the course's Dice."""
        return mean(score.dice_course_crop for score in self.counted)

    @property
    def counted(self) -> tuple[RegionScore, ...]:
        """The regions that means count."""
        return tuple(score for score in self.regions if score.region not in self.absent)

    @property
    def distance_unit(self) -> Literal["mm", "voxels"]:
        """Unit of HD95 and of the tolerances."""
        return "mm" if self.spacing else "voxels"

    @property
    def volume_unit(self) -> Literal["ml", "voxels"]:
        """Unit of the volumes."""
        return "ml" if self.spacing else "voxels"


class Folder:
    """The output folder of an evaluation."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.settings_file = self.root / "evaluation.json"
        self.cases = self.root / "cases"
        self.predictions = self.root / "predictions_directory"
        self.overlays = self.root / "overlays"

    def overlay(self, case: str) -> Path:
        """Where a case's picture lies."""
        return self.overlays / f"{case}.png"

    def make(self) -> None:
        """Makes the folders.

        Raises:
            DiskError: they cannot be made.
        """
        try:
            for folder in (self.cases, self.predictions, self.overlays):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise while_writing(self.root, error) from error

    def write(self, file: Path, content: BaseModel) -> None:
        """Writes a model as JSON, whole or not at all.

        Raises:
            DiskError: it cannot be written.
        """
        self.write_text(file, content.model_dump_json(indent=1) + "\n")

    def write_text(self, file: Path, text: str) -> None:
        """Writes a text, whole or not at all.

        Raises:
            DiskError: it cannot be written.
        """
        try:
            write_text(file, text)
        except OSError as error:
            raise while_writing(file, error) from error

    def settings(self) -> Settings:
        """Reads evaluation.json.

        Raises:
            DataError: it is missing or damaged.
        """
        try:
            return Settings.model_validate_json(self.settings_file.read_text(encoding="utf-8"))
        except OSError as error:
            remedy = "run `unet evaluate --output` with this folder first"
            raise while_reading(self.settings_file, error, remedy) from None
        except ValidationError as error:
            found = " ".join(str(error).split())[:200]
            raise DataError(str(self.settings_file), found, "evaluate again") from None

    def any_result(self, case: str) -> CaseResult | None:
        """The scores of a case, whatever they were made with; None if there are none."""
        try:
            content = (self.cases / f"{case}.json").read_text(encoding="utf-8")
            result = CaseResult.model_validate_json(content)
        except (FileNotFoundError, ValidationError):
            return None
        except OSError as error:
            raise while_reading(self.cases / f"{case}.json", error) from error
        return result if (self.predictions / f"{case}_pred.nii.gz").is_file() else None

    def forget(self, case: str) -> None:
        """Removes a case's scores and picture, so that both are made anew.

        Raises:
            DiskError: they cannot be removed.
        """
        for file in (self.cases / f"{case}.json", self.overlay(case)):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise while_writing(file, error) from error

    def result(self, case: str, digest: str) -> CaseResult | None:
        """The scores of a case, None if there are none made with these settings."""
        result = self.any_result(case)
        return result if result is not None and result.settings == digest else None


def as_begun(folder: Folder, settings: Settings) -> Settings:
    """The settings, with the post-processing that the folder's evaluation was begun with.

    A report may have saved new rules since; a shard that runs again must fit in with the
    others all the same.
    """
    try:
        begun = folder.settings()
    except DataError:
        return settings
    rules = {name: getattr(begun, name) for name in ("postprocess", "postprocess_chosen_on")}
    same = settings.model_copy(update=rules)
    return same if same.digest == begun.digest else settings


def parse_shard(text: str) -> tuple[int, int]:
    """``I/N`` → (I, N), I from 0.

    Raises:
        UsageError: it is not that.
    """
    first, _, second = text.partition("/")
    if first.isdigit() and second.isdigit() and int(first) < int(second):
        return int(first), int(second)
    raise UsageError("--shard", repr(text), "give I/N with I from 0 to N-1, e.g. 0/4")
