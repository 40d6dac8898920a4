"""Learns a model's post-processing from an evaluation of its validation cases."""

from __future__ import annotations

from pathlib import Path

from unet.evaluation.postprocess import Postprocess, choose, load_postprocess, save_postprocess
from unet.evaluation.summary import Results
from unet.system.errors import UnetError


def learn_postprocess(results: Results) -> Postprocess | None:
    """Chooses the post-processing on the validation cases and saves it with the model.

    Returns:
        What is newly saved.  None where the cases chosen were others, the model has moved or
        cannot be written to, or the same rules are saved already.
    """
    settings, model = results.settings, Path(results.settings.model)
    if settings.selection != "validation" or not model.is_file():
        return None
    chosen = choose([case.candidates for case in results.cases])
    if str(chosen) == str(load_postprocess(model)):
        return None
    try:
        save_postprocess(model, settings.model_sha256, chosen)
    except UnetError:  # another user's model: it only goes unsaved
        return None
    return chosen
