"""Reads dataset.json of the Medical Segmentation Decathlon into a `Dataset`.

Real files differ from the published format: paths start with ``./`` or ``/``, name ``.nii``
for a ``.nii.gz``, keys are misspelt ("relase") or absent, folders hold ``._*`` files of a
Mac.  What has one possible meaning is accepted; what has none is a `DataError`.  Whether
the files exist and are sound is not asked here but by `unet.data.preflight`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import Path

from unet.data.brats_folders import brats_folders
from unet.data.channel_files import case_of, numbered_cases, volumes_in
from unet.data.dataset import SUFFIXES, Case, Dataset, case_id, plain_name
from unet.data.dataset_json import read_json, value_of
from unet.data.dataset_labels import read_labels
from unet.system.errors import DataError


def load_dataset(data_path: str | Path) -> Dataset:
    """Reads `data_path`/dataset.json (or the file itself).

    Raises:
        DataError: the file is missing, is not JSON, or a field has no possible meaning.
    """
    path = Path(data_path)
    file = path if path.suffix == ".json" else path / "dataset.json"
    if not file.exists() and (patients := brats_folders(file.parent)):
        return patients
    root = file.parent.resolve()
    content, notes = read_json(file)
    channels = channels_of(content, file)
    training = _entries(content, "training", file)
    cases = tuple(_case(root, entry, f"{file}: training[{i}]") for i, entry in training)
    if not cases:
        cases = _cases_on_disk(root, len(channels))
    if not cases:
        raise DataError(
            f"{file}: training",
            "no training cases, and no image in imagesTr",
            'list them as {"image": "./imagesTr/X.nii.gz", "label": "./labelsTr/X.nii.gz"}',
        )
    test = _entries(content, "test", file)
    test_cases = tuple(_case(root, entry, f"{file}: test[{i}]") for i, entry in test)
    _refuse_duplicates(cases, file)
    labels = read_labels(value_of(content, "labels"), f"{file}: labels")
    regions = [name for name in labels.regions if name not in labels.names.values()]
    _require_distinct((*labels.names.values(), *regions), f"{file}: labels", "label")
    return Dataset(
        root=root,
        name=str(value_of(content, "name") or root.name),
        channels=channels,
        labels=labels.names,
        regions=labels.regions,
        ignore=labels.ignore,
        cases=cases,
        test_cases=test_cases,
        notes=(*notes, *_notes(content, cases), *labels.notes),
    )


def _notes(content: dict[str, object], cases: tuple[Case, ...]) -> tuple[str, ...]:
    notes = []
    validation = value_of(content, "validation") if "validation" in content else None
    if isinstance(validation, list) and validation:
        notes.append(f"a validation section of {len(validation)} cases: they are not used")
    masks = {case.label for case in cases if case.label is not None}
    if len(cases) > 1 and len(masks) < sum(case.label is not None for case in cases):
        notes.append("several cases share one label file")
    return tuple(notes)


def _entries(content: dict[str, object], key: str, file: Path) -> list[tuple[int, object]]:
    """The list under `key` with its indices, without the `._*` files of a Mac."""
    value = value_of(content, key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataError(f"{file}: {key}", f"a {type(value).__name__}", "make it a list of cases")
    return [(i, entry) for i, entry in enumerate(value) if not _is_mac_file(entry)]


def _is_mac_file(entry: object) -> bool:
    image = entry.get("image") if isinstance(entry, dict) else entry
    return isinstance(image, str) and case_id(image).startswith("._")


def _case(root: Path, entry: object, where: str) -> Case:
    image, label = entry, None
    if isinstance(entry, dict):
        image, label = value_of(entry, "image"), value_of(entry, "label")
    listed = image if isinstance(image, list) else [image]
    files = [path for path in listed if isinstance(path, str) and path.strip()]
    if not files or len(files) < len(listed):
        remedy = 'write it as {"image": "./imagesTr/X.nii.gz", "label": "./labelsTr/X.nii.gz"}'
        raise DataError(where, "no image path", remedy)
    if label is not None and not isinstance(label, str):
        raise DataError(f"{where}.label", f"a {type(label).__name__}", "give the label's path")
    if any("\0" in path for path in (*files, label or "")):
        raise DataError(where, "a path with a zero byte", "correct the path")
    images = [_resolve(root, path) for path in files]
    return case_of(case_id(files[0]), images, _resolve(root, label) if label else None)


def _resolve(root: Path, listed: str) -> Path:
    """The file that a listed path means.

    The path counts from the data set's root whatever it starts with; the other of .nii and
    .nii.gz is taken where only that exists.  If nothing exists, the path as listed.
    """
    plain = listed.strip().replace("\\", "/")
    base = root / plain.lstrip("/")
    if unicodedata.normalize("NFC", plain) != unicodedata.normalize("NFD", plain):
        forms = [root / unicodedata.normalize(form, plain.lstrip("/")) for form in ("NFC", "NFD")]
    else:
        forms = []
    candidates = [each for form in (base, *forms) for each in (form, *_other_suffix(form))]
    if plain.startswith("/"):
        candidates += [Path(plain), *_other_suffix(Path(plain))]
    return next((path for path in candidates if _is_file(path)), base)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for a file, or a folder that is closed to us
        return False


def _other_suffix(path: Path) -> list[Path]:
    if path.name.endswith(".nii.gz"):
        return [path.with_name(path.name[: -len(".gz")])]
    if path.name.endswith(".nii"):
        return [path.with_name(path.name + ".gz")]
    return [path.with_name(path.name + suffix) for suffix in SUFFIXES]


def _cases_on_disk(root: Path, channels: int) -> tuple[Case, ...]:
    """Pairs imagesTr with labelsTr by file name, where dataset.json lists no case."""
    files = volumes_in(root / "imagesTr")
    found = numbered_cases(files, channels)
    if found is None:
        found = tuple(Case(id=case_id(file), image=file) for file in files)
    cases = []
    for case in found:
        suffix = case.image.name[len(case_id(case.image)) :]
        label = _resolve(root, f"labelsTr/{case.id}{suffix}")
        cases.append(case.model_copy(update={"label": label if _is_file(label) else None}))
    return tuple(cases)


def channels_of(content: dict[str, object], file: Path) -> tuple[str, ...]:
    """The channels that a dataset.json names, in file order.

    Raises:
        DataError: the field is missing or has no possible meaning.
    """
    value = value_of(content, "modality")
    where = f"{file}: modality"
    remedy = 'write it as {"0": "FLAIR", "1": "T1w"}'
    if not isinstance(value, dict) or not value:
        raise DataError(where, "missing" if value is None else "not an object", remedy)
    try:
        numbered = sorted((int(index), str(name)) for index, name in value.items())
    except ValueError:
        raise DataError(where, f"keys {', '.join(map(repr, value))}", remedy) from None
    if [index for index, _ in numbered] != list(range(len(numbered))):
        found = f"indices {', '.join(str(i) for i, _ in numbered)}"
        raise DataError(where, found, f"number them 0 to {len(numbered) - 1}")
    names = tuple(name.strip() or f"channel {index}" for index, name in numbered)
    _require_distinct(names, where, "modality")
    return names


def _require_distinct(names: Collection[str], where: str, what: str) -> None:
    """Names are how flags and trained models tell channels and labels apart."""
    if len({plain_name(name) for name in names}) != len(names):
        found = f"names {', '.join(map(repr, names))}"
        raise DataError(where, found, f"give every {what} a name of its own")


def _refuse_duplicates(cases: tuple[Case, ...], file: Path) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            remedy = "list every case once; file names tell cases apart"
            raise DataError(f"{file}: training", f"case {case.id} twice", remedy)
        seen.add(case.id)
