"""Results of an evaluation, made from masks rather than predictions."""

import numpy as np

from unet.evaluation.folder import CaseResult, CaseUse, Settings
from unet.evaluation.metrics import score_region
from unet.evaluation.postprocess import Postprocess
from unet.evaluation.summary import Results, summarise


def make_results(dices, *, spacing=(1.0, 1.0, 1.0), training=(), regions=("a <b>",)):
    """Results of cases whose masks are made to score about these Dice."""
    cases = []
    for i, wanted in enumerate(dices):
        truth = np.zeros((20, 5, 5), bool)
        truth[:10] = True
        prediction = np.roll(truth, round((1 - wanted) * 10), axis=0)
        scores = tuple(score_region(r, prediction, truth, spacing=spacing) for r in regions)
        cases.append(
            CaseResult(
                case=f"case_{i}",
                settings="x",
                shape=(20, 5, 5),
                spacing=spacing,
                regions=scores,
                candidates={},
                seconds=1.0,
                backend="openvino",
            )
        )
    uses = tuple(
        CaseUse(id=c.case, use="training" if c.case in training else "validation") for c in cases
    )
    settings = Settings(
        model="/nowhere/model.hdf5",
        model_sha256="0" * 64,
        trained_on="Balls",
        dataset="Balls & co",
        selection="validation",
        cases=uses,
        regions=regions,
        channels=("FLAIR",),
        window_overlap=0.5,
        mirror=False,
        postprocess=Postprocess(),
        tolerances=(1.0, 2.0),
    )
    return Results(settings=settings, summary=summarise(settings, cases), cases=tuple(cases))
