"""A fold of cases that choose nothing: neither side of a comparison trains or selects on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HeldOut:
    """The data set that training sees, and the cases that it does not.

    Attributes:
        training: a folder with dataset.json and links to the other folds' files alone.
        cases: ids of the held-out cases, in the whole data set.
    """

    training: Path
    cases: tuple[str, ...]


def hold_out(data: Path, folder: Path, fold: int, folds: int) -> HeldOut:
    """Lays out `folder` as the data set less one fold.

    Each side divides what is left into training and validation by its own rule, so the best
    epoch is chosen by cases that are never scored.

    Raises:
        SystemExit: the fold is empty or leaves too few cases.
    """
    from unet.data.msd import load_dataset
    from unet.data.split import make_split

    dataset = load_dataset(data)
    cases = make_split(dataset, "kfold", fold=fold, folds=folds).validation
    kept = [case for case in dataset.cases if case.id not in cases and case.label is not None]
    if not cases or len(kept) < 2:
        raise SystemExit(f"{data}: fold {fold} of {folds} leaves {len(kept)} cases to train on")
    entries = []
    for case in kept:
        entry = {}
        for kind, source in (("image", case.image), ("label", case.label)):
            assert source is not None, "cases without a label are not kept"
            name = Path(f"{kind}sTr") / source.name
            entry[kind] = f"./{name}"
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source.resolve())
        entries.append(entry)
    written = json.loads((data / "dataset.json").read_text())
    written |= {"training": entries, "numTraining": len(entries), "test": [], "numTest": 0}
    (folder / "dataset.json").write_text(json.dumps(written))
    return HeldOut(folder, tuple(cases))
