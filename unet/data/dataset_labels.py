"""What a dataset.json says of labels, in the Decathlon's words or nnU-Net's.

The Decathlon maps values to names, ``{"1": "edema"}``; nnU-Net v2 names to values,
``{"edema": 1}``, to lists of values for regions that overlap, and has a label ``ignore``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unet.system.errors import DataError

MAX_LABEL = 255  # labels are kept as uint8
REMEDY = 'write it as {"0": "background", "1": "tumour"}'
IGNORE = "ignore"


@dataclass(frozen=True)
class Labels:
    """Labels of a data set.

    Attributes:
        names: of every value but the background 0.
        regions: unions of values by name, where dataset.json has any.
        ignore: value of voxels that nobody judged.
    """

    names: dict[int, str]
    regions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    ignore: int | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about them."""
        if self.ignore is None:
            return ()
        return (f"label {self.ignore} ({IGNORE}): its voxels count as background",)


def read_labels(value: object, where: str) -> Labels:
    """Reads the field `labels`.

    Raises:
        DataError: it has no possible meaning.
    """
    if not isinstance(value, dict):
        raise DataError(where, "missing" if value is None else "not an object", REMEDY)
    turned = value and not any(_is_number(key) for key in value)
    turned = turned and all(_values(entry) is not None for entry in value.values())
    labels = _by_name(value, where) if turned else _by_value(value, where)
    values = [*labels.names, *([] if labels.ignore is None else [labels.ignore])]
    bad = next((number for number in values if not 0 <= number <= MAX_LABEL), None)
    if bad is not None:
        raise DataError(where, f"value {str(bad)[:20]}", f"use values from 0 to {MAX_LABEL}")
    names = {number: name for number, name in sorted(labels.names.items()) if number}
    if not names:
        raise DataError(where, "nothing but background", REMEDY)
    return Labels(names, labels.regions, labels.ignore)


def _by_value(value: dict[str, object], where: str) -> Labels:
    try:
        names = {int(key): str(name).strip() or f"label {key}" for key, name in value.items()}
    except ValueError:
        keys = ", ".join(map(repr, value))
        raise DataError(where, f"keys {keys[:200]}", REMEDY) from None
    return Labels(names)


def _by_name(value: dict[str, object], where: str) -> Labels:
    names: dict[int, str] = {}
    regions: dict[str, tuple[int, ...]] = {}
    ignore = None
    for key, entry in value.items():
        numbers, name = _values(entry) or (), key.strip()
        if name.casefold() == IGNORE and len(numbers) == 1:
            ignore = numbers[0]
        elif len(numbers) == 1:
            if numbers[0] in names:
                found = f"value {numbers[0]} for {names[numbers[0]]!r} and {name!r}"
                raise DataError(where, found, "give every label a value of its own")
            names[numbers[0]] = name or f"label {numbers[0]}"
        elif name.casefold() != "background":
            regions[name] = numbers
    for numbers in regions.values():
        for number in numbers:
            names.setdefault(number, f"label {number}")
    if regions:  # nnU-Net learns all of them as regions that may overlap
        single = {name: (number,) for number, name in names.items() if number and name in value}
        regions = regions | single
    return Labels(names, regions, ignore)


def _values(entry: object) -> tuple[int, ...] | None:
    """The label values of an entry, None if it is no whole number and no list of some."""
    listed = entry if isinstance(entry, list) else [entry]
    if not listed or any(isinstance(n, bool) or not isinstance(n, int) for n in listed):
        return None
    return tuple(sorted(set(listed)))


def _is_number(key: str) -> bool:
    return key.strip().removeprefix("-").isdigit()
