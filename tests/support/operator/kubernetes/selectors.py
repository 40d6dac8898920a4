"""Label and field selectors: equality, joined by commas, as the operator uses them."""

from __future__ import annotations

from support.operator.kubernetes.objects import Object


def selects(body: Object, labels: str, fields: str) -> bool:
    """Whether `body` fits both selectors; an empty one fits everything."""
    return _labels_fit(body, labels) and _fields_fit(body, fields)


def _labels_fit(body: Object, selector: str) -> bool:
    held = body["metadata"].get("labels", {})
    for wanted in filter(None, selector.split(",")):
        name, _, value = wanted.partition("=")
        if held.get(name) != value:
            return False
    return True


def _fields_fit(body: Object, selector: str) -> bool:
    for wanted in filter(None, selector.split(",")):
        path, _, value = wanted.partition("=")
        node: object = body
        for part in path.split("."):
            node = node.get(part, {}) if isinstance(node, dict) else {}
        if node != value:
            return False
    return True
