"""Scores a model case by case: predict, compare, save, each case by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import nibabel as nib
import numpy as np

from unet.data import geometry
from unet.data.channels import pick_channels
from unet.data.dataset import Case, Dataset
from unet.data.regions import Target, make_target
from unet.data.volume import Volume, read_case
from unet.evaluation.file_identity import identify
from unet.evaluation.folder import CaseResult, Folder, Settings
from unet.evaluation.metrics import RegionScore, score_region
from unet.evaluation.postprocess import Learnt, candidate_dice, model_digest
from unet.evaluation.select_cases import select_cases
from unet.inference.prediction_file import compact, knows_sides, read_header, write_volume
from unet.inference.predictor import Predictor
from unet.network.saved_model import SavedModel
from unet.system.errors import DataError, UnetError, UsageError

TOLERANCES = (1.0, 2.0)
"""Of the NSD, in mm or voxels."""

OnCase = Callable[[CaseResult, int, int], None]
"""Called with a case's result, cases done and cases in all."""
OnAgain = Callable[[str, str], None]
"""Called with a case that has scores which do not hold any more, and why."""


class Draw(Protocol):
    """Draws a case's picture; `unet.report.overlay.draw_overlay` is one."""

    def __call__(
        self,
        path: Path,
        volume: Volume,
        prediction: np.ndarray,
        truth: np.ndarray,
        words: Sequence[str],
        *,
        several_labels: bool,
        sides_known: bool,
    ) -> None:
        """Writes the picture of label values uint8 [X, Y, Z] over the volume to `path`."""
        ...


class Evaluator:
    """Scores the cases of one shard.

    Args:
        dataset: with images and labels.
        predictor: of the model.
        settings: what to evaluate.
        folder: where results go.
        draw: draws the picture of each case; no pictures without it.
    """

    def __init__(
        self,
        dataset: Dataset,
        predictor: Predictor,
        settings: Settings,
        folder: Folder,
        *,
        draw: Draw | None = None,
    ) -> None:
        self.dataset, self.predictor = dataset, predictor
        self.settings, self.folder = settings, folder
        self.draw = draw
        self.target = target_for(predictor.saved, dataset)

    def run(
        self,
        shard: int = 0,
        shards: int = 1,
        on_case: OnCase | None = None,
        on_again: OnAgain | None = None,
    ) -> None:
        """Evaluates every `shards`-th case; scores that still hold are kept.

        Raises:
            DataError: cases that could not be read, after all others are done.
            DiskError: a result could not be written.
        """
        self.folder.make()
        self.folder.write(self.folder.settings_file, self.settings)
        share = self.settings.cases[shard::shards]
        failed: list[DataError] = []
        for done, chosen in enumerate(share, 1):
            case = self.dataset.case(chosen.id)
            result = self._kept(case, on_again)
            undrawn = self.draw is not None and not self.folder.overlay(case.id).is_file()
            if result is None or undrawn:
                try:
                    result = self.evaluate(case)
                except DataError as error:
                    failed.append(error)
                    continue
            if on_case:
                on_case(result, done, len(share))
        if failed:
            first = failed[0]
            more = f" (and {len(failed) - 1} other cases fail)" if len(failed) > 1 else ""
            raise DataError(first.where, first.found + more, first.remedy)

    def _kept(self, case: Case, on_again: OnAgain | None) -> CaseResult | None:
        """A case's scores if they are there and still hold; else says why they do not.

        Scores that do not hold are removed at once: should the case not be readable now, they
        must not be reported in the place of new ones.
        """
        result = self.folder.any_result(case.id)
        if result is None:
            return None
        why = self._why_outdated(case, result)
        if why is None:
            return result
        if on_again:
            on_again(case.id, why)
        self.folder.forget(case.id)
        return None

    def _why_outdated(self, case: Case, result: CaseResult) -> str | None:
        """Why scores do not hold any more, in words; None if they do."""
        if result.settings != self.settings.digest:
            return "its scores are of another model or of other settings"
        if not result.images or result.label is None or case.label is None:
            return "its scores do not say of which files they are"
        read = zip(result.images, case.images, strict=False)
        if len(result.images) != len(case.images) or not all(was.is_of(file) for was, file in read):
            return "its image has changed since it was scored"
        if not result.label.is_of(case.label):
            return "its label has changed since it was scored"
        return None

    def evaluate(self, case: Case) -> CaseResult:
        """Predicts and scores one case, and saves its volumes, picture and scores.

        Raises:
            DataError: it cannot be read.
            DiskError: a result cannot be written.
        """
        began = time.monotonic()
        if case.label is None:
            raise DataError(case.id, "has no label", "use `unet predict` for images without label")
        images, label_file = tuple(map(identify, case.images)), identify(case.label)
        volume, label = read_case(self.dataset, case, self.predictor.recipe.channels)
        assert label is not None, "the case has one"
        truth = self.target.region_masks(label)
        raw = self.predictor.masks(self.predictor.prepare(volume, case.id))
        prediction = self.settings.postprocess.apply(raw, self.target.names)
        spacing = file_spacing(volume)
        result = CaseResult(
            case=case.id,
            settings=self.settings.digest,
            shape=label.shape,
            spacing=spacing,
            regions=self._scores(prediction, truth, spacing),
            candidates={
                region: candidate_dice(raw[..., index], truth[..., index])
                for index, region in enumerate(self.target.names)
            },
            seconds=round(time.monotonic() - began, 3),
            backend=self.predictor.ran,
            images=images,
            label=label_file,
        )
        label_maps = self.target.label_map(prediction), self.target.label_map(truth)
        header = read_header(case.image)
        save_case(self.folder.predictions, case.id, volume, header, *label_maps)
        if self.draw:
            self.draw(
                self.folder.overlay(case.id),
                volume,
                *label_maps,
                (case.id, self.predictor.saved.channel_names[0], f"Dice {result.dice:.3f}"),
                several_labels=len(result.regions) > 1,
                sides_known=knows_sides(header),
            )
        # Last: it says that all of the case is there.
        self.folder.write(self.folder.cases / f"{case.id}.json", result)
        return result

    def _scores(
        self, prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, float, float] | None
    ) -> tuple[RegionScore, ...]:
        """Scores each region, bool [X, Y, Z, R] both."""
        return tuple(
            score_region(
                region,
                prediction[..., index],
                truth[..., index],
                spacing=spacing,
                tolerances=self.settings.tolerances,
            )
            for index, region in enumerate(self.target.names)
        )


