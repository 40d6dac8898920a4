"""Predicts images that have no label, one after the other, past those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unet.data.dataset import Case
from unet.data.nifti_file import read_header
from unet.data.volume import read_images
from unet.evaluation.postprocess import load_postprocess
from unet.inference.image_files import image_cases, model_channels
from unet.inference.prediction import Prediction
from unet.inference.prediction_file import write_volume
from unet.inference.predictor import Predictor, make_predictor
from unet.inference.settings import PredictSettings
from unet.network.saved_model import SavedModel, load_model
from unet.system.errors import DataError, MemoryShortError, UnetError
from unet.system.run_folder import make_folder


def predict_images(
    settings: PredictSettings,
    on_prediction: Callable[[Prediction], None] | None = None,
    on_failure: Callable[[UnetError], None] | None = None,
) -> tuple[Prediction, ...]:
    """Predicts every image; see `unet.api.predict`.

    Raises:
        DataError: the model cannot be read; or images could not be predicted, after all
            others are done.
        MemoryShortError: there was no memory for the only one.
        DiskError: a prediction cannot be written.
    """
    saved = load_model(settings.saved_model)
    cases = image_cases(settings.images, saved.channel_names)
    predict_image = _ImagePrediction(settings, saved)
    make_folder(settings.output)
    predictions: list[Prediction] = []
    failed: list[UnetError] = []
    for case in cases:
        try:
            prediction = predict_image(case)
        except (DataError, MemoryShortError) as error:
            failed.append(error)
            if len(cases) > 1 and on_failure:
                on_failure(error)
            continue
        if on_prediction:
            on_prediction(prediction)
        predictions.append(prediction)
    _require_none(failed, len(cases))
    return tuple(predictions)


def _require_none(failed: Sequence[UnetError], asked: int) -> None:
    """Raises what kept images from being predicted."""
    if not failed:
        return
    first = failed[0]
    if asked == 1:
        raise first
    others = [error.where for error in failed[1:]]
    found = first.found
    if others:
        listed = ", ".join(others[:5]) + (", …" if len(others) > 5 else "")
        found += f" (and {len(others)} more could not be predicted: {listed})"
    raise DataError(first.where, found, f"{first.remedy}; the others of {asked} are predicted")


class _ImagePrediction:
    """Predicts one image; keeps a predictor for each choice of channels."""

    def __init__(self, settings: PredictSettings, saved: SavedModel) -> None:
        self._settings, self._saved = settings, saved
        self._postprocess = load_postprocess(saved.path).postprocess
        self._predictors: dict[tuple[int, ...], Predictor] = {}

    def __call__(self, case: Case) -> Prediction:
        try:
            return self._predicted(case)
        except MemoryError as error:
            found = f"memory ran out while it was predicted ({str(error) or 'allocation failed'})"
            remedy = "give this process more memory, or a smaller image"
            raise MemoryShortError(str(case.image), found, remedy) from None

    def _predicted(self, case: Case) -> Prediction:
        saved, target = self._saved, self._saved.target
        described = read_header(case.image)
        header, count = described.nifti, len(case.images)
        if count == 1 and len(described.shape) == 4:
            count = described.shape[3]
        channels = model_channels(case, count, saved.channel_names)
        if channels not in self._predictors:
            self._predictors[channels] = make_predictor(self._settings, saved, channels)
        predictor, output, beside = self._predictors[channels], self._settings.output, None
        path = output / f"{case.id}_pred.nii.gz"
        # The volume itself is let go: it would take as much memory as all that follows.
        prepared = predictor.prepare(read_images(case.images, count, channels), case.id)
        if self._settings.save_probabilities:
            probabilities = predictor.restored_probabilities(prepared)
            beside = output / f"{case.id}_prob.nii.gz"
            write_volume(beside, probabilities, described.affine, header)
            masks = target.decode(probabilities)
        elif not self._postprocess.changes_nothing:
            masks = predictor.masks(prepared)
        else:
            label_map, voxels = predictor.label_map(prepared)
            write_volume(path, label_map, described.affine, header)
            return Prediction(image=case.image, file=path, probabilities=None, voxels=voxels)
        masks = self._postprocess.apply(masks, target.names)
        write_volume(path, target.label_map(masks), described.affine, header)
        voxels = {name: int(masks[..., i].sum()) for i, name in enumerate(target.names)}
        return Prediction(image=case.image, file=path, probabilities=beside, voxels=voxels)
