"""report.html: one file that shows the whole evaluation, worst cases first.

It follows the reader's light or dark setting, reads well on a telephone and in print, and
shows everything without its script, which only sorts the table and enlarges pictures.  The
words and figures are gathered here; templates/ holds the HTML, page.css and page.js the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unet.evaluation.folder import CaseResult, Folder
from unet.evaluation.intervals import Estimate
from unet.evaluation.metrics import SCORING_RULES
from unet.evaluation.notes import notes
from unet.evaluation.summary import Results
from unet.report.charts import CaptionedChart, strip_chart
from unet.report.gallery import gallery
from unet.report.score_tables import case_table, region_table
from unet.report.tiles import make_tiles
from unet.report.training_curves import read_log, training_curves

METHODS = (
    "Means over cases with 95 % bootstrap intervals, bias-corrected and accelerated "
    "(BCa, Efron 1987; 10,000 resamples). "
    "Surfaces are measured by area, as Nikolov et al. (2018) do."
)


def write_report(folder: Folder, results: Results) -> Path:
    """Writes report.html and returns its path.

    Raises:
        DiskError: it cannot be written.
    """
    path = folder.root / "report.html"
    folder.write_text(path, render(folder, results))
    return path


def render(folder: Folder, results: Results) -> str:
    """The page's HTML, pictures included."""
    settings, summary = results.settings, results.summary
    ranked = sorted(results.cases, key=lambda case: (case.dice, case.case))
    cases = f"{len(ranked)} case{'' if len(ranked) == 1 else 's'}"
    return (
        _environment()
        .get_template("results_page.html.j2")
        .render(
            title=f"{settings.dataset}: Dice {summary.mean_dice.mean:.3f}",
            lead=f"{', '.join(settings.regions)} in {settings.dataset}, {cases} "
            f"({settings.selection.replace(',', ', ')})",
            notes=notes(results),
            tiles=make_tiles(results),
            strip=_strip(ranked, summary.mean_dice),
            region_table=region_table(results),
            several_regions=len(settings.regions) > 1,
            cards=gallery(folder, ranked),
            case_count=len(ranked),
            curves=training_curves(read_log(folder, Path(settings.model))),
            case_table=case_table(results, ranked),
            methods=METHODS,
            rules=SCORING_RULES,
            facts=_facts(results),
        )
    )


@cache
def _environment() -> Environment:
    """Templates that escape what they are given, and stop at a name that is not."""
    environment = Environment(
        loader=PackageLoader("unet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("page.css", "page.js"):
        text = files("unet.report").joinpath(name).read_text(encoding="utf-8")
        environment.globals[name.replace(".", "_")] = Markup(text)
    return environment


def _strip(ranked: Sequence[CaseResult], mean: Estimate) -> CaptionedChart:
    """All cases by their Dice."""
    interval = None
    caption = "Each dot is a case."
    if mean.low is not None and mean.high is not None:
        interval = (mean.low, mean.high)
        caption = "Each dot is a case; the line is the mean, the band its 95 % interval."
    title = f"Dice of {len(ranked)} cases from 0 to 1, mean {mean.mean:.3f}"
    points = [(case.case, case.dice) for case in ranked]
    return CaptionedChart(strip_chart(title, points, mean.mean, interval), caption)


def _facts(results: Results) -> dict[str, str]:
    """How the model was run, by name."""
    settings = results.settings
    return {
        "Model": f"{settings.model} (sha256 {settings.model_sha256[:12]}…)",
        "Trained on": settings.trained_on,
        "Input channels": ", ".join(settings.channels),
        "Windows": f"Gaussian weights, overlap {settings.window_overlap:g}, "
        + ("left and right mirrored" if settings.mirror else "not mirrored"),
        "Post-processing": str(settings.postprocess)
        + (
            f", chosen on {len(chosen)} cases" if (chosen := settings.postprocess_chosen_on) else ""
        ),
        "Engine": ", ".join(sorted({case.backend for case in results.cases})),
        "Time": f"{np.mean([case.seconds for case in results.cases]):.1f} s a case",
    }
