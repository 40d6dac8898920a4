"""Reads dataset.json of the Medical Segmentation Decathlon into a `Dataset`.

Real files differ from the published format: paths start with ``./`` or ``/``, name ``.nii``
for a ``.nii.gz``, keys are misspelt ("relase") or absent, folders hold ``._*`` files of a
Mac.  What has one possible meaning is accepted; what has none is a `DataError`.  Whether
the files exist and are sound is not asked here but by `unet.data.preflight`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from unet.data.dataset import Case, Dataset, plain_name
from unet.system.errors import DataError

SUFFIXES = (".nii.gz", ".nii")
MAX_LABEL = 255  # labels are kept as uint8


def load_dataset(data_path: str | Path) -> Dataset:
    """Reads `data_path`/dataset.json (or the file itself).

    Raises:
        DataError: the file is missing, is not JSON, or a field has no possible meaning.
    """
    path = Path(data_path)
    file = path if path.suffix == ".json" else path / "dataset.json"
    root = file.parent.resolve()
    content = _read_json(file)
    training = _entries(content, "training", file)
    cases = tuple(_case(root, entry, f"{file}: training[{i}]") for i, entry in training)
    if not cases:
        cases = _cases_on_disk(root)
    if not cases:
        raise DataError(
            f"{file}: training",
            "no training cases, and no image in imagesTr",
            'list them as {"image": "./imagesTr/X.nii.gz", "label": "./labelsTr/X.nii.gz"}',
        )
    test = _entries(content, "test", file)
    test_cases = tuple(_case(root, entry, f"{file}: test[{i}]") for i, entry in test)
    _refuse_duplicates(cases, file)
    return Dataset(
        root=root,
        name=str(_value_of(content, "name") or root.name),
        channels=_channels(content, file),
        labels=_labels(content, file),
        cases=cases,
        test_cases=test_cases,
    )


def case_id(file: str | Path) -> str:
    """The id of a file's case: its name without folder and without .nii or .nii.gz."""
    name = PurePosixPath(str(file).strip().replace("\\", "/")).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _read_json(file: Path) -> dict[str, object]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(str(file), "no such file", _path_hint(file)) from None
    except NotADirectoryError:
        remedy = "give the folder that holds dataset.json"
        raise DataError(str(file.parent), "is not a folder", remedy) from None
    except OSError as error:
        raise DataError(str(file), error.strerror or str(error), "make it readable") from None
    except UnicodeDecodeError as error:
        raise DataError(str(file), f"not UTF-8 ({error.reason})", "save it as UTF-8") from None
    except json.JSONDecodeError as error:
        found = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise DataError(str(file), found, "correct it or unpack the data set again") from None
    if not isinstance(content, dict):
        remedy = "use the dataset.json of the Medical Segmentation Decathlon's format"
        raise DataError(str(file), f"a JSON {type(content).__name__}, not an object", remedy)
    return content


def _path_hint(file: Path) -> str:
    """What to give instead: the parent of a task, given by mistake, holds it one folder deeper."""
    deeper = sorted(file.parent.glob("*/dataset.json")) if file.parent.is_dir() else []
    if deeper:
        return f"give --data_path {deeper[0].parent}"
    return "give the folder that holds dataset.json as --data_path"


def _value_of(content: dict[str, object], key: str) -> object | None:
    """The value of `key`, of its nnU-Net name, or of its only near misspelling."""
    synonyms = {"modality": ("channel_names", "modalities")}.get(key, ())
    for name in (key, *synonyms):
        if name in content:
            return content[name]
    lower = {name.strip().lower(): name for name in content}
    known = {"name", "description", "reference", "training", "test", "labels", "modality"}
    known |= {"licence", "release", "tensorimagesize", "numtraining", "numtest"}
    candidates = [name for name in lower if name == key or name not in known]
    near = difflib.get_close_matches(key, candidates, n=1, cutoff=0.8)
    return content[lower[near[0]]] if near else None


def _entries(content: dict[str, object], key: str, file: Path) -> list[tuple[int, object]]:
    """The list under `key` with its indices, without the `._*` files of a Mac."""
    value = _value_of(content, key)
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
        image, label = _value_of(entry, "image"), _value_of(entry, "label")
    if not isinstance(image, str) or not image.strip():
        remedy = 'write it as {"image": "./imagesTr/X.nii.gz", "label": "./labelsTr/X.nii.gz"}'
        raise DataError(where, "no image path", remedy)
    if label is not None and not isinstance(label, str):
        raise DataError(f"{where}.label", f"a {type(label).__name__}", "give the label's path")
    return Case(
        id=case_id(image),
        image=_resolve(root, image),
        label=_resolve(root, label) if label else None,
    )


def _resolve(root: Path, listed: str) -> Path:
    """The file that a listed path means.

    The path counts from the data set's root whatever it starts with; the other of .nii and
    .nii.gz is taken where only that exists.  If nothing exists, the path as listed.
    """
    plain = listed.strip().replace("\\", "/")
    base = root / plain.lstrip("/")
    candidates = [base, *_other_suffix(base)]
    if plain.startswith("/"):
        candidates += [Path(plain), *_other_suffix(Path(plain))]
    return next((path for path in candidates if path.is_file()), Path(str(base)))


def _other_suffix(path: Path) -> list[Path]:
    if path.name.endswith(".nii.gz"):
        return [path.with_name(path.name[: -len(".gz")])]
    if path.name.endswith(".nii"):
        return [path.with_name(path.name + ".gz")]
    return [path.with_name(path.name + suffix) for suffix in SUFFIXES]


def _cases_on_disk(root: Path) -> tuple[Case, ...]:
    """Pairs imagesTr with labelsTr by file name, where dataset.json lists no case."""
    images = sorted(p for p in (root / "imagesTr").glob("*.nii*") if not p.name.startswith("._"))
    cases = []
    for image in images:
        label = _resolve(root, f"labelsTr/{image.name}")
        cases.append(Case(id=case_id(image), image=image, label=label if label.is_file() else None))
    return tuple(cases)


def _channels(content: dict[str, object], file: Path) -> tuple[str, ...]:
    value = _value_of(content, "modality")
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


def _labels(content: dict[str, object], file: Path) -> dict[int, str]:
    value = _value_of(content, "labels")
    where = f"{file}: labels"
    remedy = 'write it as {"0": "background", "1": "tumour"}'
    if not isinstance(value, dict):
        raise DataError(where, "missing" if value is None else "not an object", remedy)
    try:
        labels = {int(key): str(name).strip() or f"label {key}" for key, name in value.items()}
    except ValueError:
        raise DataError(where, f"keys {', '.join(map(repr, value))}", remedy) from None
    bad = [key for key in labels if not 0 <= key <= MAX_LABEL]
    if bad:
        raise DataError(where, f"value {bad[0]}", f"use values from 0 to {MAX_LABEL}")
    labels.pop(0, None)
    if not labels:
        raise DataError(where, "nothing but background", remedy)
    _require_distinct(labels.values(), where, "label")
    return dict(sorted(labels.items()))


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
