"""Merge patch (RFC 7386) and server-side apply by one manager."""

from __future__ import annotations

from support.operator.kubernetes.objects import Object


def merged(old: object, patch: object) -> object:
    """`old` with `patch` merged into it: null takes a field away, a list is replaced whole."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def applied(live: Object, before: Object, wanted: Object) -> Object:
    """`live` after its manager, who had applied `before`, applies `wanted`.

    Fields that the manager had applied and applies no more go; everybody else's stay.  A list
    counts as one field, as the lists are that the operator applies.
    """
    result = dict(live)
    for name in before.keys() - wanted.keys():
        result.pop(name, None)
    for name, value in wanted.items():
        old, mine = result.get(name), before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            result[name] = applied(old, mine if isinstance(mine, dict) else {}, value)
        else:
            result[name] = value
    return result