def make_settings(
    saved: SavedModel, dataset: Dataset, wanted: str, learnt: Learnt, predictor: Predictor
) -> Settings:
    """Settles what is evaluated; the same for every shard.

    Raises:
        UsageError, DataError: as `select_cases`, or the model is of another task.
    """
    target = target_for(saved, dataset)
    return Settings(
        model=str(saved.path.resolve()),
        model_sha256=model_digest(saved.path),
        trained_on=saved.dataset_name,
        dataset=dataset.name,
        selection=wanted,
        cases=select_cases(dataset, saved.split, wanted),
        regions=target.names,
        channels=saved.channel_names,
        window_overlap=predictor.overlap,
        mirror=bool(predictor.mirror_axes),
        postprocess=learnt.postprocess,
        tolerances=TOLERANCES,
        label_values={region.name: region.labels for region in target.regions},
        channel_places=predictor.recipe.channels,
        epoch_chosen_on=saved.epoch_chosen_on,
        postprocess_chosen_on=learnt.cases,
    )


def channels_for(saved: SavedModel, dataset: Dataset) -> tuple[int, ...]:
    """Where the data set's files hold the model's channels, found by name.

    Raises:
        DataError: the data set lacks one: the model is of another task.
    """
    try:
        return pick_channels(dataset, saved.channel_names)
    except UsageError as error:
        raise _other_task(saved, dataset, error) from None


def target_for(saved: SavedModel, dataset: Dataset) -> Target:
    """The model's regions in the data set's own label values, found by name.

    Raises:
        DataError: the data set has no such region: the model is of another task.
    """
    names = saved.target.names
    try:
        if not saved.target.exclusive:
            return make_target(dataset, region=",".join(names))
        regions = [make_target(dataset, region=name).regions[0] for name in names]
        return make_target(dataset, labels=tuple(region.labels[0] for region in regions))
    except UsageError as error:
        raise _other_task(saved, dataset, error) from None


def _other_task(saved: SavedModel, dataset: Dataset, error: UnetError) -> DataError:
    found = f"{error.found}: the model was trained on {saved.dataset_name}"
    return DataError(f"{dataset.root}/dataset.json", found, "give data of the model's own task")


def file_spacing(volume: Volume) -> tuple[float, float, float] | None:
    """Voxel sizes in mm along the file's axes, None where unknown."""
    if volume.spacing is None:
        return None
    axes = [volume.spacing[axis] for axis, _ in geometry.orientation_of(volume.affine)]
    return (axes[0], axes[1], axes[2])


def save_case(
    folder: Path,
    case: str,
    volume: Volume,
    header: nib.Nifti1Header,
    prediction: np.ndarray,
    truth: np.ndarray,
) -> None:
    """Writes CASE_img, CASE_msk and CASE_pred on the case's own grid.

    Args:
        folder: where to.
        case: its id.
        volume: what the model saw.
        header: of the case's image file.
        prediction: uint8 [X, Y, Z].
        truth: uint8 [X, Y, Z].

    Raises:
        DiskError: they cannot be written.
    """
    image = volume.array[..., 0] if volume.array.shape[3] == 1 else volume.array
    parts = {"img": compact(image), "msk": truth, "pred": prediction}
    for kind, array in parts.items():
        write_volume(folder / f"{case}_{kind}.nii.gz", array, volume.affine, header)
