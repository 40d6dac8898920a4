"""A Job's pods: their names, their marks, and how they are made from its template."""

from __future__ import annotations

from itertools import count

from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.store import Store

TRACKED = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until its end has been counted."""
INDEX = "batch.kubernetes.io/job-completion-index"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What the API server makes the ends of generated names of: they spell no word."""


def tracked(pod: Object) -> bool:
    """Whether the end of a pod has still to be counted."""
    return TRACKED in pod["metadata"].get("finalizers", ())


def index_of(pod: Object) -> int | None:
    """The part of an Indexed Job that a pod does."""
    text = pod["metadata"].get("annotations", {}).get(INDEX)
    return int(text) if text is not None else None


def indexes(text: str) -> set[int]:
    """The numbers of a list such as `1,3-5,7`."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def indexes_text(numbers: set[int]) -> str:
    """The list that `indexes` reads, three or more in a row as a range."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{r[0]}-{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs]
    return ",".join(parts)


class PodMaker:
    """Makes pods from the templates of Jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = count(1)

    def __call__(self, job: Object, index: int | None) -> Object:
        """Makes a pod of `job`.

        Raises:
            Refusal: the API server will not have it.
        """
        meta, template = job["metadata"], job["spec"]["template"]
        own: Object = template.get("metadata", {})
        labels, annotations = dict(own.get("labels", {})), dict(own.get("annotations", {}))
        spec = dict(template.get("spec", {}))
        stem = meta["name"]
        if index is not None:
            labels[INDEX] = annotations[INDEX] = str(index)
            spec["hostname"] = stem = f"{stem}-{index}"
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        body: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{stem}-{self._suffix()}",
                "labels": labels,
                "annotations": annotations,
                "finalizers": [TRACKED],
                "ownerReferences": [owner],
            },
            "spec": spec,
        }
        return self._store.create("pods", meta["namespace"], body)

    def _suffix(self) -> str:
        number, text = next(self._numbers), ""
        for _ in range(5):
            number, digit = divmod(number, len(_LETTERS))
            text = _LETTERS[digit] + text
        return text
