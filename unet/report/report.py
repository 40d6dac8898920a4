"""report.html: one file that shows the whole evaluation, worst cases first."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from unet.evaluation.folder import CaseResult, Folder
from unet.evaluation.intervals import Estimate
from unet.evaluation.metrics import SCORING_RULES
from unet.evaluation.notes import notes
from unet.evaluation.summary import Results
from unet.report.charts import Series, line_chart, strip_chart
from unet.report.page import page

GALLERY = 48
"""Pictures in the page, at most; beyond, the worst half, the middle and the best quarter."""


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
    sections = [
        _warnings(results),
        _tiles(results),
        _section("Every case", _strip(ranked, summary.mean_dice)),
        _regions(results),
        _gallery(folder, ranked, several=len(settings.regions) > 1),
        _curves(read_log(folder, Path(settings.model))),
        _table(results, ranked),
        _how(results),
    ]
    lead = (
        f"{escape(', '.join(settings.regions))} in {escape(settings.dataset)}, "
        f"{_count(len(results.cases), 'case')} ({escape(settings.selection.replace(',', ', '))})"
    )
    return page(f"{settings.dataset}: Dice {summary.mean_dice.mean:.3f}", lead, "".join(sections))


def read_log(folder: Folder, model: Path) -> list[dict[str, float]]:
    """The training's epochs from the run's log.jsonl; [] where there is none.

    It is looked for beside the model, in the folder above, and above the evaluation.
    """
    places = (model.parent, model.parent.parent, folder.root.resolve().parent)
    file = next((p / "log.jsonl" for p in places if (p / "log.jsonl").is_file()), None)
    if file is None:
        return []
    epochs: dict[float, dict[str, float]] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if not isinstance(entry, dict) or "epoch" not in entry:
            continue
        figures = {k: float(v) for k, v in entry.items() if isinstance(v, int | float)}
        epochs[figures.get("epoch", 0.0)] = figures  # an epoch that was resumed counts once
    return [epochs[key] for key in sorted(epochs)]


def pick_for_gallery(count: int, most: int = GALLERY) -> list[int]:
    """Places in the ranking, worst first: all, or the worst, some of the middle and the best."""
    if count <= most:
        return list(range(count))
    quarter = most // 4
    worst = list(range(most - 2 * quarter))
    middle = count // 2 - quarter // 2
    centre = [i for i in range(middle, middle + quarter) if i >= len(worst)]
    best = [i for i in range(count - quarter, count) if i > (centre or worst)[-1]]
    return worst + centre + best


def _warnings(results: Results) -> str:
    return "".join(f'<p class="note" role="note">{escape(note)}</p>' for note in notes(results))


def _tiles(results: Results) -> str:
    summary = results.summary
    tiles = [
        _tile("Mean Dice, whole volume", summary.mean_dice, big=True),
        _tile("Dice, course crop", summary.mean_dice_course_crop),
    ]
    unit = summary.distance_unit
    distances = [region.hd95 for region in summary.regions if region.hd95]
    if distances:
        medians = [region.hd95_median for region in summary.regions if region.hd95_median]
        mean = np.mean([d.mean for d in distances])
        note = f"median {np.mean(medians):.1f} {unit}" if medians else ""
        tiles.append(_plain_tile("HD95", f"{mean:.1f} <small>{unit}</small>", note))
    for tolerance in results.settings.tolerances:
        key = f"{tolerance:g}"
        found = [region.nsd[key].mean for region in summary.regions if region.nsd]
        if found:
            within = unit.removesuffix("s") if key == "1" else unit
            tiles.append(
                _plain_tile(f"NSD at {key} {within}", f"{np.mean(found):.3f}", "of the surfaces")
            )
    true = sum(region.lesions.truth for region in summary.regions)
    hit = sum(region.lesions.found for region in summary.regions)
    spurious = sum(region.lesions.spurious for region in summary.regions)
    tiles.append(
        _plain_tile("Lesions found", f"{hit} <small>of {true}</small>", f"{spurious} spurious")
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(name: str, estimate: Estimate, *, big: bool = False) -> str:
    note = "one case"
    if estimate.low is not None and estimate.high is not None:
        note = f"{'95 % interval ' if big else ''}{estimate.low:.3f} to {estimate.high:.3f}"
    return _plain_tile(name, f"{estimate.mean:.3f}", note, big=big)


def _plain_tile(name: str, value: str, note: str, *, big: bool = False) -> str:
    kind = "tile big" if big else "tile"
    return (
        f'<div class="{kind}"><p class="name">{escape(name)}</p><p class="value">{value}</p>'
        f'<p class="note-small">{escape(note)}</p></div>'
    )


def _strip(ranked: Sequence[CaseResult], mean: Estimate) -> str:
    interval = None
    caption = "Each dot is a case."
    if mean.low is not None and mean.high is not None:
        interval = (mean.low, mean.high)
        caption = "Each dot is a case; the line is the mean, the band its 95 % interval."
    chart = strip_chart(
        f"Dice of {len(ranked)} cases from 0 to 1, mean {mean.mean:.3f}",
        [(case.case, case.dice) for case in ranked],
        mean.mean,
        interval,
    )
    return f"<figure>{chart}<figcaption>{caption}</figcaption></figure>"


def _regions(results: Results) -> str:
    regions = results.summary.regions
    if len(regions) < 2:
        return ""
    unit = results.summary.distance_unit
    rows = []
    for region in regions:
        distance = f"{region.hd95.mean:.2f}" if region.hd95 else "-"
        cells = [_estimate(region.dice), _estimate(region.dice_course_crop), distance]
        lesions = f"{region.lesions.found} of {region.lesions.truth}"
        cells += [lesions, str(region.lesions.spurious)]
        data = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(region.region)}</th>{data}</tr>')
    heads = ["region", "Dice", "course crop", f"HD95 ({unit})", "lesions found", "spurious"]
    return _section("Regions", _html_table("Means per region with 95 % intervals", heads, rows))


def _curves(epochs: list[dict[str, float]]) -> str:
    if len(epochs) < 2:
        return ""
    figures = []
    for key, name, unit_y in (
        ("loss", "Training loss", False),
        ("val_dice", "Validation Dice, whole volume", True),
    ):
        points = tuple((e["epoch"], e[key]) for e in epochs if key in e and np.isfinite(e[key]))
        if len(points) > 1:
            caption = f"{name} by epoch: {points[-1][1]:.3f} at the end"
            chart = line_chart(caption, [Series(key, points)], unit_y=unit_y)
            figures.append(f"<figure>{chart}<figcaption>{caption}</figcaption></figure>")
    return _section("Training", f'<div class="curves">{"".join(figures)}</div>') if figures else ""


def _gallery(folder: Folder, ranked: Sequence[CaseResult], *, several: bool) -> str:
    cards = []
    for place in pick_for_gallery(len(ranked)):
        case = ranked[place]
        try:
            picture = (folder.overlays / f"{case.case}.png").read_bytes()
        except OSError:
            continue
        data = base64.b64encode(picture).decode()
        name = escape(case.case)
        words = [escape(line) for line in _words(case)]
        text = f"Overlay of {name}, Dice {case.dice:.3f}: {'; '.join(words)}"
        cards.append(
            f'<li class="card" id="case-{escape(case.case, quote=True)}"><button class="zoom" '
            f'type="button" aria-label="Enlarge {name}"><img loading="lazy" '
            f'src="data:image/png;base64,{data}" alt="{escape(text, quote=True)}"></button>'
            f'<div class="text"><p class="case-name">{name}</p><p class="case-dice">'
            f'{case.dice:.3f}</p></div><div class="bar"><i style="width:{case.dice:.1%}"></i></div>'
            f'<p class="small">{"<br>".join(words)}</p></li>'
        )
    if not cards:
        return ""
    amber = '<li><i class="amber"></i>both, other label</li>' if several else ""
    legend = (
        '<ul class="legend"><li><i class="red"></i>predicted only</li><li><i class="blue"></i>'
        f'actual only</li><li><i class="purple"></i>both</li>{amber}</ul>'
    )
    shown = "Worst first."
    if len(cards) < len(ranked):
        shown = f"{len(cards)} of {len(ranked)} cases: the worst, the middle and the best."
    shown += " R and L are the patient's right and left, A the front, P the back."
    body = f'{legend}<p class="small">{shown}</p><ul class="gallery">{"".join(cards)}</ul>'
    return _section("Pictures", body)


def _words(case: CaseResult) -> list[str]:
    """What went wrong in a case, in a few words for each region."""
    words = []
    for score in case.regions:
        change = "no lesion in either"
        if score.volume_truth:
            percent = round(100 * (score.volume_predicted / score.volume_truth - 1))
            sign = "+" if percent > 0 else "\N{MINUS SIGN}" if percent else "±"
            change = f"volume {sign}{abs(percent)}\N{NO-BREAK SPACE}%"
        elif score.volume_predicted:
            change = "lesion predicted, none actual"
        head = f"{score.region} {score.dice:.3f}, " if len(case.regions) > 1 else ""
        words.append(f"{head}HD95 {score.hd95:.1f} {case.distance_unit}, {change}")
    return words


def _table(results: Results, ranked: Sequence[CaseResult]) -> str:
    uses = {use.id: use.use for use in results.settings.cases}
    tolerances = [f"{t:g}" for t in results.settings.tolerances]
    several = len(results.settings.regions) > 1
    rows = []
    for case in ranked:
        for score in case.regions:
            unit = case.distance_unit
            cells = [f"{score.dice:.4f}", f"{score.dice_course_crop:.4f}", f"{score.hd95:.2f}"]
            cells += [f"{score.nsd[t]:.4f}" for t in tolerances]
            digits = 1 if case.volume_unit == "ml" else 0
            cells += [f"{v:.{digits}f}" for v in (score.volume_truth, score.volume_predicted)]
            cells += [f"{score.lesions.found}/{score.lesions.truth}", str(score.lesions.spurious)]
            data = "".join(f"<td>{cell}</td>" for cell in cells)
            region = f"<td>{escape(score.region)}</td>" if several else ""
            rows.append(
                f'<tr><th scope="row">{escape(case.case)}</th>{region}<td>{uses[case.case]}</td>'
                f"{data}</tr>"
            )
    unit = results.summary.distance_unit
    distance = "" if unit == "mixed" else f" ({unit})"
    volume = {"mm": " (ml)", "voxels": " (voxels)", "mixed": ""}[unit]
    heads = ["case", *(["region"] if several else []), "use", "Dice", "course crop"]
    heads += [f"HD95{distance}", *(f"NSD {t}{distance}" for t in tolerances)]
    heads += [f"actual{volume}", f"predicted{volume}", "lesions found", "spurious"]
    table = _html_table("Scores per case, worst first; a head sorts", heads, rows, sortable=True)
    return _section("All scores", table)


def _how(results: Results) -> str:
    settings = results.settings
    facts = {
        "Model": f"{settings.model} (sha256 {settings.model_sha256[:12]}…)",
        "Trained on": settings.trained_on,
        "Input channels": ", ".join(settings.channels),
        "Windows": f"Gaussian weights, overlap {settings.window_overlap:g}, "
        + ("left and right mirrored" if settings.mirror else "not mirrored"),
        "Post-processing": str(settings.postprocess),
        "Engine": ", ".join(sorted({case.backend for case in results.cases})),
        "Time": f"{np.mean([case.seconds for case in results.cases]):.1f} s a case",
    }
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()
    )
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in SCORING_RULES)
    text = (
        "Means over cases with 95 % bootstrap intervals, bias-corrected and accelerated "
        "(BCa, Efron 1987; 10,000 resamples). "
        "Surfaces are measured by area, as Nikolov et al. (2018) do."
    )
    return _section(
        "How it was measured",
        f'<p>{text}</p><ul class="rules">{rules}</ul><dl class="facts">{listed}</dl>',
    )


def _html_table(
    caption: str, heads: Sequence[str], rows: Sequence[str], *, sortable: bool = False
) -> str:
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}">'  # noqa: E501
        f"<table{kind}><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _estimate(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.3f}"
    return (
        f'{estimate.mean:.3f} <span class="interval">[{estimate.low:.3f}, '
        f"{estimate.high:.3f}]</span>"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
